"""Writing a drawing as a BPMN 2.0 file with Zeebe extensions and diagram information."""

from __future__ import annotations

from lxml import etree

from flow_drawing.canvas import Box
from flow_drawing.drawing import Drawing, Edge, Shape

NAMESPACES = {
    "bpmn": "http://www.omg.org/spec/BPMN/20100524/MODEL",
    "bpmndi": "http://www.omg.org/spec/BPMN/20100524/DI",
    "dc": "http://www.omg.org/spec/DD/20100524/DC",
    "di": "http://www.omg.org/spec/DD/20100524/DI",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "zeebe": "http://camunda.org/schema/zeebe/1.0",
    "bioc": "http://bpmn.io/schema/bpmn/biocolor/1.0",
    "color": "http://www.omg.org/spec/BPMN/non-normative/color/1.0",
}
RETRIES = "8"
"""Tries of a job: with growing waits they bridge about a minute without its outside system."""
COLOURS = {
    "ledger": ("#1e5631", "#dff2e1"),
    "scheme": ("#0d4372", "#dcebfa"),
    "customer": ("#5b176d", "#f0e0f5"),
    "operator": ("#6b3c00", "#ffe9cc"),
    "completed": ("#1e5631", "#b9e2bd"),
    "failed": ("#831311", "#fbd3d1"),
}
"""Line and fill by who does the work, or by how the payment ended."""


def to_bpmn(drawing: Drawing, comment: str) -> bytes:
    """The file, in UTF-8, indented, the same bytes for the same drawing."""
    root = etree.Element(_name("bpmn:definitions"), nsmap=NAMESPACES)
    root.set("id", f"Definitions_{drawing.process_id}")
    root.set("targetNamespace", "http://bpmn.io/schema/bpmn")
    root.append(etree.Comment(comment))
    _write_process(root, drawing)
    for name, key in drawing.messages.items():
        message = _child(root, "bpmn:message", id=_message_id(name), name=name)
        _child(_child(message, "bpmn:extensionElements"), "zeebe:subscription", correlationKey=key)
    _write_diagram(root, drawing)
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def _write_process(root: etree._Element, drawing: Drawing) -> None:
    attributes = {"id": drawing.process_id, "name": drawing.name, "isExecutable": "true"}
    process = _child(root, "bpmn:process", **attributes)
    for shape in drawing.shapes.values():
        _write_node(process, shape)
    for edge in drawing.edges.values():
        _write_flow(process, edge)
    for note in drawing.notes:
        _child(_child(process, "bpmn:textAnnotation", id=note.id), "bpmn:text").text = note.name


def _write_node(process: etree._Element, shape: Shape) -> None:
    node = _child(process, f"bpmn:{shape.kind}", id=shape.id, name=shape.name)
    if shape.host:
        node.set("attachedToRef", shape.host)
    if shape.default:
        node.set("default", shape.default)
    if shape.kind == "receiveTask":
        node.set("messageRef", _message_id(shape.message))
    if shape.job_type:
        extensions = _child(node, "bpmn:extensionElements")
        _child(extensions, "zeebe:taskDefinition", type=shape.job_type, retries=RETRIES)
    for kind, flow_ids in (("incoming", shape.incoming), ("outgoing", shape.outgoing)):
        for flow_id in flow_ids:
            _child(node, f"bpmn:{kind}").text = flow_id
    _write_event(node, shape)


def _write_event(node: etree._Element, shape: Shape) -> None:
    if shape.duration:
        timer = _child(node, "bpmn:timerEventDefinition")
        _write_expression(timer, "bpmn:timeDuration", shape.duration)
    elif shape.kind == "intermediateCatchEvent":
        _child(node, "bpmn:messageEventDefinition", messageRef=_message_id(shape.message))


def _write_flow(process: etree._Element, edge: Edge) -> None:
    flow = _child(process, "bpmn:sequenceFlow", id=edge.id)
    if edge.name:
        flow.set("name", edge.name)
    flow.set("sourceRef", edge.source)
    flow.set("targetRef", edge.target)
    if edge.condition:
        _write_expression(flow, "bpmn:conditionExpression", edge.condition)


def _write_expression(parent: etree._Element, tag: str, text: str) -> None:
    expression = _child(parent, tag)
    expression.set(_name("xsi:type"), "bpmn:tFormalExpression")
    expression.text = text


def _write_diagram(root: etree._Element, drawing: Drawing) -> None:
    diagram = _child(root, "bpmndi:BPMNDiagram", id="Diagram")
    plane = _child(diagram, "bpmndi:BPMNPlane", id="Plane", bpmnElement=drawing.process_id)
    for shape in (*drawing.shapes.values(), *drawing.notes):
        _write_shape(plane, shape)
    for edge in drawing.edges.values():
        drawn = _child(plane, "bpmndi:BPMNEdge", id=f"{edge.id}_di", bpmnElement=edge.id)
        for point in edge.points:
            _child(drawn, "di:waypoint", x=_px(point.x), y=_px(point.y))
        _write_label(drawn, edge.label)


def _write_shape(plane: etree._Element, shape: Shape) -> None:
    drawn = _child(plane, "bpmndi:BPMNShape", id=f"{shape.id}_di", bpmnElement=shape.id)
    if shape.kind == "exclusiveGateway":
        drawn.set("isMarkerVisible", "true")
    if shape.colour:
        stroke, fill = COLOURS[shape.colour]
        drawn.set(_name("bioc:stroke"), stroke)
        drawn.set(_name("bioc:fill"), fill)
        drawn.set(_name("color:background-color"), fill)
        drawn.set(_name("color:border-color"), stroke)
    _write_bounds(drawn, shape.box)
    _write_label(drawn, shape.label)


def _write_label(drawn: etree._Element, box: Box | None) -> None:
    if box is not None:
        _write_bounds(_child(drawn, "bpmndi:BPMNLabel"), box)


def _write_bounds(parent: etree._Element, box: Box) -> None:
    sizes = {"width": _px(box.width), "height": _px(box.height)}
    _child(parent, "dc:Bounds", x=_px(box.x), y=_px(box.y), **sizes)


def _child(parent: etree._Element, tag: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, _name(tag), attributes)


def _name(tag: str) -> str:
    prefix, _, local = tag.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def _message_id(name: str) -> str:
    return "Message_" + "".join(word.capitalize() for word in name.split("-"))


def _px(value: float) -> str:
    return str(round(value))
