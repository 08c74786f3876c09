"""List functions. Positions count from 1, from the end when negative; lists are never changed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from phee.feel.builtins.registry import builtin
from phee.feel.errors import EvaluationProblem, LimitExceeded
from phee.feel.limits import RESULT_DEPTH_MAX
from phee.feel.runtime import Run
from phee.feel.values import FunctionValue, equal

_List = list[Any]


def _invalid(problem: str) -> EvaluationProblem:
    return EvaluationProblem(problem, "FUNCTION_INVOCATION_FAILURE")


def _offset(values: _List, position: int) -> int:
    """The Python offset of a position that must exist."""
    if position == 0 or abs(position) > len(values):
        raise _invalid(f"no position {position} in a list of {len(values)} elements")
    return position - 1 if position > 0 else len(values) + position


def _has(run: Run, values: _List, element: Any) -> bool:
    run.charge(len(values))
    return any(equal(value, element, run) is True for value in values)


@builtin("list contains(list: list, element: any)", run=True)
def list_contains(run: Run, values: _List, element: Any) -> bool:
    """Whether an element is equal."""
    return _has(run, values, element)


@builtin("sublist(list: list, start position: integer, length: integer or null?)")
def sublist(values: _List, start_position: int, length: int | None = None) -> _List:
    """The elements from a position, so many or all."""
    start = _offset(values, start_position)
    if length is not None and (length < 1 or start + length > len(values)):
        raise _invalid(f"no {length} elements from there")
    return values[start:] if length is None else values[start : start + length]


@builtin("append(list: list, item: any...)")
def append(values: _List, items: _List) -> _List:
    """The list with the items behind."""
    return [*values, *items]


@builtin("concatenate(list: any...)", run=True)
def concatenate(run: Run, lists: _List) -> _List:
    """All lists one after the other."""
    run.charge(sum(len(values) for values in lists if type(values) is list))
    if any(values is None for values in lists):
        raise _invalid("null is no list")
    return [value for values in lists for value in (values if type(values) is list else [values])]


@builtin("insert before(list: list, position: integer, newItem: any)")
def insert_before(values: _List, position: int, new_item: Any) -> _List:
    """The list with an item before the one at a position."""
    at = _offset(values, position)
    return [*values[:at], new_item, *values[at:]]


@builtin("remove(list: list, position: integer)")
def remove(values: _List, position: int) -> _List:
    """The list without the element at a position."""
    at = _offset(values, position)
    return values[:at] + values[at + 1 :]


@builtin("list replace(list: list, position: integer, newItem: any)")
def list_replace(values: _List, position: int, newItem: Any) -> _List:  # noqa: N803
    """The list with another element at a position."""
    at = _offset(values, position)
    return [*values[:at], newItem, *values[at + 1 :]]


@builtin("list replace(list: list, match: function, newItem: any)", run=True)
def list_replace_matching(run: Run, values: _List, match: FunctionValue, new_item: Any) -> _List:
    """The list with another element wherever ``match(element, new item)`` is true."""
    result: _List = []
    for value in values:
        outcome = match.invoke(run, [value, new_item], None)
        if type(outcome) is not bool:
            raise _invalid("the match function must give true or false")
        result.append(new_item if outcome else value)
    return result


@builtin("reverse(list: list)")
def reverse(values: _List) -> _List:
    """The elements from last to first."""
    return values[::-1]


@builtin("index of(list: list, match: any)", run=True)
def index_of(run: Run, values: _List, match: Any) -> list[int]:
    """All positions of elements that are equal."""
    run.charge(len(values))
    return [at for at, value in enumerate(values, 1) if equal(value, match, run) is True]


@builtin("union(list: any...)", run=True)
def union(run: Run, lists: _List) -> _List:
    """All lists one after the other, each element once."""
    return distinct_values(run, concatenate(run, lists))


@builtin("distinct values(list: list)", run=True)
def distinct_values(run: Run, values: _List) -> _List:
    """Each element once, in order of first appearance."""
    return [group[0] for group in _groups(run, values)]


@builtin("duplicate values(list: list)", run=True)
def duplicate_values(run: Run, values: _List) -> _List:
    """The elements that appear more than once, each once (Zeebe)."""
    return [group[0] for group in _groups(run, values) if len(group) > 1]


def _groups(run: Run, values: _List) -> list[_List]:
    """Equal elements together; strings and numbers by hash, others one by one."""
    hashed: dict[Any, _List] = {}
    others: list[_List] = []
    ordered: list[_List] = []
    for value in values:
        if type(value) in (str, int):
            group = hashed.get(value)
            if group is None:
                group = hashed[value] = []
                ordered.append(group)
        else:
            group = _group_among(run, [*others, *_numbers_among(value, hashed)], value)
            if group is None:
                group = []
                others.append(group)
                ordered.append(group)
                if hash_key(value) is not None:
                    hashed.setdefault(hash_key(value), group)
        group.append(value)
    return ordered


def hash_key(value: Any) -> Any:
    """A decimal as a key that an equal int shares; None for other values."""
    return value if type(value) is Decimal else None


def _numbers_among(value: Any, hashed: dict[Any, _List]) -> list[_List]:
    key = hash_key(value)
    return [hashed[key]] if key is not None and key in hashed else []


def _group_among(run: Run, groups: list[_List], value: Any) -> _List | None:
    run.charge(len(groups))
    return next((group for group in groups if equal(group[0], value, run) is True), None)


@builtin("flatten(list: list)", run=True)
def flatten(run: Run, values: _List) -> _List:
    """All elements of nested lists in one."""
    result: _List = []
    _flatten(run, values, result, 0)
    return result


def _flatten(run: Run, values: _List, result: _List, depth: int) -> None:
    if depth > RESULT_DEPTH_MAX:
        raise LimitExceeded("A list nests too deeply")
    run.charge(len(values) + 1)
    for value in values:
        if type(value) is list:
            _flatten(run, value, result, depth + 1)
        else:
            result.append(value)


@builtin("is empty(list: exact list)")
def is_empty(values: _List) -> bool:
    """Whether a list has no elements (Zeebe)."""
    return not values


@builtin("partition(list: list, size: integer)")
def partition(values: _List, size: int) -> list[_List]:
    """The list cut into lists of a size, the last maybe shorter (Zeebe)."""
    if size < 1:
        raise _invalid("the size must be positive")
    return [values[at : at + size] for at in range(0, len(values), size)]
