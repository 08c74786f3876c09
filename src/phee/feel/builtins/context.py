"""Functions about contexts."""

from __future__ import annotations

from typing import Any

from phee.feel.builtins.registry import builtin
from phee.feel.errors import EvaluationProblem
from phee.feel.runtime import Run

_Entries = dict[str, Any]


@builtin("get value(m: context, key: string)", "get value(context: context, key: string)")
def get_value(entries: _Entries, key: str) -> Any:
    """The entry of a key, or null."""
    return entries.get(key)


@builtin("get value(context: context, keys: exact list)")
def get_nested_value(entries: _Entries, keys: list[Any]) -> Any:
    """The entry at the end of a path of keys, or null (Zeebe)."""
    value: Any = entries
    for key in keys:
        if type(value) is not dict or type(key) is not str:
            return None
        value = value.get(key)
    return value


@builtin("get entries(m: context)", "get entries(context: context)")
def get_entries(entries: _Entries) -> list[_Entries]:
    """A context of ``key`` and ``value`` for each entry."""
    return [{"key": key, "value": value} for key, value in entries.items()]


@builtin("context(entries: contexts)")
def context(entries: list[_Entries]) -> _Entries:
    """The reverse of ``get entries``."""
    result: _Entries = {}
    for entry in entries:
        key = entry.get("key")
        if type(key) is not str or "value" not in entry or key in result:
            raise EvaluationProblem(
                "each entry needs a string 'key' of its own and a 'value'",
                "FUNCTION_INVOCATION_FAILURE",
            )
        result[key] = entry["value"]
    return result


@builtin(
    "context put(context: context, key: string, value: any)",
    "put(context: context, key: string, value: any)",
)
def context_put(entries: _Entries, key: str, value: Any) -> _Entries:
    """A copy with one entry added or replaced."""
    return {**entries, key: value}


@builtin("context put(context: context, keys: exact list, value: any)", run=True)
def context_put_nested(run: Run, entries: _Entries, keys: list[Any], value: Any) -> _Entries:
    """A copy with the entry at the end of a path of keys added or replaced."""
    if not keys or any(type(key) is not str for key in keys):
        raise EvaluationProblem("the keys are not strings", "FUNCTION_INVOCATION_FAILURE")
    run.charge(len(entries) * len(keys))
    path: list[_Entries] = [entries]
    for key in keys[:-1]:
        inner = path[-1].get(key)
        if inner is not None and type(inner) is not dict:
            raise EvaluationProblem(
                f"the entry '{key}' is no context", "FUNCTION_INVOCATION_FAILURE"
            )
        path.append(inner or {})
    result: _Entries = {**path[-1], keys[-1]: value}
    for level, key in zip(reversed(path[:-1]), reversed(keys[:-1]), strict=True):
        result = {**level, key: result}
    return result


@builtin("context merge(contexts: contexts)", "put all(contexts: contexts...)", run=True)
def context_merge(run: Run, contexts: list[_Entries]) -> _Entries:
    """One context of all entries; of equal keys the last wins."""
    run.charge(sum(map(len, contexts)))
    result: _Entries = {}
    for entries in contexts:
        result.update(entries)
    return result


@builtin("context merge(contexts: contexts...)", run=True)
def context_merge_arguments(run: Run, contexts: list[_Entries]) -> _Entries:
    """The same for contexts given one by one (Zeebe)."""
    return context_merge(run, contexts)
