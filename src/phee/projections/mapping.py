"""Which flows are payments, and which of their variables mean what: the mapping file.

The file is checked as a whole when it is loaded: an unknown key, set, field, type or status, a
path that is none, or a pattern that does not compile is an error that names its place. Flows
without an entry still appear in every generic table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Literal

import msgspec

from phee.errors import InvalidInput
from phee.projections.fields import (
    FIELDS_BY_TYPE,
    MISSING,
    Path,
    Setter,
    follow,
    parse_path,
    read_json,
    unwrap,
)
from phee.projections.rows import (
    OUTCOME_COMPLETED,
    OUTCOME_FAILED,
    OUTCOME_UNKNOWN,
    RowChange,
)

FlowType = Literal["TRANSFER", "TRANSACTION_REQUEST", "BATCH", "OUTBOUND_MESSAGE"]

_OUTCOMES = {
    "COMPLETED": OUTCOME_COMPLETED,
    "UNKNOWN": OUTCOME_UNKNOWN,
    "FAILED": OUTCOME_FAILED,
}


class InvalidMapping(InvalidInput):
    """The mapping file is wrong; nothing is imported by it."""

    code = "invalid-mapping"


class _Rule(msgspec.Struct, forbid_unknown_fields=True):
    variable: str
    field: str
    path: str = ""


class _Flow(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    type: FlowType
    direction: Literal["INCOMING", "OUTGOING", "UNKNOWN"]
    sets: list[str] = []
    fields: list[_Rule] = []
    ends: dict[str, Literal["COMPLETED", "FAILED", "UNKNOWN"]] = {}
    failed_end: str | None = None
    unknown_job_types: list[str] = []
    neutral_job_types: list[str] = []


class _File(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    version: Literal[1]
    failed_end: str
    sets: dict[str, list[_Rule]]
    flows: dict[str, _Flow]


@dataclass(frozen=True, slots=True)
class FieldRule:
    """Fills one field from one variable, from inside its JSON when there is a path."""

    field: str
    path: Path
    set_field: Setter


@dataclass(frozen=True, slots=True)
class FlowMapping:
    """What the records of one flow mean for its transfers, requests, batches or messages."""

    name: str
    type: FlowType
    direction: str
    rules: Mapping[str, tuple[FieldRule, ...]]
    ends: Mapping[str, int]
    failed_end: re.Pattern[str]
    unknown_job_types: frozenset[str]
    neutral_job_types: frozenset[str]

    def is_unknown(self, job_type: str) -> bool | None:
        """Return whether a new job means that the outcome is unknown; None: it says nothing.

        A job that handles an unknown outcome means so, one that goes on with the payment means
        the opposite, and one that merely asks again leaves things as they are.
        """
        if job_type in self.neutral_job_types:
            return None
        return job_type in self.unknown_job_types

    def outcome(self, element_id: str) -> int:
        """Return what reaching this end event says about the transfer."""
        known = self.ends.get(element_id)
        if known is not None:
            return known
        return OUTCOME_FAILED if self.failed_end.search(element_id) else OUTCOME_COMPLETED

    def apply(self, row: RowChange, variable: str, text: str) -> None:
        """Set every field that comes from ``variable``; null and missing say nothing.

        All fields that can be read are set, also when another one cannot.

        Raises:
            InvalidInput: the value of a field has a wrong form or type; it is never quoted.
        """
        faults = sorted(set(_fill(row, self.rules[variable], text)))
        if faults:
            raise InvalidInput("; ".join(faults), where=f"variable {variable}")


@dataclass(frozen=True, slots=True)
class TransferMapping:
    """Every mapped flow by name."""

    flows: Mapping[str, FlowMapping]

    @property
    def variables(self) -> frozenset[str]:
        """The variables that some flow is interested in."""
        return frozenset(name for flow in self.flows.values() for name in flow.rules)


def load_mapping(content: bytes | str) -> TransferMapping:
    """Read and check a mapping file.

    Raises:
        InvalidMapping: something in it is wrong; the text names its place.
    """
    try:
        file = msgspec.json.decode(content, type=_File)
    except msgspec.DecodeError as error:
        raise InvalidMapping(f"the mapping is not readable: {error}", where="mapping") from error
    return TransferMapping(
        {name: _compile_flow(name, flow, file) for name, flow in file.flows.items()}
    )


def default_mapping() -> TransferMapping:
    """Return the mapping that ships with phee."""
    return load_mapping(resources.files("phee.projections").joinpath("mapping.json").read_bytes())


def _fill(row: RowChange, rules: tuple[FieldRule, ...], text: str) -> Iterator[str]:
    """Set what can be set; yield what is wrong with the rest."""
    try:
        value = read_json(text)
        content = unwrap(value) if any(rule.path for rule in rules) else value
    except InvalidInput as error:
        yield error.what
        return
    for rule in rules:
        found = follow(content, rule.path) if rule.path else value
        if found is not MISSING and found is not None:
            try:
                rule.set_field(row, found)
            except InvalidInput as error:
                yield error.what


def _compile_flow(name: str, flow: _Flow, file: _File) -> FlowMapping:
    where = f"flows.{name}"
    rules: dict[str, tuple[FieldRule, ...]] = {}
    for rule in _rules_of(flow, file, where):
        compiled = _compile_rule(rule, flow.type, where)
        rules[rule.variable] = (*rules.get(rule.variable, ()), compiled)
    pattern = file.failed_end if flow.failed_end is None else flow.failed_end
    return FlowMapping(
        name=name,
        type=flow.type,
        direction=flow.direction,
        rules=rules,
        ends={element: _OUTCOMES[status] for element, status in flow.ends.items()},
        failed_end=_compile_pattern(pattern, where),
        unknown_job_types=frozenset(flow.unknown_job_types),
        neutral_job_types=frozenset(flow.neutral_job_types),
    )


def _rules_of(flow: _Flow, file: _File, where: str) -> list[_Rule]:
    unknown = [name for name in flow.sets if name not in file.sets]
    if unknown:
        raise InvalidMapping(
            f"there is no set {unknown[0]!r}", where=f"{where}.sets", fix=f"Use {list(file.sets)}"
        )
    return [rule for name in flow.sets for rule in file.sets[name]] + flow.fields


def _compile_rule(rule: _Rule, flow_type: FlowType, where: str) -> FieldRule:
    place = f"{where}, variable {rule.variable}"
    fields = FIELDS_BY_TYPE[flow_type]
    if rule.field not in fields:
        raise InvalidMapping(
            f"a {flow_type} has no field {rule.field!r}", where=place, fix=f"Use {sorted(fields)}"
        )
    try:
        path = parse_path(rule.path) if rule.path else ()
    except InvalidInput as error:
        raise InvalidMapping(error.what, where=place, fix=error.fix) from error
    return FieldRule(rule.field, path, fields[rule.field])


def _compile_pattern(pattern: str, where: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise InvalidMapping(f"failedEnd is no pattern: {error}", where=where) from error
