"""FEEL, the expression language of drawings and decisions (DMN 1.5, and what Zeebe 8.5 accepts).

Text becomes a syntax tree, the tree closures. A compiled ``Expression`` is immutable and may be
used from any thread. Bad text raises ``FeelSyntaxError``; an evaluation never raises: what has no
value is null, and a warning says why. Time, steps, nesting and sizes are bounded (``limits``).
This package imports nothing that acts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from phee.feel.describe import Description, describe
from phee.feel.durations import DaysTimeDuration, YearsMonthsDuration
from phee.feel.errors import EvaluationWarning, FeelSyntaxError
from phee.feel.expression import Expression, compile_expression
from phee.feel.json_form import to_json_value
from phee.feel.temporal import WideDate, WideDateTime, WideTime
from phee.feel.text import to_text
from phee.feel.types import Type
from phee.feel.values import FunctionValue, Range

__all__ = [
    "DaysTimeDuration",
    "Description",
    "EvaluationWarning",
    "Expression",
    "FeelSyntaxError",
    "FunctionValue",
    "Range",
    "WideDate",
    "WideDateTime",
    "WideTime",
    "YearsMonthsDuration",
    "compile",
    "describe",
    "evaluate",
    "to_json_value",
    "to_text",
]


def compile(  # noqa: A001 - the name the language community knows
    text: str,
    *,
    unary: bool = False,
    names: Iterable[str] | None = None,
    types: Mapping[str, Type] | None = None,
) -> Expression:
    """Compile an expression (without the leading ``=`` of drawings).

    Args:
        text: the expression, or with ``unary`` the unary tests of a decision table cell, whose
            input is the variable ``?``.
        unary: read unary tests.
        names: variables that will exist, where known: names of several words or with special
            characters (``a - b``, ``foo's``) are then told from operations now. Without it,
            words side by side are one name, and a run without white space such as ``a-b`` is one
            if the context of the evaluation has it.
        types: further types for ``instance of`` and parameters.

    Raises:
        FeelSyntaxError: with line, column and a caret.
    """
    return compile_expression(text, unary=unary, names=names, types=types)


def evaluate(text: str, context: Mapping[str, Any] | None = None) -> Any:
    """Compile and evaluate once; the names in the context are known beforehand.

    Raises:
        FeelSyntaxError: the text is no expression.
    """
    variables = context or {}
    return compile(text, names=variables).evaluate(variables)
