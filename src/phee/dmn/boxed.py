"""Boxed expressions, each compiled to the same kind of closure as textual FEEL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lxml import etree

from phee.dmn.document import attribute, children, first, local_name, text_in
from phee.dmn.environment import Environment, typed
from phee.dmn.item_types import TypeReader
from phee.dmn.table_reader import TableReader
from phee.feel.access import select
from phee.feel.compile_loops import for_code, quantified_code
from phee.feel.expression import guarded
from phee.feel.external import ExternalFunction
from phee.feel.functions import Code, DefinedFunction, call
from phee.feel.runtime import Run, Scope
from phee.feel.types import Type

EXPRESSIONS: Final = (
    "literalExpression", "decisionTable", "context", "list", "relation", "invocation",
    "functionDefinition", "conditional", "filter", "for", "some", "every",
)  # fmt: skip
"""Element names of boxed expressions."""


class BoxedCompiler:
    """Compiles the expressions of one model."""

    def __init__(self, types: TypeReader) -> None:
        self._types = types
        self._tables = TableReader(types)
        self._compilers: dict[str, Callable[[etree._Element, Environment], Code]] = {
            "literalExpression": self._literal,
            "decisionTable": lambda element, env: self._tables.read(element, env).code,
            "context": self._context,
            "list": self._list,
            "relation": self._relation,
            "invocation": self._invocation,
            "functionDefinition": self._function_definition,
            "conditional": self._conditional,
            "filter": self._filter,
            "for": self._for,
            "some": self._quantified,
            "every": self._quantified,
        }

    @property
    def tables(self) -> TableReader:
        """The reader of decision tables."""
        return self._tables

    def inside(self, element: etree._Element | None, env: Environment) -> Code:
        """The code of the expression that an element contains; null without one."""
        child = None if element is None else first(element, *EXPRESSIONS)
        return _null if child is None else self.compile(child, env)

    def compile(self, element: etree._Element, env: Environment) -> Code:
        """The code of an expression element, its value fitted to its ``typeRef``."""
        code = self._compilers[local_name(element)](element, env)
        return typed(code, self.type_of(element), local_name(element))

    def type_of(self, element: etree._Element | None) -> Type:
        """The type an element declares."""
        name = "" if element is None else attribute(element, "typeRef")
        place = element if element is not None else etree.Element("none")
        return self._types.reference(name, place)

    def _literal(self, element: etree._Element, env: Environment) -> Code:
        return env.compile(text_in(element), element)

    def _context(self, element: etree._Element, env: Environment) -> Code:
        entries: list[tuple[str, Code]] = []
        result: Code | None = None
        for entry in children(element, "contextEntry"):
            variable = first(entry, "variable")
            code = self.inside(entry, env)
            if variable is None:
                result = code
                continue
            name = attribute(variable, "name")
            entries.append((name, typed(code, self.type_of(variable), name)))
            env = env.inner((name,))
        return _context_code(entries, result)

    def _list(self, element: etree._Element, env: Environment) -> Code:
        items = [self.compile(item, env) for item in children(element, *EXPRESSIONS)]
        return lambda scope: [item(scope) for item in items]

    def _relation(self, element: etree._Element, env: Environment) -> Code:
        columns = list(children(element, "column"))
        names = [attribute(column, "name") for column in columns]
        kinds = [self.type_of(column) for column in columns]
        rows: list[Code] = []
        for row in children(element, "row"):
            cells = [self.compile(cell, env) for cell in children(row, *EXPRESSIONS)]
            entries = [
                (name, typed(cell, kind, name))
                for name, kind, cell in zip(names, kinds, cells, strict=False)
            ]
            rows.append(_record_code(entries))
        return lambda scope: [row(scope) for row in rows]

    def _invocation(self, element: etree._Element, env: Environment) -> Code:
        function = self.inside(element, env)
        label = text_in(first(element, "literalExpression"))
        bindings: list[tuple[str, Code]] = []
        for binding in children(element, "binding"):
            parameter = first(binding, "parameter")
            name = "" if parameter is None else attribute(parameter, "name")
            code = typed(self.inside(binding, env), self.type_of(parameter), name)
            bindings.append((name, code))

        def run_invocation(scope: Scope) -> Any:
            named = {name: code(scope) for name, code in bindings}
            return call(scope.run, function(scope), label, [], named)

        return run_invocation

    def _function_definition(self, element: etree._Element, env: Environment) -> Code:
        parameters, body, external = self.function_parts(element, env)
        if external is not None:
            return lambda _scope: external
        return lambda scope: DefinedFunction(parameters, body, scope)

    def function_parts(
        self, element: etree._Element, env: Environment
    ) -> tuple[tuple[tuple[str, Type], ...], Code, ExternalFunction | None]:
        """Parameters and body of a function definition, or the function if it is external."""
        parameters = tuple(
            (attribute(parameter, "name"), self.type_of(parameter))
            for parameter in children(element, "formalParameter")
        )
        if attribute(element, "kind") in ("", "FEEL", "F"):
            body = self.inside(element, env.inner(name for name, _ in parameters))
            return parameters, body, None
        run = Run()
        mapping = guarded(self.inside(element, env.inner(())), run, Scope(run, {}))
        external = ExternalFunction(parameters, mapping)
        if not external.available:
            env.report("this external function is not supported", element)
        return parameters, _null, external

    def _conditional(self, element: etree._Element, env: Environment) -> Code:
        condition, then, otherwise = (
            self.inside(first(element, name), env) for name in ("if", "then", "else")
        )
        return lambda scope: then(scope) if condition(scope) is True else otherwise(scope)

    def _filter(self, element: etree._Element, env: Environment) -> Code:
        target = self.inside(first(element, "in"), env)
        test = self.inside(first(element, "match"), env.inner(("item",)))
        return lambda scope: select(target(scope), test, scope)

    def _for(self, element: etree._Element, env: Environment) -> Code:
        name = attribute(element, "iteratorVariable")
        source = self._source(element, env)
        body = self.inside(first(element, "return"), env.inner((name, "partial")))
        return for_code(((name, source, None),), body, partial=True)

    def _quantified(self, element: etree._Element, env: Environment) -> Code:
        name = attribute(element, "iteratorVariable")
        source = self._source(element, env)
        body = self.inside(first(element, "satisfies"), env.inner((name,)))
        every = local_name(element) == "every"
        return quantified_code(((name, source, None),), body, every=every)

    def _source(self, element: etree._Element, env: Environment) -> Code:
        """What an iterator runs over; ``1..n`` is allowed as in textual FEEL."""
        source = first(element, "in")
        literal = None if source is None else first(source, "literalExpression")
        if literal is not None and ".." in text_in(literal):
            return env.compile(f"for item in {text_in(literal)} return item", literal)
        return typed(self.inside(source, env), self.type_of(source), "in")


def _null(_scope: Scope) -> Any:
    return None


def _record_code(entries: list[tuple[str, Code]]) -> Code:
    return lambda scope: {name: code(scope) for name, code in entries}


def _context_code(entries: list[tuple[str, Code]], result: Code | None) -> Code:
    def run_context(scope: Scope) -> Any:
        values: dict[str, Any] = {}
        inner = Scope(scope.run, values, scope)
        for name, code in entries:
            values[name] = code(inner)
        return values if result is None else result(inner)

    return run_context
