"""From the syntax tree to closures: each takes a scope and gives a value.

Dispatch on node classes happens once, here. A closure that cannot give a value warns and gives
null; ``LimitExceeded`` alone passes through and ends the evaluation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from phee.feel import nodes
from phee.feel.access import at_index, path, select
from phee.feel.builtins.registry import BUILTINS
from phee.feel.compile_loops import compile_for, compile_quantified
from phee.feel.compile_tests import compile_in, compile_unary_tests
from phee.feel.errors import EvaluationProblem
from phee.feel.external import ExternalFunction
from phee.feel.functions import Code, DefinedFunction, call
from phee.feel.limits import POWER_STEPS
from phee.feel.nodes import Node
from phee.feel.operators import arithmetic, between, compare, negative
from phee.feel.ranges import bound_range
from phee.feel.runtime import MISSING, Scope
from phee.feel.sizes import steps_of
from phee.feel.text import shown
from phee.feel.values import FunctionValue, Range, kind_of, order


def compile_node(node: Node) -> Code:
    """The closure of a node."""
    return _COMPILERS[type(node)](node)


def _literal(node: nodes.Literal) -> Code:
    value = node.value
    return lambda _scope: value


def _name(node: nodes.Name) -> Code:
    name = node.name

    def run_name(scope: Scope) -> Any:
        value = scope.lookup(name)
        if value is not MISSING:
            return value
        if name in BUILTINS:
            return BUILTINS[name]
        scope.run.warn("NO_VARIABLE_FOUND", f"No variable found with name '{name}'")
        return None

    return run_name


def _path(node: nodes.Path) -> Code:
    target, name = compile_node(node.target), node.name
    return lambda scope: path(target(scope), name, scope.run)


def _filter(node: nodes.Filter) -> Code:
    target = compile_node(node.target)
    test = compile_node(node.test)
    index = _constant_index(node.test)
    if index is None:
        return lambda scope: select(target(scope), test, scope)

    def run_index(scope: Scope) -> Any:
        values = target(scope)
        if values is None:
            return None
        return at_index(values if type(values) is list else [values], index, scope.run)

    return run_index


def _constant_index(test: Node) -> Any:
    if isinstance(test, nodes.Negation):
        inner = _constant_index(test.operand)
        return None if inner is None else -inner
    if isinstance(test, nodes.Literal) and kind_of(test.value) == "number":
        return test.value
    return None


def _call(node: nodes.Call) -> Code:
    function, label = _callee(node.function)
    positional = [compile_node(argument) for argument in node.positional]
    named = [(name, compile_node(argument)) for name, argument in node.named]

    def run_call(scope: Scope) -> Any:
        target = function(scope)
        if named:
            values = {name: argument(scope) for name, argument in named}
            return call(scope.run, target, label, [], values)
        return call(scope.run, target, label, [argument(scope) for argument in positional], None)

    return run_call


def _callee(node: Node) -> tuple[Code, str]:
    """What is called, and its label. A built-in gives way only to a function in a nearer scope."""
    if isinstance(node, nodes.Path):
        return compile_node(node), node.name
    if not isinstance(node, nodes.Name):
        return compile_node(node), "function"
    name = node.name
    builtin = BUILTINS.get(name)
    if builtin is None:
        return compile_node(node), name

    def run_callee(scope: Scope) -> Any:
        while scope.parent is not None:
            value = scope.values.get(name)
            if isinstance(value, FunctionValue):
                return value
            scope = scope.parent
        return builtin

    return run_callee, name


def _arithmetic(node: nodes.Arithmetic) -> Code:
    operator, left, right = node.operator, compile_node(node.left), compile_node(node.right)
    steps = POWER_STEPS if operator == "**" else 0

    def run_arithmetic(scope: Scope) -> Any:
        try:
            value = arithmetic(operator, left(scope), right(scope))
            scope.run.charge(steps + steps_of(value))
            return value
        except EvaluationProblem as problem:
            scope.run.warn(problem.kind, str(problem))
            return None

    return run_arithmetic


def _negation(node: nodes.Negation) -> Code:
    operand = compile_node(node.operand)

    def run_negation(scope: Scope) -> Any:
        try:
            return negative(operand(scope))
        except EvaluationProblem as problem:
            scope.run.warn(problem.kind, str(problem))
            return None

    return run_negation


def _comparison(node: nodes.Comparison) -> Code:
    operator, left, right = node.operator, compile_node(node.left), compile_node(node.right)
    return lambda scope: compare(operator, left(scope), right(scope), scope.run)


def _logic(node: nodes.Logic) -> Code:
    operands = [compile_node(operand) for operand in node.operands]
    conjunction = node.conjunction
    decisive = not conjunction

    def run_logic(scope: Scope) -> bool | None:
        unknown = False
        for operand in operands:
            value = operand(scope)
            if value is decisive:
                return not conjunction
            if type(value) is not bool:
                if not unknown:
                    scope.run.warn_no_boolean(shown(value))
                unknown = True
        return None if unknown else not decisive

    return run_logic


def _between(node: nodes.Between) -> Code:
    value, low, high = (compile_node(part) for part in (node.value, node.low, node.high))
    return lambda scope: between(value(scope), low(scope), high(scope), scope.run)


def _bound(node: nodes.Bound) -> Code:
    """``< 5`` as a value: a range without start."""
    endpoint, operator = compile_node(node.endpoint), node.operator
    return lambda scope: bound_range(operator, endpoint(scope))


def _interval(node: nodes.Interval) -> Code:
    start, end = compile_node(node.start), compile_node(node.end)
    start_included, end_included = node.start_included, node.end_included
    if isinstance(node.start, nodes.Literal) and isinstance(node.end, nodes.Literal):
        low, high = node.start.value, node.end.value
        if order(low, high) in (-1, 0):
            constant = Range(low, high, start_included, end_included)
            return lambda _scope: constant

    def run_interval(scope: Scope) -> Range | None:
        low, high = start(scope), end(scope)
        if order(low, high) in (None, 1):
            scope.run.warn("INVALID_TYPE", f"No range from '{shown(low)}' to '{shown(high)}'")
            return None
        return Range(low, high, start_included, end_included)

    return run_interval


def _instance_of(node: nodes.InstanceOf) -> Code:
    value, wanted = compile_node(node.value), node.type
    return lambda scope: wanted.is_instance(value(scope))


def _if(node: nodes.If) -> Code:
    condition, then, otherwise = map(compile_node, (node.condition, node.then, node.otherwise))

    def run_if(scope: Scope) -> Any:
        value = condition(scope)
        if type(value) is not bool:
            scope.run.warn_no_boolean(shown(value))
        return then(scope) if value is True else otherwise(scope)

    return run_if


def _context(node: nodes.ContextNode) -> Code:
    entries = [(key, compile_node(value)) for key, value in node.entries]

    def run_context(scope: Scope) -> dict[str, Any]:
        values: dict[str, Any] = {}
        inner = Scope(scope.run, values, scope)
        scope.run.charge(len(entries))
        for key, value in entries:
            values[key] = value(inner)
        return values

    return run_context


def _list(node: nodes.ListNode) -> Code:
    items = [compile_node(item) for item in node.items]

    def run_list(scope: Scope) -> list[Any]:
        scope.run.charge(len(items))
        return [item(scope) for item in items]

    return run_list


def _function(node: nodes.FunctionNode) -> Code:
    parameters = node.parameters
    body = compile_node(node.body)
    if node.external:
        return lambda scope: ExternalFunction(parameters, body(scope))
    return lambda scope: DefinedFunction(parameters, body, scope)


_COMPILERS: Final[dict[type[Node], Callable[[Any], Code]]] = {
    nodes.Literal: _literal,
    nodes.Name: _name,
    nodes.Path: _path,
    nodes.Filter: _filter,
    nodes.Call: _call,
    nodes.Arithmetic: _arithmetic,
    nodes.Negation: _negation,
    nodes.Comparison: _comparison,
    nodes.Logic: _logic,
    nodes.Between: _between,
    nodes.In: lambda node: compile_in(node, compile_node),
    nodes.Bound: _bound,
    nodes.Interval: _interval,
    nodes.InstanceOf: _instance_of,
    nodes.If: _if,
    nodes.For: lambda node: compile_for(node, compile_node),
    nodes.Quantified: lambda node: compile_quantified(node, compile_node),
    nodes.ContextNode: _context,
    nodes.ListNode: _list,
    nodes.FunctionNode: _function,
    nodes.UnaryTests: lambda node: compile_unary_tests(node, compile_node),
}
