"""Unary tests and ``in``: whether an input belongs to what a test describes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from phee.feel import nodes
from phee.feel.functions import Code
from phee.feel.nodes import Node
from phee.feel.operators import compare
from phee.feel.runtime import MISSING, Run, Scope
from phee.feel.tree import free_names
from phee.feel.values import Range, equal

_Compile = Callable[[Node], Code]
Test = Callable[[Scope, Any], bool | None]


def compile_unary_tests(node: nodes.UnaryTests, compile_node: _Compile) -> Code:
    """The tests of a cell: true if any holds, the opposite with ``not(...)``."""
    tests = [_unary_test(test, compile_node) for test in node.tests]
    negated = node.negated

    def run_tests(scope: Scope) -> bool | None:
        if not tests:
            return True
        value = scope.lookup("?")
        if value is MISSING:
            scope.run.warn("NO_VARIABLE_FOUND", "No input value: set '?'")
            value = None
        outcome = _any_test(tests, scope, value)
        return (not outcome) if negated and outcome is not None else outcome

    return run_tests


def compile_in(node: nodes.In, compile_node: _Compile) -> Code:
    """``value in (tests)``."""
    value = compile_node(node.value)
    tests = [_in_test(test, compile_node) for test in node.tests]
    return lambda scope: _any_test(tests, scope, value(scope))


def _any_test(tests: list[Test], scope: Scope, value: Any) -> bool | None:
    unknown = False
    for test in tests:
        outcome = test(scope, value)
        if outcome is True:
            return True
        unknown = unknown or outcome is None
    return None if unknown else False


def _in_test(node: Node, compile_node: _Compile) -> Test:
    if isinstance(node, nodes.Bound):
        return _bound_test(node, compile_node)
    code = compile_node(node)
    if "?" in free_names(node):
        return lambda scope, value: _own_truth(
            code(Scope(scope.run, {"?": value}, scope)), value, scope.run
        )
    return lambda scope, value: belongs(value, code(scope), scope.run)


def _unary_test(node: Node, compile_node: _Compile) -> Test:
    """A test in a cell; an expression that speaks of ``?`` decides by its own truth."""
    if isinstance(node, nodes.Bound):
        return _bound_test(node, compile_node)
    code = compile_node(node)
    if "?" in free_names(node):
        return lambda scope, value: _own_truth(code(scope), value, scope.run)
    return lambda scope, value: _truth_or_membership(code(scope), value, scope.run)


def _bound_test(node: nodes.Bound, compile_node: _Compile) -> Test:
    operator = node.operator
    endpoint = compile_node(node.endpoint)
    return lambda scope, value: compare(operator, value, endpoint(scope), scope.run)


def _own_truth(outcome: Any, value: Any, run: Run) -> bool | None:
    return outcome if outcome is None or type(outcome) is bool else belongs(value, outcome, run)


def _truth_or_membership(outcome: Any, value: Any, run: Run) -> bool | None:
    if outcome is True and type(value) is not bool:
        return True
    return belongs(value, outcome, run)


def belongs(value: Any, described: Any, run: Run) -> bool | None:
    """Whether a value is equal to, an element of, or within what is described."""
    if type(described) is Range:
        inside = contains(described, value, run)
        return True if inside is None and equal(value, described, run) else inside
    if type(described) is list:
        return equal(value, described, run) is True or any(
            _belongs_to_element(value, element, run) for element in described
        )
    same = equal(value, described, run)
    return compare("=", value, described, run) if same is None else same


def _belongs_to_element(value: Any, element: Any, run: Run) -> bool:
    if type(element) is Range and contains(element, value, run) is True:
        return True
    return equal(value, element, run) is True


def contains(values: Range, value: Any, run: Run) -> bool | None:
    """Whether a value is in a range; null when it cannot be compared with the endpoints."""
    if type(value) is Range:
        return None
    above: bool | None = True
    below: bool | None = True
    if values.start is not None:
        above = compare(">=" if values.start_included else ">", value, values.start, run)
    if values.end is not None:
        below = compare("<=" if values.end_included else "<", value, values.end, run)
    if above is False or below is False:
        return False
    return None if above is None or below is None else True
