"""Make two record streams of the same scenario comparable, and readable.

What differs from run to run is replaced: keys become ``K1``, ``K2``, ... and positions 1, 2, ...
in the order they are first seen; a point in time becomes its distance, in half seconds, from the
record that named it first (a repeated timer's from the one before it); a drawing becomes its
digest. Order, intents, every other field and every text stay. The variables that one scope gets in
a row are sorted. Fields that are ``-1`` or empty are left out of a line; a value that is the same
as in the last record of that value type and key is written as ``=``.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from zeebe_compare.scenario import Json

_KEY_MIN = 1 << 51
_KEY_IN_TEXT = re.compile(r"\b225\d{13}\b")
_TIMES = {"deadline", "dueDate", "recurringTime"}
_DISTANT_S = 30 * 24 * 3600
_EMPTY: tuple[Any, ...] = (-1, "", [], {})

NOT_EXPORTED = {"PROCESS_INSTANCE_RESULT"}
"""Value types of Zeebe 8.5 that its Kafka exporter does not pass on."""


def normalise(records: Sequence[Json], refusals: Sequence[str] = ()) -> list[str]:
    """Return one line of text per record, and then one per refused step."""
    kept = [record for record in records if record["valueType"] not in NOT_EXPORTED]
    kept = _sort_variables(kept)
    normaliser = _Normaliser({record["position"]: n for n, record in enumerate(kept, 1)})
    return [*map(normaliser.line, kept), *map(normaliser.refusal, refusals)]


def _sort_variables(records: Sequence[Json]) -> list[Json]:
    """Sort by name the variables that one scope gets in a row: Zeebe's order is a hash table's."""

    def scope(record: Json) -> tuple[int, int]:
        is_variable = record["valueType"] == "VARIABLE"
        return (record["value"]["scopeKey"], 0) if is_variable else (0, record["position"])

    runs = [list(run) for _, run in itertools.groupby(records, scope)]
    return [
        record
        for run in runs
        for record in (sorted(run, key=lambda r: str(r["value"]["name"])) if len(run) > 1 else run)
    ]


class _Normaliser:
    def __init__(self, positions: dict[int, int]) -> None:
        self._positions = positions
        self._keys: dict[int, str] = {}
        self._times: dict[int, str] = {}
        self._last_value: dict[tuple[str, int | str], str] = {}
        self._since = 0
        self._last_due: dict[tuple[int, int, str], int] = {}

    def refusal(self, text: str) -> str:
        return f"REFUSED {self._text(text)}".rstrip().replace("\n", " ")

    def line(self, record: Json) -> str:
        self._since = self._time_base(record)
        key = self._key(record["key"])
        source = self._positions.get(record["sourceRecordPosition"], -1)
        value = json.dumps(self._fields(record["value"]), sort_keys=True, ensure_ascii=False)
        envelope = f"{record['valueType']}.{record['intent']} {key} <{source}"
        if record["recordVersion"] != 1:
            envelope += f" v{record['recordVersion']}"
        if record["rejectionType"] != "NULL_VAL":
            reason = self._text(record["rejectionReason"]).replace("\n", " ")
            return f"{record['recordType']} {envelope} {value} {record['rejectionType']}: {reason}"
        slot = (record["valueType"], key)
        same = self._last_value.get(slot) == value
        self._last_value[slot] = value
        return f"{record['recordType']} {envelope} {'=' if same else value}"

    def _time_base(self, record: Json) -> int:
        """Return what a new point in time in ``record`` was reckoned from."""
        now: int = record["timestamp"]
        if record["valueType"] != "TIMER" or record["intent"] != "CREATED":
            return now
        value = record["value"]
        timer = (
            value["processDefinitionKey"],
            value["elementInstanceKey"],
            value["targetElementId"],
        )
        base, self._last_due[timer] = self._last_due.get(timer, now), value["dueDate"]
        return base

    def _fields(self, value: Json) -> dict[str, Any]:
        fields = {
            name: self._field(name, value[name])
            for name in sorted(value)
            if name != "tenantId" or value[name] != "<default>"
        }
        return {name: field for name, field in fields.items() if field not in _EMPTY}

    def _field(self, name: str, value: Any) -> Any:
        if name in {"variables", "customHeaders"}:
            return value
        if isinstance(value, dict):
            return self._fields(value)
        if isinstance(value, list):
            return [self._field(name, item) for item in value]
        if isinstance(value, bool):
            return value
        if isinstance(value, int):
            return self._time(value) if name in _TIMES else self._key(value)
        if name == "resource" and value:
            return hashlib.sha256(base64.b64decode(value)).hexdigest()[:12]
        return value if name == "value" else self._text(value)

    def _key(self, value: int) -> int | str:
        return (
            self._keys.setdefault(value, f"K{len(self._keys) + 1}") if value >= _KEY_MIN else value
        )

    def _text(self, text: str) -> str:
        return _KEY_IN_TEXT.sub(lambda match: str(self._key(int(match.group()))), text)

    def _time(self, value: int) -> int | str:
        if value <= 0:
            return value
        seconds = round((value - self._since) / 500) / 2
        if abs(seconds) > _DISTANT_S:
            return value
        return self._times.setdefault(value, f"{seconds:+g} s")


def first_difference(expected: Sequence[str], got: Sequence[str]) -> str:
    """Return the place of the first difference with its surroundings, "" when there is none."""
    for index in range(max(len(expected), len(got))):
        wanted = expected[index] if index < len(expected) else "(no more records)"
        seen = got[index] if index < len(got) else "(no more records)"
        if wanted != seen:
            before = "".join(f"  both     {line}\n" for line in expected[max(0, index - 3) : index])
            missing, extra = (
                _shortfall(one, other) for one, other in ((expected, got), (got, expected))
            )
            return (
                f"record {index + 1} of {len(expected)} (we wrote {len(got)}):\n{before}"
                f"  expected {wanted}\n  got      {seen}\n"
                f"  missing in all: {missing or 'none'}; extra in all: {extra or 'none'}"
            )
    return ""


def _shortfall(one: Sequence[str], other: Sequence[str]) -> str:
    """Count what ``one`` has more of than ``other``, by record type, value type and intent."""

    def kinds(lines: Sequence[str]) -> Counter[str]:
        return Counter(" ".join(line.split(" ")[:2]) for line in lines)

    return ", ".join(f"{count} x {kind}" for kind, count in (kinds(one) - kinds(other)).items())
