"""Tasks and activities: what they do, from their attributes and Zeebe extensions."""

from __future__ import annotations

import re
from collections.abc import Mapping

from phee.bpmn.messages import read_waited_message
from phee.bpmn.model import (
    CalledElement,
    ElementType,
    EventType,
    Script,
    TaskDefinition,
    VariableMapping,
)
from phee.bpmn.reading import Extensions, Node, Reading, zeebe_children
from phee.bpmn.safe_xml import XmlElement
from phee.bpmn.vocabulary import RESERVED_HEADER_PREFIX

DEFAULT_RETRIES = "3"
_RETRIES = re.compile(r"\d{1,9}", re.ASCII)
_VARIABLE = r"[a-zA-Z_][a-zA-Z0-9_]*"
_PATH = re.compile(rf"{_VARIABLE}(?:\.{_VARIABLE})*")
_RESERVED_WORDS = frozenset(
    {"null", "true", "false", "function", "if", "then", "else", "for", "between", "instance", "of"}
)


def read_job_task(reading: Reading, node: Node) -> None:
    """Service, send and business rule tasks: a job for a worker."""
    element, found = node.element, node.extensions
    definition = reading.single(found, "taskDefinition", element.id)
    if definition is not None:
        element.task = _task_definition(reading, definition, element.id, found)
    elif not (element.type is ElementType.BUSINESS_RULE_TASK and "calledDecision" in found):
        message = "The task has no job type; add zeebe:taskDefinition with a type"
        reading.problems.add(element.id, "missing-job-type", message)


def read_script_task(reading: Reading, node: Node) -> None:
    """Script tasks: a FEEL script, or a job for a worker."""
    element, found = node.element, node.extensions
    script = reading.single(found, "script", element.id)
    definition = reading.single(found, "taskDefinition", element.id)
    if (script is None) == (definition is None):
        message = "A script task needs either a FEEL script (zeebe:script) or a job type"
        reading.problems.add(element.id, "missing-script", f"{message} (zeebe:taskDefinition)")
    if definition is not None:
        element.task = _task_definition(reading, definition, element.id, found)
    elif script is not None:
        element.script = _script(reading, script, element.id)


def read_receive_task(reading: Reading, node: Node) -> None:
    """Receive tasks wait for a message; a task definition left over by a modeler is ignored."""
    node.element.event_type = EventType.MESSAGE
    node.element.message = read_waited_message(reading, node.xml, node.element.id)


def read_call_activity(reading: Reading, node: Node) -> None:
    """Call activities start another process."""
    element = node.element
    called = reading.single(node.extensions, "calledElement", element.id)
    if called is None:
        message = "The call activity calls nothing; add zeebe:calledElement with a process id"
        reading.problems.add(element.id, "missing-called-element", message)
        return
    if called.get("bindingType", "latest") != "latest":
        message = "Only the latest version of a process can be called; set the binding to 'latest'"
        reading.problems.add(element.id, "not-supported", message)
    process_id = reading.required(element.id, called, "processId")
    parents = reading.flag(element.id, called, "propagateAllParentVariables", True)
    children = reading.flag(element.id, called, "propagateAllChildVariables", True)
    element.called_element = CalledElement(
        reading.value(element.id, "The called process id", process_id), children, parents
    )


def read_plain(reading: Reading, node: Node) -> None:
    """Manual tasks, undefined tasks and gateways: nothing more to read."""


def read_mappings(reading: Reading, node: Node) -> None:
    """The input and output mappings of any flow node."""
    element = node.element
    mapping = reading.single(node.extensions, "ioMapping", element.id)
    if mapping is None:
        return
    element.inputs = tuple(
        _mapping(reading, part, element.id) for part in zeebe_children(mapping, "input")
    )
    outputs = tuple(zeebe_children(mapping, "output"))
    for part in outputs:
        if part.get("source") and not part.get("source", "").startswith("="):
            reading.dynamic(element.id, "An output source", part.get("source", ""))
    element.outputs = tuple(_mapping(reading, part, element.id) for part in outputs)


def _mapping(reading: Reading, xml: XmlElement, element_id: str) -> VariableMapping:
    source = reading.required(element_id, xml, "source")
    target = reading.required(element_id, xml, "target")
    if target:
        _check_path(reading, element_id, target)
    value = reading.value(element_id, f"The source of {target[:80]!r}", source)
    return VariableMapping(value, tuple(target.split(".")))


def _check_path(reading: Reading, element_id: str, path: str) -> None:
    if _PATH.fullmatch(path) is None or path in _RESERVED_WORDS:
        message = f"The target {path[:80]!r} is not a variable name or a path of names (a.b.c)"
        reading.problems.add(element_id, "invalid-target", f"{message}; rename it")


def _task_definition(
    reading: Reading, xml: XmlElement, element_id: str, found: Extensions
) -> TaskDefinition:
    job_type = reading.required(element_id, xml, "type")
    retries = xml.get("retries", DEFAULT_RETRIES)
    if not retries.startswith("=") and _RETRIES.fullmatch(retries) is None:
        message = f"The retries {retries[:40]!r} are not a whole number; write one, such as '3'"
        reading.problems.add(element_id, "invalid-retries", message)
    return TaskDefinition(
        type=reading.value(element_id, "The job type", job_type),
        retries=reading.value(element_id, "The number of retries", retries),
        headers=_headers(reading, element_id, found),
    )


def _headers(reading: Reading, element_id: str, found: Extensions) -> Mapping[str, str]:
    """Task headers; like Zeebe 8.5, one without a key or a value counts as not written."""
    holder = reading.single(found, "taskHeaders", element_id)
    headers: dict[str, str] = {}
    for header in () if holder is None else zeebe_children(holder, "header"):
        key, value = header.get("key", ""), header.get("value", "")
        if key.startswith(RESERVED_HEADER_PREFIX):
            message = f"The header {key[:80]!r} is reserved for the engine; choose another key"
            reading.problems.add(element_id, "reserved-header", message)
        if key and value:
            headers[key] = value
    return headers


def _script(reading: Reading, xml: XmlElement, element_id: str) -> Script | None:
    text = reading.required(element_id, xml, "expression")
    result = reading.required(element_id, xml, "resultVariable")
    if result:
        _check_path(reading, element_id, result)
    value = reading.dynamic(element_id, "The script", text) if text else None
    if value is None or value.expression is None:
        return None
    return Script(value.expression, result)
