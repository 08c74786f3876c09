"""Ranges written as text for ``range()``: only constants may be their endpoints."""

from __future__ import annotations

import re
from typing import Any, Final

from phee.feel import nodes
from phee.feel.durations import parse_duration
from phee.feel.errors import EvaluationProblem, FeelSyntaxError
from phee.feel.literals import parse_date, parse_datetime, parse_time
from phee.feel.names import KnownNames
from phee.feel.nodes import Node
from phee.feel.operators import negative
from phee.feel.parser import parse
from phee.feel.values import Range, order

_READERS: Final = {
    "date": parse_date,
    "time": parse_time,
    "date and time": parse_datetime,
    "duration": parse_duration,
}
_WITHOUT_END: Final = re.compile(r"([\[(\]])(.*)\.\.\s*[)\[]", re.DOTALL)
_WITHOUT_START: Final = re.compile(r"[(\]]\s*\.\.(.*)([\])\[])", re.DOTALL)
_KNOWN: Final = KnownNames(_READERS)


def parse_range(text: str) -> Range | None:
    """The range that a text such as ``[1..10)`` or ``>= 5`` spells; None when it is none.

    One endpoint may be missing, as in ``[1..)``, where its bracket is open.
    """
    try:
        node = parse(_as_bound(text.strip()), unary=True, names=(), types={}, builtins=_KNOWN)
    except FeelSyntaxError:
        return None
    assert isinstance(node, nodes.UnaryTests)
    if len(node.tests) != 1 or node.negated:
        return None
    try:
        return _range_of(node.tests[0])
    except EvaluationProblem:
        return None


def _as_bound(text: str) -> str:
    """A range without end or start as the comparison it means; other texts as they are."""
    if match := _WITHOUT_END.fullmatch(text):
        return f"{'>=' if match[1] == '[' else '>'} {match[2]}"
    if match := _WITHOUT_START.fullmatch(text):
        return f"{'<=' if match[2] == ']' else '<'} {match[1]}"
    return text


def _range_of(node: Node) -> Range | None:
    if isinstance(node, nodes.Interval):
        start, end = _constant(node.start), _constant(node.end)
        if order(start, end) in (None, 1):
            return None
        return Range(start, end, node.start_included, node.end_included)
    if isinstance(node, nodes.Bound):
        return bound_range(node.operator, _constant(node.endpoint))
    return None


def bound_range(operator: str, value: Any) -> Range | None:
    """The range of ``< value`` and its kin; ``!=`` is none."""
    if value is None or operator == "!=":
        return None
    if operator == "=":
        return Range(value, value, True, True)
    closed = operator.endswith("=")
    if operator.startswith("<"):
        return Range(None, value, False, closed)
    return Range(value, None, closed, False)


def _constant(node: Node) -> Any:
    """The value of a constant; null when it is none."""
    if isinstance(node, nodes.Negation):
        return negative(_constant(node.operand))
    if isinstance(node, nodes.Literal):
        return node.value
    if isinstance(node, nodes.Call) and isinstance(node.function, nodes.Name):
        read = _READERS.get(node.function.name)
        arguments = [_constant(argument) for argument in node.positional]
        if read is not None and len(arguments) == 1 and type(arguments[0]) is str:
            return read(arguments[0])
    return None
