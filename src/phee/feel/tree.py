"""Questions about syntax trees: depth, children, free names."""

from __future__ import annotations

from collections.abc import Iterator
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


def free_names(node: Node, bound: frozenset[str] = frozenset()) -> set[str]:
    """The variables an expression may read from its context."""
    if isinstance(node, nodes.Name):
        return set() if node.name in bound else {node.name}
    if isinstance(node, nodes.For | nodes.Quantified):
        return _iterated_names(node, bound)
    if isinstance(node, nodes.Filter):
        return free_names(node.target, bound) | free_names(node.test, bound | {"item"})
    if isinstance(node, nodes.FunctionNode):
        return free_names(node.body, bound | {name for name, _ in node.parameters})
    if isinstance(node, nodes.ContextNode):
        return _entry_names(node, bound)
    found: set[str] = set()
    for child in children(node):
        found |= free_names(child, bound)
    return found


def _iterated_names(node: nodes.For | nodes.Quantified, bound: frozenset[str]) -> set[str]:
    found: set[str] = set()
    for iterator in node.iterators:
        found |= free_names(iterator.source, bound)
        if iterator.end is not None:
            found |= free_names(iterator.end, bound)
        bound |= {iterator.name}
    if isinstance(node, nodes.For):
        bound |= {"partial"}
    return found | free_names(node.body, bound)


def _entry_names(node: nodes.ContextNode, bound: frozenset[str]) -> set[str]:
    found: set[str] = set()
    for key, value in node.entries:
        found |= free_names(value, bound)
        bound |= {key}
    return found
