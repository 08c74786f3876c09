"""The syntax tree. Every node is a frozen value; nothing here evaluates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from phee.feel.types import Type


class Node:
    """A piece of an expression."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A number, string, boolean, null or ``@"..."`` value."""

    value: Any


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A variable; ``?`` is the input of a unary test."""

    name: str


@dataclass(frozen=True, slots=True)
class Path(Node):
    """``target.name``."""

    target: Node
    name: str


@dataclass(frozen=True, slots=True)
class Filter(Node):
    """``target[test]``: selection or index."""

    target: Node
    test: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    """``function(arguments)``; either positional or named arguments are empty."""

    function: Node
    positional: tuple[Node, ...]
    named: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """``left op right`` with ``+ - * / **``."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Negation(Node):
    """``-operand``."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """``left op right`` with ``= != < <= > >=``."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """``a and b and c`` or ``a or b or c``."""

    conjunction: bool
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Between(Node):
    """``value between low and high``."""

    value: Node
    low: Node
    high: Node


@dataclass(frozen=True, slots=True)
class In(Node):
    """``value in (tests)``."""

    value: Node
    tests: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Bound(Node):
    """``< endpoint`` and its kin: a test inside ``in`` and unary tests, else a range."""

    operator: str
    endpoint: Node


@dataclass(frozen=True, slots=True)
class Interval(Node):
    """``[start..end]``, open where not included."""

    start: Node
    end: Node
    start_included: bool
    end_included: bool


@dataclass(frozen=True, slots=True)
class InstanceOf(Node):
    """``value instance of type``."""

    value: Node
    type: Type


@dataclass(frozen=True, slots=True)
class If(Node):
    """``if condition then a else b``."""

    condition: Node
    then: Node
    otherwise: Node


@dataclass(frozen=True, slots=True)
class Iterator(Node):
    """``name in source``, or ``name in source..end``."""

    name: str
    source: Node
    end: Node | None = None


@dataclass(frozen=True, slots=True)
class For(Node):
    """``for iterators return body``."""

    iterators: tuple[Iterator, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Quantified(Node):
    """``some``/``every iterators satisfies body``."""

    every: bool
    iterators: tuple[Iterator, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class ContextNode(Node):
    """``{key: value, ...}``; later entries see earlier ones."""

    entries: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class ListNode(Node):
    """``[a, b, c]``."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class FunctionNode(Node):
    """``function(parameters) body``."""

    parameters: tuple[tuple[str, Type], ...]
    body: Node
    external: bool = False


@dataclass(frozen=True, slots=True)
class UnaryTests(Node):
    """The tests of a decision table cell; no tests at all is ``-`` and always true."""

    tests: tuple[Node, ...]
    negated: bool = False
