"""Names of every shape, comments, escapes; and errors that point at their place."""

from __future__ import annotations

import pytest

from phee import feel
from phee.errors import InvalidInput
from phee.feel import FeelSyntaxError

CONTEXT = {
    "a": 8,
    "b": 3,
    "a-b": 1,
    "first name": "Ann",
    "profit and loss": 7,
    "foo's": 5,
    "x+y": 6,
    "Pre-Bureau Risk": {"Max Score": 10, "a.b": 2},
    "größe": 4,
    "🐎": 9,
    "if any": 0,
}

NAMES = [
    ("a", 8),
    ("a-b", 1),
    ("a - b", 1),  # white space is no part of a name
    ("(a)-(b)", 5),
    ("a-b + 1", 2),
    ("first name", "Ann"),
    ("first   name", "Ann"),
    ("foo's + 1", 6),
    ("x+y * 2", 12),
    ("Pre-Bureau Risk.Max Score", 10),
    ("größe", 4),
    ("🐎", 9),
    ("`first name`", "Ann"),
    ("`a` - `b`", 5),
    ("`Pre-Bureau Risk`.`Max Score`", 10),
    ("[{first name: 1}, {first name: 2}][first name = 2].first name", [2]),
    ("{x y: 1, z: x y}.z", 1),
    ("(function(my number) my number + 1)(my number: 2)", 3),
    ("[{date of birth: 7}].date of birth", [7]),
    ("{date: 1, time: true, r: time and date = 1}.r", True),
    ("every one in [1, 2] satisfies one > 0", True),
    ("for my item in [1] return my item", [1]),
    ("string length(first name)", 3),
    ('{"x-y": 7, x: 1}.x-y', 7),
    ("{p+q: 7}.p+q + 1", 8),
    ("{p: {r-s: 7}}.p.r-s", 7),
]


@pytest.mark.parametrize(("text", "expected"), NAMES)
def test_names_resolve_against_the_context(text, expected):
    assert feel.evaluate(text, CONTEXT) == expected


@pytest.mark.parametrize(("text", "expected"), NAMES)
def test_names_known_beforehand_resolve_alike(text, expected):
    assert feel.compile(text, names=CONTEXT).evaluate(CONTEXT) == expected


def test_keywords_inside_names_need_the_name_to_be_known():
    assert feel.compile("profit and loss + 1", names=["profit and loss"]).evaluate(CONTEXT) == 8
    assert feel.compile("`profit and loss` + 1").evaluate(CONTEXT) == 8


def test_without_the_special_name_it_is_an_operation():
    expression = feel.compile("a-b")
    assert expression.evaluate({"a": 8, "b": 3}) == 5
    assert expression.evaluate({"a": 8, "b": 3, "a-b": 1}) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 // one", 1),
        ("// one\n1", 1),
        ("1 /* one\n two */ + /**/ 1", 2),
        (r'"a\nb\t\"\\\'"', "a\nb\t\"\\'"),
        (r'"\u0041\U01F40E"', "A🐎"),
        (r'"\uD83D\uDC0E"', "🐎"),
        (r'"\uD83D"', "\ufffd"),
        (r'"\d"', r"\d"),
        ('"🐎"', "🐎"),
        ("\u00a01\u3000+\ufeff1", 2),
    ],
)
def test_comments_escapes_and_white_space(text, expected):
    assert feel.evaluate(text) == expected


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, 1),
        ("1 +", 1, 4),
        ("1 +\n  * 2", 2, 3),
        ("if a then b", 1, 12),
        ("[1, 2", 1, 6),
        ("{a: 1, a: 2}", 1, 8),
        ("{a 1}", 1, 5),
        ('"abc', 1, 1),
        ("`abc", 1, 1),
        ("1 /* x", 1, 3),
        ("1.2e3", 1, 4),
        ("a b c = ", 1, 9),
        ("for x in [1] x", 1, 14),
        ("some x [1] satisfies x", 1, 8),
        ('@"yesterday"', 1, 1),
        ("f(a: 1, 2)", 1, 9),
        (r'"\U110000"', 1, 1),
        ("a == b", 1, 4),
        ("1 2", 1, 3),
        ("(1", 1, 3),
        ("]1..2", 1, 6),
        ("x instance of", 1, 14),
        ("a.", 1, 3),
        ("#", 1, 1),
    ],
)
def test_errors_say_where(text, line, column):
    with pytest.raises(FeelSyntaxError) as caught:
        feel.compile(text)
    error = caught.value
    assert isinstance(error, InvalidInput)
    assert (error.line, error.column) == (line, column)
    shown, caret = error.caret.split("\n")
    assert shown == text.split("\n")[line - 1]
    assert caret == " " * (column - 1) + "^"
    assert f"line {line}, column {column}" in str(error)


def test_the_caret_window_follows_long_lines():
    with pytest.raises(FeelSyntaxError) as caught:
        feel.compile("1 + " * 100 + ")")
    shown, caret = caught.value.caret.split("\n")
    assert shown[len(caret) - 1] == ")"
    assert len(shown) <= 100


@pytest.mark.parametrize(
    ("tests", "value", "expected"),
    [
        ("-", None, True),
        ("", 1, True),
        ("1", 1, True),
        ("1, 2", 2, True),
        ("1, 2", 3, False),
        ("< 5", 3, True),
        ("< 5, > 10", 7, False),
        ("[1..5)", 5, False),
        ("not(1, 2)", 3, True),
        ("not(1, 2)", 2, False),
        ("not([1..5])", 7, True),
        ("not(? = 1)", 2, True),
        ("? > 3", 4, True),
        ("? * 2 = 8 and ? < 10", 4, True),
        ('starts with(?, "a")', "abc", True),
        ('"a","b"', "b", True),
        ("null", None, True),
        ("null", 1, False),
        ("true", True, True),
        ("false", False, True),
        ("limit > 5", 1, True),
        ("limits", 7, True),
        ("limits", 1, False),
        ("limit", 10, True),
        ("> limit", 11, True),
        ("not(x) and y", 1, False),
        ("< 5", "a", None),
        ('@"2020-01-01"', "x", None),
    ],
)  # fmt: skip
def test_unary_tests(tests, value, expected):
    context = {"?": value, "limit": 10, "limits": [7, [20]], "x": None, "y": True}
    assert feel.compile(tests, unary=True).evaluate(context) is expected
