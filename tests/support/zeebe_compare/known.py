"""Where the engine differs from Zeebe 8.5.8 on purpose: the whole list, each with its reason.

``docs/zeebe-differences.md`` tells users the same. One more is not a change of lines: the variables
that one scope gets at once come in the order of the document here and in that of a hash table in
Zeebe; the normal form sorts them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
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


def _values(ours: Mapping[str, str]) -> Callable[[Lines], list[str]]:
    """Give the variables named in ``ours`` that JSON text."""

    def change(line: str) -> str:
        for name, value in ours.items():
            if f'"name": "{name}"' in line:
                return line[: line.index('"value": ')] + f'"value": {json.dumps(value)}}}'
            if f'"variables": {{"{name}": ' in line:
                variables = json.dumps({name: json.loads(value)}, ensure_ascii=False)
                return line[: line.index('"variables": ')] + f'"variables": {variables}}}'
        return line

    return lambda lines: [change(line) for line in lines]


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
    Difference(
        frozenset({"mapping_shapes"}),
        "a nested target over a value that is no object replaces it; in Zeebe both are lost (null)",
        _substitute(
            r'("name": "out", .*"value": )"null"',
            r'\1"{\\"one\\":{\\"k\\":null},\\"two\\":{\\"three\\":\\"B\\"}}"',
        ),
    ),
    Difference(
        frozenset({"result_values"}),
        "temporal values, contexts and small numbers as text have FEEL's form, not Java's",
        _values(
            {
                "r21": '"0.0000001"',
                "r23": '"2024-02-29T10:00:00Z"',
                "r24": '"2024-02-29T10:00:00+02:00"',
                "r25": '"10:00:00"',
                "r27": '"P400D"',
                "r29": '"P29D"',
                "r33": '"{a: \\"b\\", c: 1}"',
            }
        ),
    ),
    Difference(
        frozenset({"result_values"}),
        "a whole number beyond 64 bits does not wrap around",
        _values({"r44": "1.0E20"}),
    ),
    Difference(
        frozenset({"result_values"}),
        "a range becomes its text; Zeebe writes null",
        _values({"r50": '"[1..3]"'}),
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
