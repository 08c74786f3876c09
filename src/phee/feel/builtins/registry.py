"""How a built-in function is declared, chosen by its arguments, and called.

A declaration is a signature such as ``substring(string: string, start position: integer,
length: integer?)``: parameter names are those of the specification, since calls may name them;
``?`` marks an optional parameter, ``...`` one that takes all remaining arguments as a list.
A name may be declared several times: the first signature that fits is called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from phee.feel.builtins.parameters import NO_FIT, Fitter, fitter
from phee.feel.errors import EvaluationProblem
from phee.feel.runtime import Run
from phee.feel.sizes import steps_of
from phee.feel.text import shown
from phee.feel.types import ANY, BUILTIN_TYPES
from phee.feel.values import FunctionValue

_Function = TypeVar("_Function", bound=Callable[..., Any])
_SIGNATURE: Final = re.compile(r"(.+?)\((.*)\)", re.DOTALL)
_PARAMETER: Final = re.compile(r"(.+?): ([\w ]+)(\?|\.\.\.)?")


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    kind: str
    fit: Fitter
    optional: bool
    variadic: bool


@dataclass(frozen=True, slots=True)
class _Signature:
    parameters: tuple[_Parameter, ...]
    function: Callable[..., Any]
    takes_run: bool

    def fitted(self, arguments: list[Any]) -> list[Any] | None:
        """The arguments as the function wants them; None when they do not fit."""
        parameters = self.parameters
        if parameters and parameters[-1].variadic:
            fixed = len(parameters) - 1
            if len(arguments) <= fixed:
                return None
            return self._fit_all([*arguments[:fixed], arguments[fixed:]])
        if not self.least <= len(arguments) <= len(parameters):
            return None
        return self._fit_all(arguments)

    @property
    def least(self) -> int:
        """Fewest arguments."""
        return sum(not parameter.optional for parameter in self.parameters)

    def names(self) -> list[str]:
        """The parameters in order."""
        return [parameter.name for parameter in self.parameters]

    def _fit_all(self, arguments: list[Any]) -> list[Any] | None:
        values: list[Any] = []
        for parameter, argument in zip(self.parameters, arguments, strict=False):
            value = parameter.fit(argument)
            if value is NO_FIT:
                return None
            values.append(value)
        return values

    def from_names(self, named: Mapping[str, Any]) -> dict[str, Any] | None:
        """The named arguments fitted, by Python position; None when they do not fit."""
        by_name = {parameter.name: index for index, parameter in enumerate(self.parameters)}
        if any(name not in by_name for name in named):
            return None
        values: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.name not in named and parameter.optional:
                continue
            argument = named.get(parameter.name)
            if parameter.variadic and type(argument) is not list:
                argument = [argument]
            values[parameter.name] = parameter.fit(argument)
            if values[parameter.name] is NO_FIT:
                return None
        return values


class Builtin(FunctionValue):
    """A built-in function with all its signatures."""

    __slots__ = ("signatures",)

    def __init__(self, name: str) -> None:
        super().__init__(name, ())
        self.signatures: list[_Signature] = []

    def declare(self, signature: _Signature) -> None:
        """Add a signature; the first one also describes the function's parameters."""
        if not self.signatures:
            self.parameters = tuple(
                (parameter.name, BUILTIN_TYPES.get(parameter.kind, ANY))
                for parameter in signature.parameters
            )
        self.signatures.append(signature)

    def invoke(self, run: Run, arguments: list[Any], named: Mapping[str, Any] | None) -> Any:
        """The value by the first signature that fits.

        Where several take the same names (``before(point, range)`` and ``before(range, point)``)
        the order in which the call writes them decides.
        """
        if named is not None:
            return self._invoke_named(run, named)
        for signature in self.signatures:
            values = signature.fitted(arguments)
            if values is not None:
                return self._run(run, signature, values, {})
        raise self._no_fit(arguments)

    def _invoke_named(self, run: Run, named: Mapping[str, Any]) -> Any:
        written = list(named)
        for signature in sorted(self.signatures, key=lambda each: each.names() != written):
            by_name = signature.from_names(named)
            if by_name is not None:
                return self._run(run, signature, *_positions(signature, by_name))
        raise self._no_fit(list(named.values()))

    def _run(self, run: Run, signature: _Signature, values: list[Any], rest: dict[str, Any]) -> Any:
        run.charge(1 + sum(map(steps_of, values)))
        if signature.takes_run:
            result = signature.function(run, *values, **rest)
        else:
            result = signature.function(*values, **rest)
        run.charge(steps_of(result))
        return result

    def _no_fit(self, arguments: list[Any]) -> EvaluationProblem:
        if not any(_takes(signature, len(arguments)) for signature in self.signatures):
            return EvaluationProblem(
                f"No function found with name '{self.name}' and {len(arguments)} parameters",
                "NO_FUNCTION_FOUND",
            )
        given = ", ".join(f"'{shown(argument)}'" for argument in arguments)
        return EvaluationProblem(f"Illegal arguments: {given}", "FUNCTION_INVOCATION_FAILURE")


def _takes(signature: _Signature, count: int) -> bool:
    variadic = bool(signature.parameters) and signature.parameters[-1].variadic
    return signature.least <= count and (variadic or count <= len(signature.parameters))


def _positions(signature: _Signature, by_name: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Named values as positional ones up to the first gap, and keywords behind it."""
    values: list[Any] = []
    rest: dict[str, Any] = {}
    gap = False
    for parameter in signature.parameters:
        if parameter.name not in by_name:
            gap = True
        elif gap:
            rest[parameter.name.replace(" ", "_")] = by_name[parameter.name]
        else:
            values.append(by_name[parameter.name])
    return values, rest


BUILTINS: Final[dict[str, Builtin]] = {}


def builtin(*signatures: str, run: bool = False) -> Callable[[_Function], _Function]:
    """Declare a function under one or more signatures.

    Args:
        signatures: see the module.
        run: the function takes the evaluation (``Run``) as its first argument.
    """

    def declare(function: _Function) -> _Function:
        for text in signatures:
            match = _SIGNATURE.fullmatch(text)
            assert match is not None, text
            parameters = tuple(_parameter(part) for part in _split(match[2]))
            target = BUILTINS.setdefault(match[1], Builtin(match[1]))
            target.declare(_Signature(parameters, function, run))
        return function

    return declare


def _split(parameters: str) -> list[str]:
    return [part.strip() for part in parameters.split(",") if part.strip()]


def _parameter(text: str) -> _Parameter:
    match = _PARAMETER.fullmatch(text)
    assert match is not None, text
    name, kind, mark = match.groups()
    return _Parameter(name, kind, fitter(kind), mark == "?", mark == "...")
