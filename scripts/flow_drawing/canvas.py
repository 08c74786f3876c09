"""Where things are: a grid for elements, docks on their sides, orthogonal paths between them.

Columns and rows are counted from 0 and may be fractions. Sizes are those every modeler uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

COLUMN_PX = 160
ROW_PX = 130
MARGIN_PX = 120
CHARACTER_PX = 7.0
LINE_PX = 14

SIZES = {
    "startEvent": (36, 36),
    "endEvent": (36, 36),
    "intermediateCatchEvent": (36, 36),
    "boundaryEvent": (36, 36),
    "exclusiveGateway": (50, 50),
    "eventBasedGateway": (50, 50),
    "serviceTask": (100, 80),
    "receiveTask": (100, 80),
}


@dataclass(frozen=True, slots=True)
class Point:
    """A place on the canvas, in pixels."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the canvas, in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def center(self) -> Point:
        """The middle."""
        return Point(self.x + self.width / 2, self.y + self.height / 2)

    def dock(self, side: str) -> Point:
        """The middle of a side: left, right, top or bottom."""
        middle = self.center
        return {
            "left": Point(self.x, middle.y),
            "right": Point(self.x + self.width, middle.y),
            "top": Point(middle.x, self.y),
            "bottom": Point(middle.x, self.y + self.height),
        }[side]


@dataclass(frozen=True, slots=True)
class Column:
    """A step of a path: go sideways to this column."""

    at: float


@dataclass(frozen=True, slots=True)
class Row:
    """A step of a path: go up or down to this row."""

    at: float


Step = Column | Row


def x_of(column: float) -> float:
    """The middle of a column."""
    return MARGIN_PX + column * COLUMN_PX


def y_of(row: float) -> float:
    """The middle of a row."""
    return MARGIN_PX + row * ROW_PX


def box_at(kind: str, column: float, row: float) -> Box:
    """The box of an element whose middle is at a column and row."""
    width, height = SIZES[kind]
    return Box(x_of(column) - width / 2, y_of(row) - height / 2, width, height)


def path(
    source: Point, leave: str, steps: Sequence[Step], target: Point, enter: str
) -> list[Point]:
    """The corners of an orthogonal path from one dock over ``steps`` to another."""
    points = [source]
    for step in steps:
        last = points[-1]
        if isinstance(step, Column):
            points.append(Point(x_of(step.at), last.y))
        else:
            points.append(Point(last.x, y_of(step.at)))
    sideways_out = isinstance(steps[-1], Row) if steps else leave in ("left", "right")
    points += _last_corners(points[-1], target, sideways_out, enter in ("left", "right"))
    return _without_repetition([*points, target])


def label_box(text: str, center: Point, width: float = 90) -> Box:
    """The box of a label wrapped at ``width``, around its middle."""
    lines, used = 1, 0.0
    for word in text.split():
        size = len(word) * CHARACTER_PX
        if used and used + CHARACTER_PX + size > width:
            lines, used = lines + 1, size
        else:
            used += size + (CHARACTER_PX if used else 0)
    longest = min(width, len(text) * CHARACTER_PX + 6)
    return Box(center.x - longest / 2, center.y - lines * LINE_PX / 2, longest, lines * LINE_PX)


def _last_corners(last: Point, target: Point, sideways_out: bool, sideways_in: bool) -> list[Point]:
    if last.x == target.x or last.y == target.y:
        return []
    if sideways_out and sideways_in:
        middle = (last.x + target.x) / 2
        return [Point(middle, last.y), Point(middle, target.y)]
    if not sideways_out and not sideways_in:
        middle = (last.y + target.y) / 2
        return [Point(last.x, middle), Point(target.x, middle)]
    return [Point(target.x, last.y)] if sideways_out else [Point(last.x, target.y)]


def _without_repetition(points: Sequence[Point]) -> list[Point]:
    kept = [points[0]]
    for point in points[1:]:
        if point != kept[-1]:
            kept.append(point)
    return kept
