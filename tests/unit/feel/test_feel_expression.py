"""The contract of ``Expression``: names, laziness, warnings, numbers, JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest

from phee import feel
from phee.errors import InvalidInput


class Asked(Mapping[str, Any]):
    """Remembers what was asked for."""

    def __init__(self, **values: Any) -> None:
        self.values_ = values
        self.asked: list[str] = []

    def __getitem__(self, name: str) -> Any:
        self.asked.append(name)
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("an evaluation must not list the variables")

    def __len__(self) -> int:
        raise AssertionError("an evaluation must not count the variables")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a = 1 or b.c != d", {"a", "b", "d"}),
        ("count(xs[item > limit])", {"xs", "limit"}),
        ("for x in xs, y in x return partial[-1] + y + z", {"xs", "z"}),
        ("{a: 1, b: a + c}.b", {"c"}),
        ("(function(x) x + y)(z)", {"y", "z"}),
        ("my call(1)", {"my call"}),
        ("a-b", {"a", "b", "a-b"}),
        ("some x in xs satisfies x <= completionRate", {"xs", "completionRate"}),
        ("a instance of number", {"a"}),
        ("xs[name = wanted]", {"xs", "name", "wanted"}),
        ("count(xs) > count and string(date) = time", {"xs", "count", "date", "time"}),
        ("1 + 2", set()),
    ],
)
def test_names_are_the_free_variables(text, names):
    assert feel.compile(text).names == names


def test_only_named_variables_are_asked_for_and_once():
    variables = Asked(a=1, b=2, c=3)
    assert feel.compile("a + a + a + b * b").evaluate(variables) == 7
    assert sorted(variables.asked) == ["a", "b"]


def test_short_circuit_asks_for_no_more_than_needed():
    variables = Asked(a=True)
    assert feel.compile("a = true or missing = 1").evaluate(variables) is True
    assert variables.asked == ["a"]


def test_text_and_repr():
    expression = feel.compile("a  + 1")
    assert expression.text == "a  + 1"
    assert repr(expression) == "Expression('a  + 1')"


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("missing", "[NO_VARIABLE_FOUND] No variable found with name 'missing'"),
        ("c.z", "[NO_CONTEXT_ENTRY_FOUND] No context entry found with key 'z'"),
        ("1 < s", '[NOT_COMPARABLE] Can\'t compare \'1\' with \'"text"\''),
        ("1 + s", '[INVALID_TYPE] Can\'t add \'"text"\' to \'1\''),
        ("s between 1 and 3", "[INVALID_TYPE] Expected boolean but found 'null'"),
        ("null and true", "[INVALID_TYPE] Expected boolean but found 'null'"),
        ("if null then 1 else null", "[INVALID_TYPE] Expected boolean but found 'null'"),
        (
            "contains(s, 1)",
            "[FUNCTION_INVOCATION_FAILURE] Failed to invoke function 'contains': Illegal arguments",
        ),
        ("1 / 0", "[INVALID_TYPE] Can't divide '1' by '0'"),
        ("-s", '[INVALID_TYPE] Expected number but found \'"text"\''),
        ("nothing(1)", "[NO_FUNCTION_FOUND] 'nothing' is a value, not a function"),
        ("abs(1, 2)", "[NO_FUNCTION_FOUND] Failed to invoke function 'abs': No function found"),
        ("abs(s)", "[FUNCTION_INVOCATION_FAILURE] Failed to invoke function 'abs': Illegal"),
        ('@"P1D".years', "[NO_PROPERTY_FOUND] No property found with name 'years'"),
        ("[1][2]", "[OUT_OF_BOUNDS] The list has 1 elements, none at index 2"),
        ("s and true", '[INVALID_TYPE] Expected boolean but found \'"text"\''),
        ('assert(c, false, "no")', "[ASSERT_FAILURE] no"),
        ("[5..1]", "[INVALID_TYPE] No range from '5' to '1'"),
    ],
)  # fmt: skip
def test_null_comes_with_a_reason(text, warning):
    value, warnings = feel.compile(text).evaluate_with_warnings({"s": "text", "c": {"a": 1}})
    assert value is None
    assert any(str(entry).startswith(warning) for entry in warnings), list(map(str, warnings))


def test_no_warnings_where_nothing_went_wrong():
    assert feel.compile("1 + 1").evaluate_with_warnings({}) == (2, [])


def test_floats_are_exact_decimals_wherever_they_are():
    context = {"a": 0.1, "b": [0.2, {"c": 0.7}], "d": float("nan"), "e": 1e22}
    assert feel.evaluate("a + b[1] + b[2].c", context) == 1
    assert feel.evaluate("a + b[1] = 0.3", context) is True
    assert feel.evaluate("d", context) is None
    assert feel.evaluate("e = 10 ** 22", context) is True
    assert type(feel.evaluate("a", context)) is Decimal


def test_numbers_from_outside_have_34_digits_too():
    context = {"big": 10**5000, "huge": 10**7000, "d": Decimal("NaN")}
    assert feel.evaluate("string(big) = string(10 ** 5000)", context) is True
    assert feel.evaluate("[huge, d]", context) == [None, None]


class Colour(StrEnum):
    RED = "red"


def test_other_python_values_are_understood():
    context = {"t": (1, 2), "d": timedelta(hours=1), "m": Asked, "c": Colour.RED}
    assert feel.evaluate('[c = "red", m = 1, string length(c)]', context) == [True, None, 3]
    assert feel.evaluate("t[2]", context) == 2
    assert feel.to_text(feel.evaluate("d", context)) == "PT1H"


def test_inputs_are_never_changed():
    context = {"xs": [3, 1], "c": {"a": [1]}}
    feel.evaluate('[append(xs, 1), sort(xs), context put(c, "b", 1), reverse(xs)]', context)
    assert context == {"xs": [3, 1], "c": {"a": [1]}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.50", 1.5),
        ("3.0", 3),
        ("10 ** 20", 10**20),
        ("10 ** 60", 1e60),
        ("10 ** 6000", None),
        ("10 ** -400", 0.0),
        ('[1, "a", true, null, {a: 0.5}]', [1, "a", True, None, {"a": 0.5}]),
        ('@"2020-01-02"', "2020-01-02"),
        ('@"10:00:00"', "10:00:00"),
        ('@"2020-01-02T10:00:00.5@Europe/Paris"', "2020-01-02T10:00:00.5@Europe/Paris"),
        ('@"P1DT2H"', "P1DT2H"),
        ("[1..2)", "[1..2)"),
        ("function(x) x", None),
        ("[function(x) x]", [None]),
    ],
)  # fmt: skip
def test_json_values(text, expected):
    value = feel.to_json_value(feel.evaluate(text))
    assert value == expected
    assert type(value) is type(expected)
    json.dumps(value)


def test_describe_is_what_the_command_shows():
    outcome = feel.describe(" = a + b", '{"a": 1.5}')
    assert (outcome.value, outcome.text, outcome.type) == (None, "null", "null")
    assert outcome.names == ["a", "b"]
    assert [warning.kind for warning in outcome.warnings] == ["NO_VARIABLE_FOUND", "INVALID_TYPE"]


@pytest.mark.parametrize("context", ["[1]", "{", "1"])
def test_describe_refuses_a_context_that_is_no_object(context):
    with pytest.raises(InvalidInput):
        feel.describe("1", context)
