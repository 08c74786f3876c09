"""Time of compiled conditions against the same conditions hand-written in Python.

Run: ``python bench/feel.py``. Prints nanoseconds a call and the ratio; the promise is at most 5
for the first condition.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable, Mapping
from typing import Any

from phee import feel

Variables = Mapping[str, Any]
CONDITIONS: list[tuple[str, Callable[[Variables], Any], Variables]] = [
    (
        'transferFailed = true or transferState != "COMMITTED"',
        lambda v: v.get("transferFailed") is True or v.get("transferState") != "COMMITTED",
        {"transferFailed": False, "transferState": "COMMITTED"},
    ),
    (
        "partyLookupFailed = true",
        lambda v: v.get("partyLookupFailed") is True,
        {"partyLookupFailed": False},
    ),
    (
        "isAuthorisationRequired = true and authRetriesLeftCount < authRetriesLeft",
        lambda v: (
            v.get("isAuthorisationRequired") is True
            and v["authRetriesLeftCount"] < v["authRetriesLeft"]
        ),
        {"isAuthorisationRequired": True, "authRetriesLeftCount": 1, "authRetriesLeft": 3},
    ),
    (
        "responseCode >= 200 and responseCode <=299",
        lambda v: v["responseCode"] >= 200 and v["responseCode"] <= 299,
        {"responseCode": 202},
    ),
    (
        "some x in phases satisfies x <= completionRate",
        lambda v: any(x <= v["completionRate"] for x in v["phases"]),
        {"phases": [80, 60, 40], "completionRate": 50},
    ),
    ("transactionId", lambda v: v["transactionId"], {"transactionId": "4f3e"}),
]


def nanoseconds(function: Callable[[], Any]) -> float:
    """Best of five, in nanoseconds a call."""
    number = 50_000
    return min(timeit.repeat(function, number=number, repeat=5)) / number * 1e9


def main() -> None:
    """Print the table."""
    for text, by_hand, variables in CONDITIONS:
        expression = feel.compile(text)
        assert expression.evaluate(variables) == by_hand(variables)
        python = nanoseconds(lambda: by_hand(variables))  # noqa: B023
        ours = nanoseconds(lambda: expression.evaluate(variables))  # noqa: B023
        print(f"{ours:8.0f} ns  {python:8.0f} ns by hand  ratio {ours / python:5.1f}  {text}")


if __name__ == "__main__":
    main()
