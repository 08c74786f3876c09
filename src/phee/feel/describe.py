"""One expression from the outside: value, type, warnings. What ``phee feel`` prints."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from phee.errors import InvalidInput
from phee.feel.errors import EvaluationWarning
from phee.feel.expression import compile_expression
from phee.feel.json_form import to_json_value
from phee.feel.text import to_text
from phee.feel.values import kind_of


@dataclass(frozen=True, slots=True)
class Description:
    """The outcome of an evaluation.

    Attributes:
        value: as JSON.
        text: as ``string()`` shows it.
        type: name of the FEEL type.
        names: variables the expression may read, sorted.
        warnings: why parts became null.
    """

    value: Any
    text: str
    type: str
    names: list[str]
    warnings: list[EvaluationWarning]


def describe(expression_text: str, context_json: str = "{}") -> Description:
    """Evaluate a text (a leading ``=`` is allowed) in a context given as JSON.

    Raises:
        FeelSyntaxError: the text is no expression.
        InvalidInput: the context is no JSON object.
    """
    text = expression_text.strip()
    expression = compile_expression(text[1:] if text.startswith("=") else text)
    value, warnings = expression.evaluate_with_warnings(_context(context_json))
    names = sorted(expression.names)
    return Description(to_json_value(value), to_text(value), kind_of(value), names, warnings)


def _context(context_json: str) -> dict[str, Any]:
    try:
        context = json.loads(context_json)
    except ValueError as problem:
        raise InvalidInput(
            f"The context is not JSON: {problem}",
            where="context",
            fix='Give an object such as {"amount": 10}.',
        ) from None
    if not isinstance(context, dict):
        raise InvalidInput(
            "The context is not a JSON object",
            where="context",
            fix='Give an object such as {"amount": 10}.',
        )
    return context
