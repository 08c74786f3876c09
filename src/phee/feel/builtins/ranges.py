"""How points and ranges lie to each other (the relations of Allen), and ``range()``.

A range without start begins before everything, one without end ends after everything.
"""

from __future__ import annotations

from typing import Any, Final

from phee.feel.builtins.registry import builtin
from phee.feel.errors import EvaluationProblem
from phee.feel.ranges import parse_range
from phee.feel.values import Range, order

_LOWEST: Final = object()
_HIGHEST: Final = object()


def _start(values: Range) -> Any:
    return _LOWEST if values.start is None else values.start


def _end(values: Range) -> Any:
    return _HIGHEST if values.end is None else values.end


def _sign(left: Any, right: Any) -> int:
    """The order of two endpoints.

    Raises:
        EvaluationProblem: they cannot be compared.
    """
    if left is _LOWEST or right is _HIGHEST:
        return 0 if left is right else -1
    if left is _HIGHEST or right is _LOWEST:
        return 1
    sign = order(left, right)
    if sign is None:
        raise EvaluationProblem("the values can't be compared", "FUNCTION_INVOCATION_FAILURE")
    return sign


def _starts_first(first: Range, second: Range) -> bool:
    """Whether the first begins no later than the second."""
    sign = _sign(_start(first), _start(second))
    return sign < 0 or (sign == 0 and (first.start_included or not second.start_included))


def _ends_last(first: Range, second: Range) -> bool:
    """Whether the first ends no earlier than the second."""
    sign = _sign(_end(first), _end(second))
    return sign > 0 or (sign == 0 and (first.end_included or not second.end_included))


def _reaches(first: Range, second: Range) -> bool:
    """Whether the first ends at or behind the beginning of the second."""
    sign = _sign(_end(first), _start(second))
    return sign > 0 or (sign == 0 and first.end_included and second.start_included)


@builtin("before(point1: point, point2: point)")
def point_before_point(point1: Any, point2: Any) -> bool:
    """Whether a point is less."""
    return _sign(point1, point2) < 0


@builtin("before(point: point, range: range)")
def point_before_range(point: Any, values: Range) -> bool:
    """Whether a point is before all of a range."""
    sign = _sign(point, _start(values))
    return sign < 0 or (sign == 0 and not values.start_included)


@builtin("before(range: range, point: point)")
def range_before_point(values: Range, point: Any) -> bool:
    """Whether all of a range is before a point."""
    sign = _sign(_end(values), point)
    return sign < 0 or (sign == 0 and not values.end_included)


@builtin("before(range1: range, range2: range)")
def range_before_range(range1: Range, range2: Range) -> bool:
    """Whether all of a range is before another."""
    return not _reaches(range1, range2)


@builtin("after(point1: point, point2: point)")
def point_after_point(point1: Any, point2: Any) -> bool:
    """Whether a point is greater."""
    return _sign(point1, point2) > 0


@builtin("after(point: point, range: range)")
def point_after_range(point: Any, values: Range) -> bool:
    """Whether a point is behind all of a range."""
    return range_before_point(values, point)


@builtin("after(range: range, point: point)")
def range_after_point(values: Range, point: Any) -> bool:
    """Whether all of a range is behind a point."""
    return point_before_range(point, values)


@builtin("after(range1: range, range2: range)")
def range_after_range(range1: Range, range2: Range) -> bool:
    """Whether all of a range is behind another."""
    return not _reaches(range2, range1)


@builtin("meets(range1: range, range2: range)")
def meets(range1: Range, range2: Range) -> bool:
    """Whether the first ends where the second begins."""
    return (
        range1.end_included and range2.start_included and _sign(_end(range1), _start(range2)) == 0
    )


@builtin("met by(range1: range, range2: range)")
def met_by(range1: Range, range2: Range) -> bool:
    """Whether the first begins where the second ends."""
    return meets(range2, range1)


@builtin("overlaps(range1: range, range2: range)")
def overlaps(range1: Range, range2: Range) -> bool:
    """Whether they share something."""
    return _reaches(range1, range2) and _reaches(range2, range1)


@builtin("overlaps before(range1: range, range2: range)")
def overlaps_before(range1: Range, range2: Range) -> bool:
    """Whether the first begins earlier and ends within the second."""
    return (
        not _starts_first(range2, range1)
        and _reaches(range1, range2)
        and _ends_last(range2, range1)
    )


@builtin("overlaps after(range1: range, range2: range)")
def overlaps_after(range1: Range, range2: Range) -> bool:
    """Whether the second begins earlier and ends within the first."""
    return overlaps_before(range2, range1)


@builtin("finishes(point: point, range: range)")
def point_finishes(point: Any, values: Range) -> bool:
    """Whether a point is the end of a range."""
    return values.end_included and _sign(_end(values), point) == 0


@builtin("finishes(range1: range, range2: range)")
def range_finishes(range1: Range, range2: Range) -> bool:
    """Whether the first is a last part of the second."""
    return (
        range1.end_included == range2.end_included
        and _sign(_end(range1), _end(range2)) == 0
        and _starts_first(range2, range1)
    )


@builtin("finished by(range: range, point: point)")
def finished_by_point(values: Range, point: Any) -> bool:
    """Whether a range ends with a point."""
    return point_finishes(point, values)


@builtin("finished by(range1: range, range2: range)")
def finished_by_range(range1: Range, range2: Range) -> bool:
    """Whether the second is a last part of the first."""
    return range_finishes(range2, range1)


@builtin("includes(range: range, point: point)")
def includes_point(values: Range, point: Any) -> bool:
    """Whether a point is within a range."""
    return includes_range(values, Range(point, point, True, True))


@builtin("includes(range1: range, range2: range)")
def includes_range(range1: Range, range2: Range) -> bool:
    """Whether all of the second is within the first."""
    return _starts_first(range1, range2) and _ends_last(range1, range2)


@builtin("during(point: point, range: range)")
def point_during(point: Any, values: Range) -> bool:
    """Whether a point is within a range."""
    return includes_point(values, point)


@builtin("during(range1: range, range2: range)")
def range_during(range1: Range, range2: Range) -> bool:
    """Whether all of the first is within the second."""
    return includes_range(range2, range1)


@builtin("starts(point: point, range: range)")
def point_starts(point: Any, values: Range) -> bool:
    """Whether a point is the beginning of a range."""
    return values.start_included and _sign(_start(values), point) == 0


@builtin("starts(range1: range, range2: range)")
def range_starts(range1: Range, range2: Range) -> bool:
    """Whether the first is a first part of the second."""
    return (
        range1.start_included == range2.start_included
        and _sign(_start(range1), _start(range2)) == 0
        and _ends_last(range2, range1)
    )


@builtin("started by(range: range, point: point)")
def started_by_point(values: Range, point: Any) -> bool:
    """Whether a range begins with a point."""
    return point_starts(point, values)


@builtin("started by(range1: range, range2: range)")
def started_by_range(range1: Range, range2: Range) -> bool:
    """Whether the second is a first part of the first."""
    return range_starts(range2, range1)


@builtin("coincides(point1: point, point2: point)")
def coincide_points(point1: Any, point2: Any) -> bool:
    """Whether two points are equal."""
    return _sign(point1, point2) == 0


@builtin("coincides(range1: range, range2: range)")
def coincide_ranges(range1: Range, range2: Range) -> bool:
    """Whether two ranges have equal ends."""
    return (
        range1.start_included == range2.start_included
        and range1.end_included == range2.end_included
        and _sign(_start(range1), _start(range2)) == 0
        and _sign(_end(range1), _end(range2)) == 0
    )


@builtin("range(from: string)")
def range_(text: str) -> Range:
    """The range a text spells, such as ``[1..10)``, with constant endpoints."""
    found = parse_range(text)
    if found is None:
        raise EvaluationProblem(
            f"Failed to parse range from '{text[:40]}'", "FUNCTION_INVOCATION_FAILURE"
        )
    return found
