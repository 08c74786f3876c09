"""Where the engine differs from Zeebe 8.5.8 on purpose: the whole list, each with its reason.

``docs/zeebe-differences.md`` tells users the same. One more is not a change of lines: the variables
that one scope gets at once come in the order of the document here and in that of a hash table in
Zeebe; the normal form sorts them.
"""

from __future__ import annotations

import re
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


def _substitute(pattern: str, replacement: str) -> Callable[[Lines], list[str]]:
    compiled = re.compile(pattern)
    return lambda lines: [compiled.sub(replacement, line) for line in lines]


KNOWN: tuple[Difference, ...] = (
    Difference(
        frozenset({"deploy_refused"}),
        "our own words for what is wrong with a drawing",
        _substitute(
            r"'broken\.bpmn': - Element: task.*",
            "'broken.bpmn': The drawing has 1 problem (broken.bpmn). Mend these and deploy it"
            " again: - task: The task has no job type; add zeebe:taskDefinition with a type"
            " [missing-job-type]",
        ),
    ),
    Difference(
        frozenset({"deploy_refused"}),
        "a refused deployment names no metadata of the drawings that were good",
        _substitute(r'"processesMetadata": \[.*?\], ', ""),
    ),
)


def expected_of_the_engine(name: str, zeebe: Lines) -> list[str]:
    """Return the trace of the scenario ``name`` with the known differences put in."""
    expected = list(zeebe)
    for difference in KNOWN:
        if name in difference.scenarios:
            changed = difference.change(expected)
            assert changed != expected, f"no longer a difference in {name}: {difference.reason}"
            expected = changed
    return expected
