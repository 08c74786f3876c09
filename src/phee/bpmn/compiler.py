"""From the bytes of a drawing to executable processes.

Invariants: a model is returned only for a drawing without any problem; nothing that BPMN knows and
that is not supported is left out silently.
"""

from __future__ import annotations

from phee.bpmn.checks import check_process
from phee.bpmn.loops import check_loops
from phee.bpmn.model import Element, ElementType, EventType, Process
from phee.bpmn.reading import Reading, model_children
from phee.bpmn.safe_xml import DEFAULT_LIMITS, Limits, XmlElement, read_xml
from phee.bpmn.scopes import ScopeReader
from phee.bpmn.vocabulary import DEFINITIONS_IGNORED, MODEL, local_name


def compile_bpmn(
    content: bytes, resource_name: str = "", limits: Limits = DEFAULT_LIMITS
) -> list[Process]:
    """Compile every executable process of a drawing.

    Args:
        content: the file, UTF-8 XML.
        resource_name: the file's name, for error texts.
        limits: how large the drawing may be.

    Raises:
        InvalidBpmn: with all problems found.
    """
    root = read_xml(content, limits, resource_name)
    reading = Reading()
    processes = [_read_process(reading, xml) for xml in _executable_processes(reading, root)]
    check_loops(reading.problems, processes)
    reading.problems.raise_if_any(resource_name)
    return processes


def _executable_processes(reading: Reading, root: XmlElement) -> list[XmlElement]:
    if root.tag != f"{{{MODEL}}}definitions":
        message = f"The root is {local_name(root.tag)[:80]!r}, not BPMN 2.0 'definitions'"
        reading.problems.add("", "not-bpmn", f"{message}; save it from a BPMN modeler")
        return []
    _check_unique_ids(reading, root)
    reading.flow_ids = {flow.get("id", "") for flow in root.iter(f"{{{MODEL}}}sequenceFlow")}
    drawn = _read_definitions(reading, root)
    executable = [xml for xml in drawn if xml.get("isExecutable") in ("true", "1")]
    if not executable:
        message = "No process is executable; set isExecutable to true on one"
        reading.problems.add("", "no-executable-process", message)
    return executable


def _read_definitions(reading: Reading, root: XmlElement) -> list[XmlElement]:
    """Index messages and errors; answer the processes."""
    drawn: list[XmlElement] = []
    for child in model_children(root):
        name = local_name(child.tag)
        if name == "process":
            drawn.append(child)
        elif name == "message":
            reading.messages.setdefault(child.get("id", ""), child)
        elif name == "error":
            reading.errors.setdefault(child.get("id", ""), child)
        elif name not in DEFINITIONS_IGNORED:
            message = f"{name[:80]!r} is not a BPMN definition; remove it"
            reading.problems.add(child.get("id", ""), "unknown-element", message)
    return drawn


def _check_unique_ids(reading: Reading, root: XmlElement) -> None:
    seen: set[str] = set()
    for xml in root.iter(f"{{{MODEL}}}*"):
        element_id = xml.get("id", "")
        if element_id in seen:
            message = f"The id is used twice (again in line {xml.sourceline}); rename one"
            reading.problems.add(element_id, "duplicate-id", message)
        elif element_id:
            seen.add(element_id)


def _read_process(reading: Reading, xml: XmlElement) -> Process:
    process_id = reading.id_of(xml)
    root = Element(process_id, ElementType.PROCESS, name=xml.get("name", ""))
    reading.check_attributes(xml, process_id)
    reading.extensions(xml, process_id)
    elements = {process_id: root}
    ScopeReader(reading, elements).read(xml, root)
    process = Process(process_id, root.name, root, elements)
    process.start_events = [
        child
        for child in root.children
        if child.type is ElementType.START_EVENT and child.event_type is not EventType.NONE
    ]
    check_process(reading.problems, process)
    return process
