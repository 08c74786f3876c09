"""What a drawing says about a mapping: its ends, its jobs, and the variables it speaks of.

Reads any well-formed BPMN, also one that cannot be deployed; what is in it is never run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from phee.bpmn.safe_xml import DEFAULT_LIMITS, XmlElement, read_xml
from phee.bpmn.vocabulary import MODEL, ZEEBE

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
PLACEHOLDER = "DFSPID"
"""Stands for the tenant in drawings that are not yet anybody's."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """One process of a file.

    Attributes:
        source: the file's name.
        process_id: as drawn.
        ends: the end events of the process itself (not of sub-processes), and their names.
        speaks_of: every name in its expressions and mappings.
        set_by: ``start``, its job types (without the tenant), ``message:NAME`` of its messages.
    """

    source: str
    process_id: str
    ends: Mapping[str, str]
    speaks_of: frozenset[str]
    set_by: frozenset[str]


def read_drawing(content: bytes, source: str, *, tenant_id: str = PLACEHOLDER) -> list[Drawing]:
    """Return every process of a file.

    Raises:
        InvalidBpmn: it is no XML, or too large.
    """
    root = read_xml(content, DEFAULT_LIMITS, source)
    messages = {
        message.get("id", ""): message.get("name", "") for message in root.iter(_model("message"))
    }
    correlated = _correlation_names(root)
    return [
        Drawing(
            source,
            process.get("id", ""),
            {end.get("id", ""): end.get("name", "") for end in process.iter(_model("endEvent"))
             if end.getparent() is process},
            frozenset(_names(process)) | correlated,
            frozenset({"start", *_jobs(process, tenant_id), *_waits(process, messages)}),
        )
        for process in root.iter(_model("process"))
    ]  # fmt: skip


def _model(name: str) -> str:
    return f"{{{MODEL}}}{name}"


def _zeebe(name: str) -> str:
    return f"{{{ZEEBE}}}{name}"


def _jobs(process: XmlElement, tenant_id: str) -> Iterator[str]:
    for task in process.iter(_zeebe("taskDefinition")):
        yield task.get("type", "").removesuffix(f"-{tenant_id}").removesuffix(f"-{PLACEHOLDER}")


def _waits(process: XmlElement, messages: Mapping[str, str]) -> Iterator[str]:
    for element in process.iter(_model("receiveTask"), _model("messageEventDefinition")):
        yield f"message:{messages.get(element.get('messageRef', ''), '')}"


def _names(process: XmlElement) -> Iterator[str]:
    """Every name in an expression, a mapping, or a result."""
    for condition in process.iter(_model("conditionExpression"), _model("timeDuration")):
        yield from _NAME.findall(condition.text or "")
    for element in process.iter(f"{{{ZEEBE}}}*"):
        if element.tag != _zeebe("taskDefinition"):
            for text in element.attrib.values():
                yield from _NAME.findall(str(text))


def _correlation_names(root: XmlElement) -> frozenset[str]:
    return frozenset(
        name
        for subscription in root.iter(_zeebe("subscription"))
        for name in _NAME.findall(subscription.get("correlationKey", ""))
    )
