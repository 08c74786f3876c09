"""Evaluating what a drawing left open: expressions against the variables of a scope.

A value of the wrong type becomes a :class:`~phee.engine.incidents.Failure` in Zeebe's words. The
moment an expression sees is that of the command, never the clock.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from phee.engine.incidents import EXTRACT_VALUE_ERROR, Failure
from phee.engine.variables import Context
from phee.feel import DaysTimeDuration, EvaluationWarning, YearsMonthsDuration, to_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from phee.bpmn.model import Value
    from phee.engine.core import Core
    from phee.engine.instances import ElementInstance
    from phee.feel import Expression

TYPE_NAMES = {
    type(None): "NULL",
    bool: "BOOLEAN",
    int: "NUMBER",
    Decimal: "NUMBER",
    float: "NUMBER",
    str: "STRING",
    list: "ARRAY",
    dict: "OBJECT",
    datetime: "DATE_TIME",
    DaysTimeDuration: "DURATION",
    YearsMonthsDuration: "PERIOD",
}


def moment(core: Core) -> datetime:
    """Return the time of the command that is processed."""
    return datetime.fromtimestamp(core.now / 1000, UTC)


def seed(core: Core, ordinal: int = 0) -> int:
    """Return what makes ``uuid()`` and ``random number()`` the same when a command is replayed.

    Another hub, command or ``ordinal`` (of several expressions at one place) has another seed.
    """
    return core.now << 160 | core.state.last_key << 88 | core.position << 16 | ordinal


def type_name(value: Any) -> str:
    """Return Zeebe's name of a result type."""
    return TYPE_NAMES.get(type(value), type(value).__name__.upper())


def warnings_text(warnings: list[EvaluationWarning]) -> str:
    """Return what Zeebe appends about warnings (nothing when there is none)."""
    if not warnings:
        return ""
    lines = "\n".join(str(warning) for warning in warnings)
    return f" The evaluation reported the following warnings:\n{lines}"


def check_assertions(text: str, warnings: list[EvaluationWarning], error_type: str) -> None:
    """Raise when an ``assert`` of the expression did not hold."""
    for warning in warnings:
        if warning.kind == "ASSERT_FAILURE":
            raise Failure(
                error_type,
                f"Assertion failure on evaluate the expression '{text}': {warning.message}"
                + warnings_text(warnings),
            )


def evaluate(core: Core, expression: Expression, context: Mapping[str, Any]) -> Any:
    """Return the value of ``expression``.

    Raises:
        Failure: an assertion in it does not hold.
    """
    if "assert" not in expression.text:
        return expression.evaluate(context, now=moment(core), seed=seed(core))
    value, warnings = expression.evaluate_with_warnings(context, now=moment(core), seed=seed(core))
    check_assertions(expression.text, warnings, EXTRACT_VALUE_ERROR)
    return value


def wrong_type(
    core: Core, expression: Expression, context: Mapping[str, Any], expected: str, what: Any
) -> Failure:
    """Return the failure that an expression gave ``what`` instead of ``expected``."""
    _, warnings = expression.evaluate_with_warnings(context, now=moment(core))
    return Failure(
        EXTRACT_VALUE_ERROR,
        f"Expected result of the expression '{expression.text}' to be {expected},"
        f" but was '{type_name(what)}'.{warnings_text(warnings)}",
    )


def text_value(core: Core, value: Value, element: ElementInstance | None) -> str:
    """Return static text, or the text that an expression gives (start events: no element)."""
    if value.expression is None:
        return value.text
    context = Context(element)
    result = evaluate(core, value.expression, context)
    if type(result) is not str:
        raise wrong_type(core, value.expression, context, "'STRING'", result)
    return result


def number_value(core: Core, value: Value, element: ElementInstance) -> int:
    """Return a whole number, static or from an expression."""
    if value.expression is None:
        return int(value.text)
    context = Context(element)
    result = evaluate(core, value.expression, context)
    if type(result) is not int and not isinstance(result, Decimal):
        raise wrong_type(core, value.expression, context, "'NUMBER'", result)
    return int(result)


def condition_holds(core: Core, value: Value, element: ElementInstance) -> bool:
    """Return whether a sequence flow may be taken."""
    if value.expression is None:
        raise Failure(
            EXTRACT_VALUE_ERROR,
            f"Expected result of the expression '{value.text}' to be 'BOOLEAN', but was 'STRING'.",
        )
    context = Context(element)
    result = evaluate(core, value.expression, context)
    if result is True or result is False:
        return bool(result)
    raise wrong_type(core, value.expression, context, "'BOOLEAN'", result)


def correlation_key(core: Core, value: Value, scope: ElementInstance) -> str:
    """Return the correlation key of a message subscription: text, or a number as text."""
    if value.expression is None:
        return value.text
    context = Context(scope)
    result = evaluate(core, value.expression, context)
    if type(result) is str:
        return result
    if type(result) is int or isinstance(result, Decimal):
        return to_text(result)
    _, warnings = value.expression.evaluate_with_warnings(context, now=moment(core))
    raise Failure(
        EXTRACT_VALUE_ERROR,
        f"Failed to extract the correlation key for '{value.expression.text}': The value must be"
        f" either a string or a number, but was '{type_name(result)}'.{warnings_text(warnings)}",
        scope,
    )
