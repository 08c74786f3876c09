"""Which flows are payments, and which of their variables mean what: the mapping file.

The file is checked as a whole when it is loaded: an unknown key, set, field, type or status, a
path that is none, or a pattern that does not compile is an error that names its place. Flows
without an entry still appear in every generic table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
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

VariableType = Literal["text", "number", "boolean", "json", "any"]
FlowType = Literal["TRANSFER", "TRANSACTION_REQUEST", "BATCH", "OUTBOUND_MESSAGE"]

_OUTCOMES = {
    "COMPLETED": OUTCOME_COMPLETED,
    "UNKNOWN": OUTCOME_UNKNOWN,
    "FAILED": OUTCOME_FAILED,
}


_TEXT_TYPES = frozenset(("text", "number", "any"))
_ANY_TYPE = frozenset(("text", "number", "boolean", "json", "any"))
_TYPES_OF_FIELD = {
    **dict.fromkeys(
        ("errorInformation", "message", "response", "deliveryErrorMessage", "note"), _ANY_TYPE
    ),
    "subBatchDetails": frozenset(("json", "any")),
    "currency": frozenset(("text", "any")),
    "state": frozenset(("text", "any")),
}


class InvalidMapping(InvalidInput):
    """The mapping file is wrong; nothing is imported by it."""

    code = "invalid-mapping"


class _Rule(msgspec.Struct, forbid_unknown_fields=True):
    variable: str
    field: str
    path: str = ""


class _Variable(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    type: VariableType
    set_by: list[str]


class _Flow(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    type: FlowType
    direction: Literal["INCOMING", "OUTGOING", "UNKNOWN"]
    also: list[str] = []
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
    variables: dict[str, _Variable] = {}
    without_business: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class FieldRule:
    """Fills one field from one variable; with paths, from the first that leads somewhere."""

    field: str
    paths: tuple[Path, ...]
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
    """Every mapped flow by name.

    ``set_by`` says who sets a variable: ``start``, a job type, ``message:NAME``, or ``any``;
    ``without_business`` are flows that are meant to have no entry, and why.
    """

    flows: Mapping[str, FlowMapping]
    set_by: Mapping[str, frozenset[str]] = field(default_factory=dict)
    without_business: Mapping[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> frozenset[str]:
        """The variables that some flow is interested in."""
        return frozenset(name for flow in self.flows.values() for name in flow.rules)


def load_mapping(content: bytes | str, name: str = "mapping") -> TransferMapping:
    """Read and check a mapping file; ``name`` is what errors call it.

    Raises:
        InvalidMapping: something in it is wrong; the text names its place.
    """
    try:
        return _compile(msgspec.json.decode(content, type=_File))
    except msgspec.DecodeError as error:
        raise InvalidMapping(
            f"the mapping is not readable: {error}",
            where=name,
            fix="Mend it there; the mapping that ships shows the form",
        ) from error
    except InvalidMapping as error:
        raise InvalidMapping(error.what, where=f"{name}: {error.where}", fix=error.fix) from error


def _compile(file: _File) -> TransferMapping:
    flows: dict[str, FlowMapping] = {}
    for name, flow in file.flows.items():
        for one in (name, *flow.also):
            if one in flows or one in file.without_business:
                raise InvalidMapping(
                    f"there are two entries for {one!r}",
                    where=f"flows.{name}",
                    fix="Keep one, under flows, in an also, or in withoutBusiness",
                )
            flows[one] = _compile_flow(one, flow, file)
    return TransferMapping(
        flows,
        {name: frozenset(variable.set_by) for name, variable in file.variables.items()},
        file.without_business,
    )


def default_mapping() -> TransferMapping:
    """Return the mapping that ships with phee."""
    return load_mapping(resources.files("phee.projections").joinpath("mapping.json").read_bytes())


def _fill(row: RowChange, rules: tuple[FieldRule, ...], text: str) -> Iterator[str]:
    """Set what can be set; yield what is wrong with the rest."""
    try:
        value = read_json(text)
        content = unwrap(value) if any(rule.paths for rule in rules) else value
    except InvalidInput as error:
        yield error.what
        return
    for rule in rules:
        found = _first(content, rule.paths) if rule.paths else value
        if found is not MISSING and found is not None:
            try:
                rule.set_field(row, found)
            except InvalidInput as error:
                yield error.what


def _first(content: object, paths: tuple[Path, ...]) -> object:
    for path in paths:
        found = follow(content, path)
        if found is not MISSING and found is not None:
            return found
    return MISSING


def _compile_flow(name: str, flow: _Flow, file: _File) -> FlowMapping:
    where = f"flows.{name}"
    rules: dict[str, tuple[FieldRule, ...]] = {}
    for rule in _rules_of(flow, file, where):
        compiled = _compile_rule(rule, flow.type, where)
        _check_variable(rule, file, where)
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
            f"there is no set {unknown[0]!r}", where=f"{where}.sets", fix=_one_of(file.sets)
        )
    return [rule for name in flow.sets for rule in file.sets[name]] + flow.fields


def _compile_rule(rule: _Rule, flow_type: FlowType, where: str) -> FieldRule:
    place = f"{where}, variable {rule.variable}"
    fields = FIELDS_BY_TYPE[flow_type]
    if rule.field not in fields:
        raise InvalidMapping(
            f"a {flow_type} has no field {rule.field!r}", where=place, fix=_one_of(fields)
        )
    try:
        paths = tuple(parse_path(one.strip()) for one in rule.path.split("|")) if rule.path else ()
    except InvalidInput as error:
        raise InvalidMapping(error.what, where=place, fix=error.fix) from error
    return FieldRule(rule.field, paths, fields[rule.field])


def _check_variable(rule: _Rule, file: _File, where: str) -> None:
    """Check a rule against what the file says about its variable, when it says anything at all."""
    if not file.variables:
        return
    place = f"{where}, variable {rule.variable}"
    variable = file.variables.get(rule.variable)
    if variable is None:
        raise InvalidMapping(
            "the variable is not declared", where=place, fix="Add it under variables"
        )
    wanted = {"json", "any"} if rule.path else _TYPES_OF_FIELD.get(rule.field, _TEXT_TYPES)
    if variable.type not in wanted:
        how = "has no inside for a path" if rule.path else f"cannot fill {rule.field}"
        raise InvalidMapping(
            f"a variable of type {variable.type} {how}",
            where=place,
            fix=f"Its type: {_one_of(wanted)}",
        )


def _compile_pattern(pattern: str, where: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise InvalidMapping(
            f"failedEnd is no pattern: {error}", where=where, fix="Write a regular expression"
        ) from error


def _one_of(names: Iterable[str]) -> str:
    return f"Use one of: {', '.join(sorted(names))}"
