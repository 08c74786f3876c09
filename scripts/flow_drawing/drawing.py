"""One process being drawn: its elements, messages and flows, with their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from flow_drawing.canvas import Box, Column, Point, Row, Step, box_at, label_box, path, x_of, y_of

__all__ = ["Column", "Drawing", "Row"]

At = tuple[float, float]
"""Column and row."""


@dataclass(slots=True)
class Shape:
    """A flow node or a note on the canvas."""

    id: str
    kind: str
    name: str
    box: Box
    label: Box | None = None
    colour: str = ""
    job_type: str = ""
    message: str = ""
    duration: str = ""
    host: str = ""
    default: str = ""
    incoming: list[str] = field(default_factory=list)
    outgoing: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Edge:
    """A sequence flow on the canvas."""

    id: str
    name: str
    source: str
    target: str
    condition: str
    points: list[Point]
    label: Box | None


@dataclass(slots=True)
class Drawing:
    """A process; add elements in the order in which they should stand in the file."""

    process_id: str
    name: str
    shapes: dict[str, Shape] = field(default_factory=dict)
    edges: dict[str, Edge] = field(default_factory=dict)
    notes: list[Shape] = field(default_factory=list)
    messages: dict[str, str] = field(default_factory=dict)

    def message(self, name: str, key: str) -> None:
        """Declare a message and the variable that correlates it."""
        self.messages[name] = f"={key}"

    def start(self, shape_id: str, name: str, at: At) -> None:
        """A none start event."""
        self._add("startEvent", shape_id, name, at, "bottom")

    def end(self, shape_id: str, name: str, at: At) -> None:
        """An end event, red when its id says that the payment failed."""
        shape = self._add("endEvent", shape_id, name, at, "bottom")
        shape.colour = "failed" if "Failed" in shape_id else "completed"

    def job(self, shape_id: str, name: str, at: At, job_type: str, colour: str) -> None:
        """A service task."""
        shape = self._add("serviceTask", shape_id, name, at)
        shape.job_type, shape.colour = job_type, colour

    def receive(self, shape_id: str, name: str, at: At, message: str, colour: str) -> None:
        """A receive task."""
        shape = self._add("receiveTask", shape_id, name, at)
        shape.message, shape.colour = message, colour

    def choice(self, shape_id: str, name: str, at: At, label: str = "top") -> None:
        """An exclusive gateway."""
        self._add("exclusiveGateway", shape_id, name, at, label)

    def race(self, shape_id: str, name: str, at: At, label: str = "top") -> None:
        """An event-based gateway."""
        self._add("eventBasedGateway", shape_id, name, at, label)

    def message_event(
        self, shape_id: str, name: str, at: At, message: str, label: str = "bottom"
    ) -> None:
        """An intermediate message catch event."""
        shape = self._add("intermediateCatchEvent", shape_id, name, at, label)
        shape.message, shape.colour = message, "scheme"

    def timer_event(self, shape_id: str, name: str, at: At, variable: str) -> None:
        """An intermediate timer whose duration is a variable."""
        shape = self._add("intermediateCatchEvent", shape_id, name, at, "bottom")
        shape.duration = f"={variable}"

    def timeout(
        self, shape_id: str, name: str, host: str, variable: str, *, side: str, shift: float = 0
    ) -> None:
        """An interrupting boundary timer on a side of a task, ``shift`` pixels off its middle."""
        task = self.shapes[host].box
        dock = task.dock(side)
        box = Box(dock.x + shift - 18, dock.y - 18, 36, 36)
        below = 30 if side == "bottom" else -30
        label = label_box(name, Point(dock.x + shift + 46, dock.y + below), 70)
        self.shapes[shape_id] = Shape(shape_id, "boundaryEvent", name, box, label)
        self.shapes[shape_id].host = host
        self.shapes[shape_id].duration = f"={variable}"

    def note(self, note_id: str, text: str, at: At, width: float, height: float) -> None:
        """A text annotation; ``at`` is its upper left corner."""
        box = Box(x_of(at[0]), y_of(at[1]), width, height)
        self.notes.append(Shape(note_id, "textAnnotation", text, box))

    def flow(
        self,
        source: str,
        target: str,
        *,
        when: str = "",
        default: bool = False,
        name: str = "",
        leave: str = "right",
        enter: str = "left",
        via: Sequence[Step] = (),
    ) -> None:
        """A sequence flow, with the sides it leaves and enters and the steps between."""
        from_shape, to_shape = self.shapes[source], self.shapes[target]
        flow_id = f"Flow_{_short(source)}_{_short(target)}"
        start = from_shape.box.dock(leave)
        points = path(start, leave, via, to_shape.box.dock(enter), enter)
        label = _flow_label(name, start, leave) if name else None
        condition = f"={when}" if when else ""
        if flow_id in self.edges:
            raise ValueError(f"{flow_id} is drawn twice")
        self.edges[flow_id] = Edge(flow_id, name, source, target, condition, points, label)
        from_shape.outgoing.append(flow_id)
        to_shape.incoming.append(flow_id)
        if default:
            from_shape.default = flow_id

    def line(self, *shape_ids: str) -> None:
        """Plain flows from left to right."""
        for source, target in pairwise(shape_ids):
            self.flow(source, target)

    def _add(self, kind: str, shape_id: str, name: str, at: At, label: str = "") -> Shape:
        if shape_id in self.shapes:
            raise ValueError(f"{shape_id} is drawn twice")
        box = box_at(kind, *at)
        shape = Shape(shape_id, kind, name, box, _shape_label(name, box, label) if label else None)
        self.shapes[shape_id] = shape
        return shape


def _short(shape_id: str) -> str:
    return shape_id.partition("_")[2]


def _shape_label(name: str, box: Box, side: str) -> Box:
    middle = box.center
    label = label_box(name, middle)
    away = box.height / 2 + label.height / 2 + 6
    if side in ("top", "bottom"):
        return label_box(name, Point(middle.x, middle.y + (away if side == "bottom" else -away)))
    aside = box.width / 2 + label.width / 2 + 4
    if side in ("left", "right"):
        return label_box(name, Point(middle.x + (aside if side == "right" else -aside), middle.y))
    upper, to_right = side.split("-")
    x = middle.x + (1 if to_right == "right" else -1) * (label.width / 2 + 12)
    y = middle.y + (-1 if upper == "top" else 1) * (label.height / 2 + 22)
    return label_box(name, Point(x, y))


def _flow_label(name: str, start: Point, leave: str) -> Box:
    label = label_box(name, start, 80)
    places = {
        "right": Point(start.x + label.width / 2 + 12, start.y - label.height / 2 - 4),
        "left": Point(start.x - label.width / 2 - 4, start.y - label.height / 2 - 4),
        "bottom": Point(start.x + label.width / 2 + 6, start.y + label.height / 2 + 8),
        "top": Point(start.x + label.width / 2 + 6, start.y - label.height / 2 - 8),
    }
    return label_box(name, places[leave], 80)
