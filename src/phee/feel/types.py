"""Types: what ``instance of``, function parameters and item definitions mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from phee.feel.temporal import midnight
from phee.feel.values import FunctionValue, Range, kind_of


class Type:
    """A set of values. Null belongs to every type; ``is_instance`` is the stricter question."""

    __slots__ = ()
    name: str

    def conforms(self, value: Any) -> bool:
        """Whether the value may be used where this type is asked for."""
        raise NotImplementedError

    def plain(self) -> Type:
        """The type itself, without a name or reference around it."""
        return self

    def is_instance(self, value: Any) -> bool | None:
        """Whether ``value instance of`` this type is true; null when it is no type."""
        return value is not None and self.conforms(value)


class AnyType(Type):
    """Every value."""

    name = "Any"

    def conforms(self, _value: Any) -> bool:
        """True."""
        return True


class UnknownType(Type):
    """A name that is no type: nothing conforms, and ``instance of`` it is null."""

    def __init__(self, name: str) -> None:
        self.name = name

    def conforms(self, _value: Any) -> bool:
        """False."""
        return False

    def is_instance(self, _value: Any) -> bool | None:
        """Null."""
        return None


class NullType(Type):
    """Only null."""

    name = "Null"

    def conforms(self, value: Any) -> bool:
        """Whether it is null."""
        return value is None

    def is_instance(self, value: Any) -> bool:
        """Whether it is null."""
        return value is None


@dataclass(frozen=True, slots=True)
class SimpleType(Type):
    """All values of some kinds (see ``kind_of``)."""

    name: str
    kinds: frozenset[str]

    def conforms(self, value: Any) -> bool:
        """Whether the value is of one of the kinds."""
        return value is None or kind_of(value) in self.kinds


@dataclass(frozen=True, slots=True)
class ListType(Type):
    """Lists whose elements are of one type."""

    item: Type
    name: str = "list"

    def conforms(self, value: Any) -> bool:
        """Whether it is a list of such elements."""
        if value is None:
            return True
        return isinstance(value, list) and all(map(self.item.conforms, value))


@dataclass(frozen=True, slots=True)
class ContextType(Type):
    """Contexts that have at least these entries."""

    members: Mapping[str, Type]
    name: str = "context"

    def conforms(self, value: Any) -> bool:
        """Whether it is a context with these entries."""
        if value is None:
            return True
        return isinstance(value, dict) and all(
            key in value and member.conforms(value[key]) for key, member in self.members.items()
        )


@dataclass(frozen=True, slots=True)
class RangeType(Type):
    """Ranges over one type."""

    item: Type
    name: str = "range"

    def conforms(self, value: Any) -> bool:
        """Whether it is a range with such endpoints."""
        if value is None:
            return True
        return (
            isinstance(value, Range)
            and self.item.conforms(value.start)
            and self.item.conforms(value.end)
        )


@dataclass(frozen=True, slots=True)
class FunctionType(Type):
    """Functions: as many parameters, each at least as wide."""

    parameters: tuple[Type, ...]
    result: Type
    name: str = "function"

    def conforms(self, value: Any) -> bool:
        """Whether it is a function that can be called so."""
        if value is None:
            return True
        if not isinstance(value, FunctionValue):
            return False
        declared = [kind for _, kind in value.parameters]
        return len(declared) == len(self.parameters) and all(
            is_subtype(expected, kind)
            for expected, kind in zip(self.parameters, declared, strict=True)
        )


ANY: Final = AnyType()
NULL: Final = NullType()
_LIST: Final = ListType(ANY)


def _simple(name: str, *kinds: str) -> SimpleType:
    return SimpleType(name, frozenset(kinds or (name,)))


NUMBER: Final = _simple("number")
STRING: Final = _simple("string")
BOOLEAN: Final = _simple("boolean")

BUILTIN_TYPES: Final[dict[str, Type]] = {
    "Any": ANY,
    "Null": NULL,
    "number": NUMBER,
    "string": STRING,
    "boolean": BOOLEAN,
    "date": _simple("date"),
    "time": _simple("time"),
    "date and time": _simple("date and time"),
    "dateTime": _simple("date and time"),
    "days and time duration": _simple("days and time duration"),
    "dayTimeDuration": _simple("days and time duration"),
    "years and months duration": _simple("years and months duration"),
    "yearMonthDuration": _simple("years and months duration"),
    "duration": _simple("duration", "days and time duration", "years and months duration"),
    "list": _LIST,
    "context": ContextType({}),
    "function": _simple("function"),
    "range": RangeType(ANY),
}


def is_subtype(narrow: Type, wide: Type) -> bool:
    """Whether every value of ``narrow`` also belongs to ``wide``."""
    narrow, wide = narrow.plain(), wide.plain()
    if wide is ANY or narrow is NULL or narrow == wide:
        return True
    if isinstance(narrow, SimpleType) and isinstance(wide, SimpleType):
        return narrow.kinds <= wide.kinds
    if isinstance(narrow, ListType) and isinstance(wide, ListType):
        return is_subtype(narrow.item, wide.item)
    if isinstance(narrow, RangeType) and isinstance(wide, RangeType):
        return is_subtype(narrow.item, wide.item)
    if isinstance(narrow, ContextType) and isinstance(wide, ContextType):
        return all(
            key in narrow.members and is_subtype(narrow.members[key], member)
            for key, member in wide.members.items()
        )
    return False


def coerce(value: Any, wanted: Type) -> tuple[bool, Any]:
    """Fit a value to a type by the implicit conversions of the specification.

    A value becomes a list of itself, a list of one its element, a date the date and time of
    its UTC midnight, where (and only where) the type asks for it.

    Returns:
        Whether it fits, and the fitting value (null when it does not).
    """
    if wanted.conforms(value):
        return True, value
    if isinstance(value, list) and len(value) == 1 and wanted.conforms(value[0]):
        return True, value[0]
    if not isinstance(value, list) and wanted.conforms([value]):
        return True, [value]
    if kind_of(value) == "date":
        converted = midnight(value)
        if wanted.conforms(converted):
            return True, converted
    return False, None
