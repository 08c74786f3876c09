"""Fast paths for the conditions drawings use most.

Comparisons of variables with literals or each other, ``and``, ``or``, a bare variable, a simple
quantifier: these become closures over the caller's mapping that give an answer when every operand
has the expected Python type, and otherwise raise ``NotFast`` (or ``KeyError``), upon which the
full evaluation starts again from the beginning. The answers are the same (numbers of up to 34
digits given).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from phee.feel import nodes
from phee.feel.nodes import Node

FastCode = Callable[[Mapping[str, Any]], Any]


class NotFast(Exception):
    """The operands are not what the fast path is for."""


_NOT_FAST: Final = NotFast()
_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ORDERED: Final = frozenset({int, str})
_UNROLLED_MAX: Final = 8
_ELEMENTS_MAX: Final = 10_000
_PLAIN: Final = frozenset({int, str, bool})


def compile_fast(node: Node) -> FastCode | None:
    """The fast form of an expression, or None when it is not of the simple sort."""
    if isinstance(node, nodes.Name) and node.name != "?":
        return _variable(node.name)
    return _condition(node)


def _variable(name: str) -> FastCode:
    def fast_variable(context: Mapping[str, Any]) -> Any:
        value = context[name]
        if type(value) in _PLAIN:
            return value
        raise _NOT_FAST

    return fast_variable


def _condition(node: Node) -> FastCode | None:
    if isinstance(node, nodes.Comparison) and isinstance(node.left, nodes.Name):
        if isinstance(node.right, nodes.Literal):
            return _with_literal(node.operator, node.left.name, node.right.value)
        if isinstance(node.right, nodes.Name):
            return _with_variable(node.operator, node.left.name, node.right.name)
    if isinstance(node, nodes.Logic):
        return _logic(node)
    if isinstance(node, nodes.Quantified):
        return _quantified(node)
    return None


def _quantified(node: nodes.Quantified) -> FastCode | None:
    """``some x in list satisfies x < limit``, the limit a variable or literal."""
    iterator, body = node.iterators[0], node.body
    if (
        len(node.iterators) > 1
        or iterator.end is not None
        or not isinstance(body, nodes.Comparison)
    ):
        return None
    if body.left != nodes.Name(iterator.name) or not isinstance(iterator.source, nodes.Name):
        return None
    limit = _operand_value(body.right, iterator.name)
    if limit is None:
        return None
    source, every, compare = iterator.source.name, node.every, _OPERATORS[body.operator]
    kinds = _PLAIN if body.operator in ("=", "!=") else _ORDERED

    def fast_quantified(context: Mapping[str, Any]) -> bool:
        values = context[source]
        bound = limit(context)
        kind = type(bound)
        if type(values) is not list or kind not in kinds or len(values) > _ELEMENTS_MAX:
            raise _NOT_FAST
        for value in values:
            if type(value) is not kind:
                raise _NOT_FAST
            if compare(value, bound) is not every:
                return not every
        return every

    return fast_quantified


def _operand_value(node: Node, item: str) -> FastCode | None:
    if isinstance(node, nodes.Literal):
        literal = node.value
        return lambda _context: literal
    if isinstance(node, nodes.Name) and node.name not in (item, "?"):
        name = node.name
        return lambda context: context[name]
    return None


def _with_literal(symbol: str, name: str, literal: Any) -> FastCode | None:
    kind = type(literal)
    if kind not in (_PLAIN if symbol in ("=", "!=") else _ORDERED):
        return None
    if symbol == "=":

        def fast_equal(context: Mapping[str, Any]) -> bool:
            value = context[name]
            if type(value) is kind:
                return value == literal  # type: ignore[no-any-return]
            raise _NOT_FAST

        return fast_equal
    compare = _OPERATORS[symbol]

    def fast_compare(context: Mapping[str, Any]) -> bool:
        value = context[name]
        if type(value) is kind:
            return compare(value, literal)
        raise _NOT_FAST

    return fast_compare


def _with_variable(symbol: str, left_name: str, right_name: str) -> FastCode:
    compare = _OPERATORS[symbol]
    kinds = _PLAIN if symbol in ("=", "!=") else _ORDERED

    def fast_compare(context: Mapping[str, Any]) -> bool:
        left, right = context[left_name], context[right_name]
        if type(left) is type(right) and type(left) in kinds:
            return compare(left, right)
        raise _NOT_FAST

    return fast_compare


def _logic(node: nodes.Logic) -> FastCode | None:
    operands = [_operand(operand) for operand in node.operands]
    if any(operand is None for operand in operands):
        return None
    codes = [operand for operand in operands if operand is not None]
    return _fold(codes, node.conjunction)


def _fold(codes: list[FastCode], conjunction: bool) -> FastCode:
    if len(codes) > _UNROLLED_MAX:
        test = all if conjunction else any
        return lambda context: test(code(context) for code in codes)
    first, *others = codes
    rest = others[0] if len(others) == 1 else _fold(others, conjunction)
    if conjunction:
        return lambda context: first(context) and rest(context)
    return lambda context: first(context) or rest(context)


def _operand(node: Node) -> FastCode | None:
    """An operand of ``and``/``or``: a condition, or a variable that is a boolean."""
    if not isinstance(node, nodes.Name):
        return _condition(node)
    name = node.name

    def fast_boolean(context: Mapping[str, Any]) -> Any:
        value = context[name]
        if type(value) is bool:
            return value
        raise _NOT_FAST

    return fast_boolean
