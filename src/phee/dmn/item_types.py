"""Item definitions as types, and values from JSON that such a type makes temporal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lxml import etree

from phee.dmn.document import attribute, children, first, text_in
from phee.dmn.environment import Environment, Report
from phee.feel.durations import parse_duration
from phee.feel.functions import Code
from phee.feel.literals import parse_date, parse_datetime, parse_time
from phee.feel.runtime import Run, Scope
from phee.feel.types import (
    ANY,
    BUILTIN_TYPES,
    NUMBER,
    ContextType,
    FunctionType,
    ListType,
    SimpleType,
    Type,
    UnknownType,
)

_ALIASES: Final[dict[str, Type]] = {
    "integer": NUMBER,
    "long": NUMBER,
    "double": NUMBER,
    "decimal": NUMBER,
    "daysAndTimeDuration": BUILTIN_TYPES["days and time duration"],
    "yearsAndMonthsDuration": BUILTIN_TYPES["years and months duration"],
}


class ItemType(Type):
    """A named type: a base, and what its values must satisfy.

    Attributes:
        allowed: one unary test for each allowed value, in order; empty without restriction.
    """

    def __init__(self, name: str, base: Type, allowed: list[Code]) -> None:
        self.name = name
        self.base = base
        self.allowed = allowed

    def conforms(self, value: Any) -> bool:
        """Whether the value is of the base and allowed."""
        if not self.base.conforms(value):
            return False
        return value is None or not self.allowed or self._is_allowed(value)

    def plain(self) -> Type:
        """The base."""
        return self.base.plain()

    def _is_allowed(self, value: Any) -> bool:
        scope = Scope(Run(), {"?": value}, Scope(Run(), {}))
        return any(test(scope) is True for test in self.allowed)


class DeferredType(Type):
    """A reference to an item definition that may come later in the model."""

    def __init__(self, name: str, types: Mapping[str, Type]) -> None:
        self.name = name
        self._types = types

    def target(self) -> Type:
        """The type referred to."""
        return self._types[self.name]

    def plain(self) -> Type:
        """What the type referred to is."""
        return self.target().plain()

    def conforms(self, value: Any) -> bool:
        """Whether the value conforms to the type referred to."""
        return self.target().conforms(value)


class StructureType(ContextType):
    """Contexts with components; a missing component counts as null."""

    def conforms(self, value: Any) -> bool:
        """Whether each component conforms."""
        if value is None:
            return True
        return isinstance(value, dict) and all(
            member.conforms(value.get(key)) for key, member in self.members.items()
        )


class TypeReader:
    """Reads the item definitions of a model.

    Attributes:
        types: all named types, those of imports as ``import.name``.
        member_names: names of components, which paths and filters may use.
    """

    def __init__(self, types: dict[str, Type], report: Report) -> None:
        self.types: dict[str, Type] = {**_LETTER_OF_THE_SPECIFICATION, **types}
        self.member_names: set[str] = set()
        self._report = report
        self._declared: set[str] = set()

    def read(self, root: etree._Element) -> None:
        """Read all item definitions below ``definitions``."""
        definitions = list(children(root, "itemDefinition"))
        self._declared = {attribute(definition, "name") for definition in definitions}
        for definition in definitions:
            self.types[attribute(definition, "name")] = self._definition(definition)
        for definition in definitions:
            self._refuse_circle(attribute(definition, "name"), definition)

    def reference(self, name: str, element: etree._Element) -> Type:
        """The type of a ``typeRef``; any type when there is none."""
        if not name:
            return ANY
        for candidate in (name, name.partition(":")[2]):
            if candidate in self._declared:
                return DeferredType(candidate, self.types)
            known = self.types.get(candidate) or BUILTIN_TYPES.get(candidate)
            known = known or _ALIASES.get(candidate)
            if known is not None and candidate:
                return ANY if isinstance(known, UnknownType) else known
        self._report(f"unknown type '{name}'", element)
        return ANY

    def _refuse_circle(self, name: str, definition: etree._Element) -> None:
        """A type that is nothing but a reference to itself is reported, and any type."""
        try:
            self.types[name].plain()
        except RecursionError:
            self._report(f"the type '{name}' is defined by itself", definition)
            self.types[name] = ANY

    def _definition(self, element: etree._Element) -> Type:
        name = attribute(element, "name")
        collection = attribute(element, "isCollection") == "true"
        single = ItemType(name, self._base(element), self._tests(element, "allowedValues"))
        base: Type = ListType(single, name) if collection else single
        constraint = self._tests(element, "typeConstraint")
        return ItemType(name, base, constraint) if constraint else base

    def _base(self, element: etree._Element) -> Type:
        components = list(children(element, "itemComponent"))
        if components:
            names = [attribute(component, "name") for component in components]
            self.member_names.update(names)
            return StructureType(dict(zip(names, map(self._definition, components), strict=True)))
        function = first(element, "functionItem")
        if function is not None:
            return self._function(function)
        return self.reference(text_in(element, "typeRef"), element)

    def _function(self, element: etree._Element) -> Type:
        parameters = tuple(
            self.reference(attribute(parameter, "typeRef"), parameter)
            for parameter in children(element, "parameters")
        )
        result = self.reference(attribute(element, "outputTypeRef"), element)
        return FunctionType(parameters, result)

    def _tests(self, element: etree._Element, name: str) -> list[Code]:
        constraint = first(element, name)
        if constraint is None or not text_in(constraint):
            return []
        environment = Environment(frozenset(), self.types, self._report)
        return environment.compile_tests(text_in(constraint), constraint)


_LETTER_OF_THE_SPECIFICATION: Final[dict[str, Type]] = {
    name: UnknownType(name) for name in ("list", "context", "function", "range")
}
"""Inside a model these names are no types without parameters (``instance of`` gives null)."""


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "date": parse_date,
    "time": parse_time,
    "date and time": parse_datetime,
    "days and time duration": parse_duration,
    "years and months duration": parse_duration,
    "duration": parse_duration,
}


def from_json(value: Any, kind: Type) -> Any:
    """An input with texts read as temporal values where its type asks for them.

    JSON, in which variables live, has no dates.
    """
    plain = kind.plain()
    if isinstance(value, str) and isinstance(plain, SimpleType):
        read = _READERS.get(plain.name)
        converted = read(value) if read else None
        return value if converted is None else converted
    if isinstance(value, list) and isinstance(plain, ListType):
        return [from_json(element, plain.item) for element in value]
    if isinstance(value, dict) and isinstance(plain, ContextType):
        members = plain.members
        return {
            key: from_json(entry, members[key]) if key in members else entry
            for key, entry in value.items()
        }
    return value
