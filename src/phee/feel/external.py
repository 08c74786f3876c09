"""External functions: the static methods of ``java.lang`` that models commonly call.

There is no Java here. A function such as ``function(angle) external {java: {class:
"java.lang.Math", method signature: "cos(double)"}}`` runs the Python equivalent of the method if
this table has it, with Java's parameter types checked; any other has no value. Results that are
no numbers (NaN, infinite) are null, as the specification wants.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from phee.feel.errors import EvaluationProblem
from phee.feel.runtime import Run
from phee.feel.text import shown, to_text
from phee.feel.types import Type
from phee.feel.values import FunctionValue, kind_of

_SIGNATURE: Final = re.compile(r"\s*(\w+)\s*\(\s*(.*?)\s*\)\s*")
_FORMAT_WIDTH_MAX: Final = 1_000

_BOXED: Final = {
    "java.lang.Byte": "byte",
    "java.lang.Short": "short",
    "java.lang.Integer": "int",
    "java.lang.Long": "long",
    "java.lang.Float": "float",
    "java.lang.Double": "double",
    "java.lang.Boolean": "boolean",
    "java.lang.Character": "char",
    "java.math.BigDecimal": "double",
}
_Method = Callable[..., Any]


def _round(value: float) -> int:
    return math.floor(value + 0.5)


def _format(pattern: str, *values: Any) -> str:
    """``String.format`` for the conversions that Java and Python share."""
    widths = [int(width) for width in re.findall(r"\d+", pattern)]
    if "*" in pattern or any(width > _FORMAT_WIDTH_MAX for width in widths):
        raise ValueError("width too large")
    arguments = [value if type(value) in (int, float, str) else to_text(value) for value in values]
    return pattern.replace("%n", "\n").replace("%b", "%s") % tuple(arguments)


def _parse_boolean(text: Any) -> bool:
    return str(text).lower() == "true"


def _text(value: Any) -> str:
    return repr(value) if isinstance(value, float) else to_text(value)


_MATH: Final[dict[str, _Method]] = {
    **{
        name: getattr(math, name)
        for name in ("cos", "sin", "tan", "acos", "asin", "atan", "atan2", "cosh", "sinh", "tanh")
    },
    **{name: getattr(math, name) for name in ("exp", "expm1", "log", "log10", "log1p", "sqrt")},
    "hypot": math.hypot,
    "pow": math.pow,
    "cbrt": lambda value: math.copysign(abs(value) ** (1 / 3), value),
    "abs": abs,
    "max": max,
    "min": min,
    "floor": lambda value: float(math.floor(value)),
    "ceil": lambda value: float(math.ceil(value)),
    "rint": lambda value: float(round(value)),
    "round": _round,
    "signum": lambda value: float((value > 0) - (value < 0)),
    "toRadians": math.radians,
    "toDegrees": math.degrees,
    "floorMod": lambda left, right: left % right,
    "floorDiv": lambda left, right: left // right,
}
_WHOLE_NUMBERS: Final[dict[str, _Method]] = {
    "valueOf": int, "parseInt": int, "parseLong": int, "parseShort": int, "parseByte": int,
    "toString": _text, "max": max, "min": min, "sum": lambda left, right: left + right,
    "signum": lambda value: (value > 0) - (value < 0), "abs": abs,
}  # fmt: skip
_FRACTIONS: Final[dict[str, _Method]] = {
    "valueOf": float, "parseDouble": float, "parseFloat": float, "toString": _text,
    "max": max, "min": min, "sum": lambda left, right: left + right,
}  # fmt: skip
_CLASSES: Final[dict[str, dict[str, _Method]]] = {
    "java.lang.Math": _MATH,
    "java.lang.StrictMath": _MATH,
    "java.lang.Integer": _WHOLE_NUMBERS,
    "java.lang.Long": _WHOLE_NUMBERS,
    "java.lang.Short": _WHOLE_NUMBERS,
    "java.lang.Byte": _WHOLE_NUMBERS,
    "java.lang.Double": _FRACTIONS,
    "java.lang.Float": _FRACTIONS,
    "java.lang.Boolean": {
        "valueOf": _parse_boolean,
        "parseBoolean": _parse_boolean,
        "toString": _text,
        "logicalAnd": lambda left, right: left and right,
        "logicalOr": lambda left, right: left or right,
        "logicalXor": lambda left, right: left is not right,
    },
    "java.lang.Character": {
        "valueOf": str,
        "toString": str,
        "isLetter": str.isalpha,
        "isDigit": str.isdigit,
        "isUpperCase": str.isupper,
        "isLowerCase": str.islower,
        "toUpperCase": lambda value: value.upper()[:1],
        "toLowerCase": lambda value: value.lower()[:1],
    },
    "java.lang.String": {"valueOf": _text, "format": _format},
}


class ExternalFunction(FunctionValue):
    """A function whose body is elsewhere, described by a context."""

    __slots__ = ("_kinds", "_method")

    def __init__(self, parameters: tuple[tuple[str, Type], ...], mapping: Any) -> None:
        super().__init__("external", parameters)
        self._method, self._kinds = _resolve(mapping)

    @property
    def available(self) -> bool:
        """Whether calling it can have a result."""
        return self._method is not None

    def invoke(self, _run: Run, arguments: list[Any], named: Mapping[str, Any] | None) -> Any:
        """What the method returns, as a FEEL value."""
        if self._method is None:
            raise _failure("this external function is not supported")
        values = arguments
        if named is not None:
            values = [named.get(name) for name, _ in self.parameters]
        try:
            return _from_java(self._method(*self._converted(values)))
        except (TypeError, ValueError, OverflowError, ArithmeticError) as problem:
            raise _failure(str(problem)) from None

    def _converted(self, values: list[Any]) -> list[Any]:
        kinds = self._kinds
        repeated = _repeated_kind(kinds[-1]) if kinds else ""
        if repeated:
            values = _spread(values, len(kinds))
            kinds = [*kinds[:-1], *[repeated] * (len(values) - len(kinds) + 1)]
        if len(values) != len(kinds):
            raise _failure(f"expected {len(kinds)} arguments, found {len(values)}")
        return [_to_java(value, kind) for value, kind in zip(values, kinds, strict=True)]


def _repeated_kind(kind: str) -> str:
    """The element type of an array type (``T...``, ``T[]``, ``[LT;``); empty for others."""
    for start, end in (("[L", ";"), ("", "..."), ("", "[]")):
        if kind.startswith(start) and kind.endswith(end):
            return kind[len(start) : len(kind) - len(end)]
    return ""


def _spread(values: list[Any], fixed: int) -> list[Any]:
    """A list as the last argument stands for its elements."""
    if len(values) == fixed and values and type(values[-1]) is list:
        return [*values[:-1], *values[-1]]
    return values


def _failure(problem: str) -> EvaluationProblem:
    return EvaluationProblem(problem, "FUNCTION_INVOCATION_FAILURE")


def _resolve(mapping: Any) -> tuple[_Method | None, list[str]]:
    """The method and its parameter types that a mapping names; None when it is not known."""
    java = mapping.get("java") if type(mapping) is dict else None
    if type(java) is not dict:
        return None, []
    match = _SIGNATURE.fullmatch(str(java.get("method signature", "")))
    methods = _CLASSES.get(str(java.get("class", "")))
    if match is None or methods is None or match[1] not in methods:
        return None, []
    kinds = [kind.strip() for kind in match[2].split(",")] if match[2] else []
    return methods[match[1]], kinds


def _to_java(value: Any, kind: str) -> Any:
    """An argument as Java's type; a value outside it makes the call fail."""
    kind = _BOXED.get(kind, kind)
    wanted, convert = _CONVERSIONS.get(kind, ("", _same))
    if kind == "java.lang.Object":
        return float(value) if type(value) is Decimal else value
    if kind_of(value) != wanted:
        raise _failure(f"'{shown(value)}' is no {kind}")
    return convert(value)


def _same(value: Any) -> Any:
    return value


def _whole(bits: int) -> Callable[[Any], int]:
    def convert(value: Any) -> int:
        number = int(value)
        if not -(2**bits) <= number < 2**bits:
            raise _failure(f"{number} is out of range")
        return number

    return convert


def _character(value: str) -> str:
    if len(value) != 1:
        raise _failure("not a single character")
    return value


_CONVERSIONS: Final[dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "byte": ("number", _whole(7)),
    "short": ("number", _whole(15)),
    "int": ("number", _whole(31)),
    "long": ("number", _whole(63)),
    "float": ("number", float),
    "double": ("number", float),
    "boolean": ("boolean", _same),
    "char": ("string", _character),
    "java.lang.String": ("string", _same),
}
"""For each Java type the kind of value it takes, and how."""


def _from_java(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else None
    return value
