"""Questions about syntax trees: depth, children, free names."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import fields
from typing import Any

from phee.feel import nodes
from phee.feel.nodes import Node


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below a node."""
    for field in fields(node):  # type: ignore[arg-type]
        yield from _nodes_in(getattr(node, field.name))


def _nodes_in(value: Any) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for element in value:
            yield from _nodes_in(element)


def depth_of(node: Node, known: dict[int, tuple[Node, int]]) -> int:
    """Levels of the tree; ``known`` keeps the answers for nodes seen before."""
    entry = known.get(id(node))
    if entry is not None and entry[0] is node:
        return entry[1]
    depth = 1 + max((depth_of(child, known) for child in children(node)), default=0)
    known[id(node)] = (node, depth)
    return depth


def free_names(
    node: Node, functions: Collection[str] = (), bound: frozenset[str] = frozenset()
) -> set[str]:
    """The variables an expression may read from its context.

    Args:
        node: the expression.
        functions: names that are no variables where they are called.
        bound: names that are bound around the expression.
    """
    return _Names(functions).of(node, bound)


class _Names:
    def __init__(self, functions: Collection[str]) -> None:
        self._functions = functions

    def of(self, node: Node, bound: frozenset[str]) -> set[str]:
        if isinstance(node, nodes.Name):
            return set() if node.name in bound else {node.name}
        if isinstance(node, nodes.For | nodes.Quantified):
            return self._iterated(node, bound)
        if isinstance(node, nodes.Filter):
            return self.of(node.target, bound) | self.of(node.test, bound | {"item"})
        if isinstance(node, nodes.FunctionNode):
            return self.of(node.body, bound | {name for name, _ in node.parameters})
        if isinstance(node, nodes.ContextNode):
            return self._entries(node, bound)
        if isinstance(node, nodes.Call) and isinstance(node.function, nodes.Name):
            name = node.function.name
            called = set() if name in self._functions else self.of(node.function, bound)
            return called.union(*(self.of(argument, bound) for argument in _arguments(node)))
        return set().union(*(self.of(child, bound) for child in children(node)))

    def _iterated(self, node: nodes.For | nodes.Quantified, bound: frozenset[str]) -> set[str]:
        found: set[str] = set()
        for iterator in node.iterators:
            found |= self.of(iterator.source, bound)
            if iterator.end is not None:
                found |= self.of(iterator.end, bound)
            bound |= {iterator.name}
        if isinstance(node, nodes.For):
            bound |= {"partial"}
        return found | self.of(node.body, bound)

    def _entries(self, node: nodes.ContextNode, bound: frozenset[str]) -> set[str]:
        found: set[str] = set()
        for key, value in node.entries:
            found |= self.of(value, bound)
            bound |= {key}
        return found


def _arguments(node: nodes.Call) -> Iterator[Node]:
    yield from node.positional
    yield from (argument for _, argument in node.named)
