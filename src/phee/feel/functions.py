"""Functions as values: those a drawing defines, and how any function is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from phee.feel.errors import EvaluationProblem
from phee.feel.runtime import Run, Scope
from phee.feel.text import shown
from phee.feel.types import Type, coerce
from phee.feel.values import FunctionValue, Range

Code = Callable[[Scope], Any]


class DefinedFunction(FunctionValue):
    """``function(a, b) body``: remembers the scope it was written in."""

    __slots__ = ("_body", "_result", "_scope")

    def __init__(
        self,
        parameters: tuple[tuple[str, Type], ...],
        body: Code,
        scope: Scope,
        *,
        name: str = "",
        result: Type | None = None,
    ) -> None:
        super().__init__(name, parameters)
        self._body = body
        self._scope = scope
        self._result = result

    def invoke(self, run: Run, arguments: list[Any], named: Mapping[str, Any] | None) -> Any:
        """The body's value with the parameters bound."""
        values = self._bind(arguments if named is None else self._by_name(named))
        run.enter()
        try:
            result = self._body(Scope(run, values, self._scope))
        finally:
            run.leave()
        return result if self._result is None else self._checked(result)

    def _by_name(self, named: Mapping[str, Any]) -> list[Any]:
        names = [name for name, _ in self.parameters]
        unknown = [name for name in named if name not in names]
        if unknown:
            raise EvaluationProblem(
                f"no parameter '{unknown[0]}'; expected {', '.join(names)}",
                "FUNCTION_INVOCATION_FAILURE",
            )
        return [named.get(name) for name in names]

    def _bind(self, arguments: list[Any]) -> dict[str, Any]:
        if len(arguments) != len(self.parameters):
            raise self._wrong_count(len(arguments))
        values: dict[str, Any] = {}
        for (name, kind), argument in zip(self.parameters, arguments, strict=True):
            fits, values[name] = coerce(argument, kind)
            if not fits:
                raise EvaluationProblem(
                    f"parameter '{name}' has to be a {kind.name}, but was '{shown(argument)}'",
                    "FUNCTION_INVOCATION_FAILURE",
                )
        return values

    def _wrong_count(self, count: int) -> EvaluationProblem:
        return EvaluationProblem(
            f"expected {len(self.parameters)} arguments, found {count}",
            "FUNCTION_INVOCATION_FAILURE",
        )

    def _checked(self, result: Any) -> Any:
        assert self._result is not None
        fits, value = coerce(result, self._result)
        if not fits:
            raise EvaluationProblem(
                f"the result has to be a {self._result.name}, but was '{shown(result)}'",
                "FUNCTION_INVOCATION_FAILURE",
            )
        return value


def call(
    run: Run, function: Any, label: str, arguments: list[Any], named: Mapping[str, Any] | None
) -> Any:
    """The function's value, or null with a warning.

    Args:
        run: the evaluation.
        function: what is called; a range is no function.
        label: the name in the text, for the warning.
        arguments: positional arguments.
        named: named arguments instead, or None.
    """
    if not isinstance(function, FunctionValue):
        kind = "range" if isinstance(function, Range) else "value"
        run.warn("NO_FUNCTION_FOUND", f"'{label}' is a {kind}, not a function")
        return None
    try:
        return function.invoke(run, arguments, named)
    except EvaluationProblem as problem:
        run.warn(problem.kind, f"Failed to invoke function '{label}': {problem}")
        return None
