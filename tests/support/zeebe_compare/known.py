"""Where the engine differs from Zeebe 8.5.8 on purpose: the whole list, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Lines = Sequence[str]


@dataclass(frozen=True)
class Difference:
    """``change`` turns the lines of a Zeebe trace into what the engine is expected to write.

    It must change something: a difference that is gone has to leave this list.
    """

    scenarios: frozenset[str]
    reason: str
    change: Callable[[Lines], list[str]]


KNOWN: tuple[Difference, ...] = ()
"""Empty: every scenario gives the same records."""


def expected_of_the_engine(name: str, zeebe: Lines) -> list[str]:
    """Return the trace of the scenario ``name`` with the known differences put in."""
    expected = list(zeebe)
    for difference in KNOWN:
        if name in difference.scenarios:
            changed = difference.change(expected)
            assert changed != expected, f"no longer a difference in {name}: {difference.reason}"
            expected = changed
    return expected
