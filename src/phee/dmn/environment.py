"""What the compilation of an expression in a model knows: names, types, whom to tell of faults."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lxml import etree

from phee.feel import nodes
from phee.feel.compiler import compile_node
from phee.feel.errors import FeelSyntaxError
from phee.feel.expression import Expression, compile_expression
from phee.feel.functions import Code
from phee.feel.runtime import Scope
from phee.feel.text import shown
from phee.feel.types import ANY, Type, coerce

Report = Callable[[str, etree._Element], None]  # noqa: SLF001 - the name of the public class


@dataclass(frozen=True, slots=True)
class Environment:
    """Names in scope, types by name, and where faults are reported."""

    names: frozenset[str]
    types: Mapping[str, Type]
    report: Report

    def inner(self, names: Iterable[str]) -> Environment:
        """The environment of a nested scope."""
        return replace(self, names=self.names | frozenset(names))

    def compile(self, text: str, element: etree._Element) -> Code:
        """The code of an expression; a faulty one is reported, and null."""
        if not text:
            return _nothing
        expression = self._expression(text, element, unary=False)
        return _nothing if expression is None else expression.code_in

    def compile_cell(self, text: str, element: etree._Element) -> Code | None:
        """The code of the unary tests of a cell; None for ``-``, which says nothing."""
        if not text or text == "-":
            return None
        expression = self._expression(text, element, unary=True)
        return _nothing if expression is None else expression.code_in

    def compile_tests(self, text: str, element: etree._Element) -> list[Code]:
        """The code of each single test of a list of unary tests."""
        expression = self._expression(text, element, unary=True)
        if expression is None:
            return []
        node = expression.node
        assert isinstance(node, nodes.UnaryTests)
        if node.negated:
            return [expression.code_in]
        return [compile_node(nodes.UnaryTests((test,))) for test in node.tests]

    def _expression(self, text: str, element: etree._Element, *, unary: bool) -> Expression | None:
        try:
            return compile_expression(text, unary=unary, names=self.names, types=self.types)
        except FeelSyntaxError as error:
            self.report(f"{error.problem} in\n{error.caret}\n", element)
            return None


def _nothing(_scope: Scope) -> Any:
    return None


def typed(code: Code, kind: Type, label: str) -> Code:
    """Code whose value fits a type, or is null."""
    if kind is ANY:
        return code
    return lambda scope: fitted(code(scope), kind, label, scope)


def fitted(value: Any, kind: Type, label: str, scope: Scope) -> Any:
    """The value after the implicit conversions, or null with a warning."""
    fits, converted = coerce(value, kind)
    if not fits:
        scope.run.warn(
            "INVALID_TYPE", f"'{label}' has to be a {kind.name}, but was '{shown(value)}'"
        )
    return converted
