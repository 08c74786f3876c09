"""Holding a mapping against drawings: what it gets wrong, and what it does not cover.

An error is something that would make a row wrong without anybody noticing; a note is a gap that
may be meant. Types of variables and fields are checked when a mapping is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from phee.projections.drawings import Drawing
from phee.projections.mapping import FlowMapping, TransferMapping

_FAILURE = re.compile(r"(?i)fail|abort|reject|time ?out|error|cancel")
"""Words in the name of an end event by which a person says that the payment did not happen."""


class Finding(msgspec.Struct, frozen=True, rename="camel"):
    """One thing to look at; ``fix`` says what to do."""

    severity: Literal["error", "note"]
    rule: str
    flow: str
    what: str
    fix: str


class Coverage(msgspec.Struct, frozen=True, rename="camel"):
    """One drawing: which flow it is, what becomes of it, and how much of the mapping it fills.

    ``covered_by`` is a type of flow, ``without business`` or ``generic tables only``.
    """

    source: str
    process_id: str
    flow: str
    covered_by: str
    direction: str
    variables: int
    matched: int
    ends: int
    errors: int


class MappingReport(msgspec.Struct, frozen=True, rename="camel"):
    """What came out."""

    drawings: list[Coverage]
    findings: list[Finding]

    @property
    def has_errors(self) -> bool:
        """Return whether a row would be wrong."""
        return any(finding.severity == "error" for finding in self.findings)


def check_mapping(mapping: TransferMapping, drawings: Sequence[Drawing]) -> MappingReport:
    """Hold a mapping against drawings."""
    covered: list[Coverage] = []
    findings: list[Finding] = []
    seen: set[str] = set()
    for drawing in drawings:
        flow = flow_of(mapping, drawing.process_id)
        seen.add(flow)
        entry = mapping.flows.get(flow)
        found = list(_findings(mapping, flow, entry, drawing))
        findings += found
        covered.append(_coverage(mapping, flow, entry, drawing, found))
    return MappingReport(covered, [*findings, *_without_drawing(mapping, seen)])


def flow_of(mapping: TransferMapping, process_id: str) -> str:
    """Return the flow of a process id: the longest beginning that the mapping knows, else all."""
    known = mapping.flows.keys() | mapping.without_business.keys()
    parts = process_id.split("-")
    for length in range(len(parts), 0, -1):
        name = "-".join(parts[:length])
        if name in known:
            return name
    return process_id.removesuffix("-DFSPID")


def _findings(
    mapping: TransferMapping, flow: str, entry: FlowMapping | None, drawing: Drawing
) -> Iterator[Finding]:
    where = f"{drawing.source}, process {drawing.process_id}"
    if entry is None:
        if flow not in mapping.without_business:
            yield Finding(
                "note",
                "no-entry",
                flow,
                f"{where} has no entry: it is in the generic tables only",
                "Add it under flows, or under withoutBusiness with the reason",
            )
        return
    for variable in sorted(_unmatched(mapping, entry, drawing)):
        fields = ", ".join(rule.field for rule in entry.rules[variable])
        yield Finding(
            "error",
            "never-set",
            flow,
            f"nothing in {where} sets or uses {variable} (for {fields})",
            "Take the variable out, or name who sets it under variables",
        )
    yield from _unknown_ends(entry, drawing, where)
    yield from _misread_ends(entry, drawing, where)


def _unmatched(mapping: TransferMapping, entry: FlowMapping, drawing: Drawing) -> Iterator[str]:
    for variable in entry.rules:
        setters = mapping.set_by.get(variable, frozenset())
        if not (setters & drawing.set_by or "any" in setters or variable in drawing.speaks_of):
            yield variable


def _unknown_ends(entry: FlowMapping, drawing: Drawing, where: str) -> Iterator[Finding]:
    """An end that is not drawn is a slip, unless none of them is: then another drawing is meant."""
    unknown = sorted(entry.ends.keys() - drawing.ends.keys())
    if unknown and len(unknown) == len(entry.ends):
        yield Finding(
            "note",
            "other-ends",
            entry.name,
            f"the ends of this entry are of another drawing than {where}",
            "Its ends are read by their ids, see failedEnd",
        )
        return
    for end in unknown:
        yield Finding(
            "error",
            "unknown-end",
            entry.name,
            f"{where} has no end event {end}",
            f"Use some of {sorted(drawing.ends)}",
        )


def _misread_ends(entry: FlowMapping, drawing: Drawing, where: str) -> Iterator[Finding]:
    for end, name in drawing.ends.items():
        if end not in entry.ends and _FAILURE.search(name) and entry.outcome(end) == 1:
            yield Finding(
                "error",
                "end-misread",
                entry.name,
                f"the end event {end} of {where} is called {name[:60]!r} and counts as COMPLETED",
                "List it under ends with what it means",
            )


def _without_drawing(mapping: TransferMapping, seen: set[str]) -> Iterable[Finding]:
    return [
        Finding(
            "note",
            "no-drawing",
            flow,
            f"none of these drawings is of the flow {flow}",
            "Deploy its drawing, or take the entry out",
        )
        for flow in mapping.flows
        if flow not in seen
    ]


def _coverage(
    mapping: TransferMapping,
    flow: str,
    entry: FlowMapping | None,
    drawing: Drawing,
    found: Sequence[Finding],
) -> Coverage:
    if entry is None:
        is_meant = flow in mapping.without_business
        covered_by = "without business" if is_meant else "generic tables only"
        return Coverage(drawing.source, drawing.process_id, flow, covered_by, "", 0, 0, 0, 0)
    unmatched = len(list(_unmatched(mapping, entry, drawing)))
    return Coverage(
        drawing.source,
        drawing.process_id,
        flow,
        entry.type,
        entry.direction,
        len(entry.rules),
        len(entry.rules) - unmatched,
        len(drawing.ends),
        sum(finding.severity == "error" for finding in found),
    )
