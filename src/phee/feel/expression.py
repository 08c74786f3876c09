"""An expression that is ready to be evaluated, again and again, from any thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from phee.feel.builtins.registry import BUILTINS
from phee.feel.compiler import compile_node
from phee.feel.errors import (
    EvaluationProblem,
    EvaluationStopped,
    EvaluationWarning,
    FeelSyntaxError,
)
from phee.feel.fast import NotFast, compile_fast
from phee.feel.lexer import tokenize
from phee.feel.names import NAME_SYMBOLS, KnownNames, join
from phee.feel.nodes import Node
from phee.feel.parser import parse
from phee.feel.runtime import Fetched, Run, Scope
from phee.feel.sizes import check_size
from phee.feel.tree import free_names
from phee.feel.types import Type

_BUILTIN_NAMES: Final = KnownNames(BUILTINS)
_SPELLED: Final = frozenset({"name", "number", "keyword", "symbol"})
_SPELLING_SYMBOLS: Final = NAME_SYMBOLS - {"."}
_SCALARS: Final = frozenset({int, str, bool, type(None)})


class Expression:
    """A compiled expression.

    Attributes:
        text: the source.
        names: the variables it may read from the context; for unary tests also ``?``.
    """

    __slots__ = ("_code", "_fast", "_respell", "names", "node", "text")

    def __init__(
        self,
        text: str,
        node: Node,
        respell: Callable[[Mapping[str, Any]], Expression] | None = None,
        spellings: frozenset[str] = frozenset(),
    ) -> None:
        self.text = text
        self.node = node
        self._code = compile_node(node)
        self._fast = compile_fast(node)
        self._respell = respell
        self.names: frozenset[str] = frozenset(free_names(node, BUILTINS)) | spellings

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def evaluate(
        self,
        context: Mapping[str, Any],
        *,
        now: datetime | None = None,
        seed: int | str | None = None,
    ) -> Any:
        """The value in a context; null where it has none. Never raises for the context's sake.

        Args:
            context: variables by name; only ``names`` are asked for, each at most once.
            now: the moment of ``now()`` and ``today()``; the machine's clock when absent.
            seed: makes ``uuid()`` and ``random number()`` repeat; give each evaluation its own.
        """
        if self._fast is not None:
            try:
                return self._fast(context)
            except (NotFast, KeyError):
                pass
        return self.evaluate_with_warnings(context, now=now, seed=seed)[0]

    def evaluate_with_warnings(
        self,
        context: Mapping[str, Any],
        *,
        now: datetime | None = None,
        seed: int | str | None = None,
    ) -> tuple[Any, list[EvaluationWarning]]:
        """The value, and why parts of it became null."""
        run = Run(now, seed)
        value = self.evaluate_in(run, context)
        return value, run.warnings

    def evaluate_in(self, run: Run, context: Mapping[str, Any]) -> Any:
        """The value, as a part of an evaluation that is already under way."""
        if self._respell is not None:
            return self._respell(context).evaluate_in(run, context)
        return guarded(self._code, run, Scope(run, Fetched(context)))

    def code_in(self, scope: Scope) -> Any:
        """The bare value in a scope; limits and problems pass through to the caller."""
        return self._code(scope)


def guarded(code: Callable[[Scope], Any], run: Run, scope: Scope) -> Any:
    """Run compiled code; whatever goes wrong is null and a warning."""
    try:
        value = code(scope)
        if type(value) not in _SCALARS:
            check_size(value)
    except EvaluationStopped as stop:
        run.warn(stop.kind, str(stop))
        return None
    except EvaluationProblem as problem:
        run.warn(problem.kind, str(problem))
        return None
    except (RecursionError, MemoryError):
        run.warn("LIMIT_EXCEEDED", "The evaluation nests too deeply")
        return None
    return value


def compile_expression(
    text: str,
    *,
    unary: bool = False,
    names: Iterable[str] | None = None,
    types: Mapping[str, Type] | None = None,
) -> Expression:
    """Compile a text; see ``phee.feel.compile``."""
    try:
        if names is not None:
            return Expression(text, _parse(text, unary, tuple(names), types or {}))
        return _resolving(text, unary, types or {})
    except RecursionError:
        raise FeelSyntaxError("nested too deeply", text, 0) from None


def _parse(text: str, unary: bool, names: Iterable[str], types: Mapping[str, Type]) -> Node:
    return parse(text, unary=unary, names=names, types=types, builtins=_BUILTIN_NAMES)


def _resolving(text: str, unary: bool, types: Mapping[str, Type]) -> Expression:
    """An expression whose special names, if it may have any, are looked up in each context."""
    spellings = _special_spellings(text)
    node = _parse(text, unary, (), types)
    if not spellings:
        return Expression(text, node)

    @lru_cache(maxsize=16)
    def spelled(names: frozenset[str]) -> Expression:
        return Expression(text, _parse(text, unary, names, types))

    def respell(context: Mapping[str, Any]) -> Expression:
        return spelled(frozenset(name for name in spellings if name in context))

    return Expression(text, node, respell, spellings)


def _special_spellings(text: str) -> frozenset[str]:
    """Runs such as ``a-b`` that are one name if the context has it (at most 32).

    Only what is written without white space around its symbols counts here: ``a - b`` is taken
    for a name only where the names are known beforehand.
    """
    tokens = tokenize(text)
    found: set[str] = set()
    for start, token in enumerate(tokens):
        if token.kind != "name":
            continue
        for end in range(start + 1, min(start + 8, len(tokens))):
            following = tokens[end]
            joined = following.kind == "symbol" or tokens[end - 1].kind == "symbol"
            if following.kind not in _SPELLED or (joined and following.spaced):
                break
            if following.kind == "symbol":
                if following.text not in _SPELLING_SYMBOLS:
                    break
            elif any(inner.kind == "symbol" for inner in tokens[start:end]):
                found.add(join(tokens[start : end + 1]))
    return frozenset(sorted(found)[:32])
