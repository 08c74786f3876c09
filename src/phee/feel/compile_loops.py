"""``for``, ``some`` and ``every``: iteration over lists and ranges, lazily."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from phee.feel import nodes
from phee.feel.functions import Code
from phee.feel.nodes import Node
from phee.feel.numbers import Number, is_whole
from phee.feel.runtime import Scope
from phee.feel.temporal import date_from_epoch_day, epoch_day
from phee.feel.text import shown
from phee.feel.tree import free_names
from phee.feel.values import Range, kind_of

_Compile = Callable[[Node], Code]
Source = tuple[str, Code, Code | None]
"""A variable, what it runs over, and for ``a..b`` the end."""


def compile_for(node: nodes.For, compile_node: _Compile) -> Code:
    """``for a in x, b in y return body``; null when a source cannot be iterated."""
    sources = _sources(node.iterators, compile_node)
    return for_code(sources, compile_node(node.body), partial="partial" in free_names(node.body))


def for_code(sources: tuple[Source, ...], body: Code, *, partial: bool) -> Code:
    """The list of what the body gives; ``partial`` if the body looks at earlier results."""

    def run_for(scope: Scope) -> Any:
        results: list[Any] = []
        try:
            for turn in _turns(scope, sources, 0):
                inner = turn
                if partial:
                    scope.run.charge(len(results))
                    inner = Scope(turn.run, {"partial": list(results)}, turn)
                results.append(body(inner))
        except _NotIterable:
            return None
        return results

    return run_for


def compile_quantified(node: nodes.Quantified, compile_node: _Compile) -> Code:
    """``some``/``every``: ``or``/``and`` over the turns, with three truth values."""
    sources = _sources(node.iterators, compile_node)
    return quantified_code(sources, compile_node(node.body), every=node.every)


def quantified_code(sources: tuple[Source, ...], body: Code, *, every: bool) -> Code:
    """Whether the body is true for every (or some) turn."""
    decisive = not every

    def run_quantified(scope: Scope) -> bool | None:
        unknown = False
        try:
            for turn in _turns(scope, sources, 0):
                outcome = body(turn)
                if outcome is decisive:
                    return not every
                if type(outcome) is not bool and not unknown:
                    unknown = True
                    scope.run.warn_no_boolean(shown(outcome))
        except _NotIterable:
            return None
        return None if unknown else every

    return run_quantified


class _NotIterable(Exception):
    """A source is null or an endless range."""


def _sources(iterators: tuple[nodes.Iterator, ...], compile_node: _Compile) -> tuple[Source, ...]:
    return tuple(
        (it.name, compile_node(it.source), None if it.end is None else compile_node(it.end))
        for it in iterators
    )


def _turns(scope: Scope, sources: tuple[Source, ...], index: int) -> Iterator[Scope]:
    """A scope for each combination of values, the last iterator running fastest."""
    name, source, end = sources[index]
    last = index == len(sources) - 1
    run = scope.run
    for value in _values(scope, source, end):
        run.charge(1)
        inner = Scope(run, {name: value}, scope)
        if last:
            yield inner
        else:
            yield from _turns(inner, sources, index + 1)


def _values(scope: Scope, source: Code, end: Code | None) -> Iterator[Any]:
    first = source(scope)
    if end is not None:
        return _steps(scope, first, end(scope))
    if type(first) is Range:
        return _range_values(scope, first)
    if first is None:
        scope.run.warn("INVALID_TYPE", "Can't iterate over null")
        raise _NotIterable
    return iter(first) if type(first) is list else iter((first,))


def _range_values(scope: Scope, values: Range) -> Iterator[Any]:
    for value in _steps(scope, values.start, values.end):
        if value == values.start and not values.start_included:
            continue
        if value == values.end and not values.end_included:
            continue
        yield value


def _steps(scope: Scope, start: Any, end: Any) -> Iterator[Any]:
    """Whole numbers or days from start to end, both included, up or down."""
    kind = kind_of(start)
    if kind == kind_of(end) == "number" and is_whole(start) and is_whole(end):
        return iter(_count(start, end))
    if kind == kind_of(end) == "date":
        return map(date_from_epoch_day, _count(epoch_day(start), epoch_day(end)))
    scope.run.warn("INVALID_TYPE", f"Can't iterate from '{shown(start)}' to '{shown(end)}'")
    raise _NotIterable


def _count(start: Number, end: Number) -> range:
    first, last = int(start), int(end)
    return range(first, last + 1) if first <= last else range(first, last - 1, -1)
