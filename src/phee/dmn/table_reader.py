"""From the XML of a decision table to a ``Table``."""

from __future__ import annotations

from lxml import etree

from phee.dmn.document import attribute, children, first, text_in
from phee.dmn.environment import Environment, typed
from phee.dmn.hit_policies import AGGREGATIONS, POLICIES, HitPolicy
from phee.dmn.item_types import DeferredType, ItemType, TypeReader
from phee.dmn.table import InputClause, OutputClause, Rule, Table
from phee.feel.functions import Code
from phee.feel.types import Type


class TableReader:
    """Reads the decision tables of one model."""

    def __init__(self, types: TypeReader) -> None:
        self._types = types

    def read(self, element: etree._Element, env: Environment) -> Table:
        """The compiled table."""
        inputs = tuple(self._input(clause, env) for clause in children(element, "input"))
        outputs = tuple(
            self._output(clause, env, element) for clause in children(element, "output")
        )
        rules = tuple(
            self._rule(rule, index, env, (len(inputs), len(outputs)))
            for index, rule in enumerate(children(element, "rule"), 1)
        )
        return Table(inputs, outputs, rules, self._policy(element, env))

    def _policy(self, element: etree._Element, env: Environment) -> HitPolicy:
        name = attribute(element, "hitPolicy") or "UNIQUE"
        aggregation = attribute(element, "aggregation")
        if name not in POLICIES:
            env.report(f"unknown hit policy '{name}'", element)
            name = "UNIQUE"
        if aggregation and aggregation not in AGGREGATIONS:
            env.report(f"unknown aggregation '{aggregation}'", element)
            aggregation = ""
        return HitPolicy(name, aggregation)

    def _input(self, element: etree._Element, env: Environment) -> InputClause:
        expression = first(element, "inputExpression")
        text = text_in(expression)
        place = element if expression is None else expression
        if not text:
            env.report("the input has no expression", element)
        kind = self._types.reference(attribute(place, "typeRef"), place)
        constraint = first(element, "inputValues")
        allowed = None if constraint is None else env.compile_cell(text_in(constraint), constraint)
        name = attribute(element, "label") or text
        code = env.compile(text, place)
        # a declared type is a wish of the modeller's tool here: values are not dropped for it
        code = typed(code, kind, name) if isinstance(kind, DeferredType) else code
        return InputClause(attribute(element, "id"), name, code, allowed)

    def _output(
        self, element: etree._Element, env: Environment, table: etree._Element
    ) -> OutputClause:
        name = attribute(element, "name")
        label = attribute(element, "label") or name or attribute(table, "outputLabel")
        place = first(element, "outputValues")
        default = first(element, "defaultOutputEntry")
        ranking = [] if place is None else env.compile_tests(text_in(place), place)
        if not ranking:
            type_name = attribute(element, "typeRef")
            ranking = _allowed(self._types.reference(type_name, element))
        return OutputClause(
            attribute(element, "id"),
            name,
            label,
            tuple(ranking),
            None if default is None else env.compile(text_in(default), default),
        )

    def _rule(
        self, element: etree._Element, index: int, env: Environment, widths: tuple[int, int]
    ) -> Rule:
        tests = tuple(
            env.compile_cell(text_in(entry), entry) for entry in children(element, "inputEntry")
        )
        outputs: tuple[Code, ...] = tuple(
            env.compile(text_in(entry), entry) for entry in children(element, "outputEntry")
        )
        if (len(tests), len(outputs)) != widths:
            env.report(
                f"rule {index} has {len(tests)} input and {len(outputs)} output entries,"
                f" the table {widths[0]} and {widths[1]} columns",
                element,
            )
        return Rule(attribute(element, "id"), index, tests, outputs)


def _allowed(kind: Type) -> list[Code]:
    """The allowed values of an item definition."""
    if isinstance(kind, DeferredType):
        kind = kind.target()
    return kind.allowed if isinstance(kind, ItemType) else []
