"""Whatever the text and the variables: a value, or ``FeelSyntaxError``, in bounded time."""

from __future__ import annotations

import json
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from phee import feel
from phee.feel import FeelSyntaxError
from phee.feel.builtins.registry import BUILTINS

CONTEXT = {
    "a": 1, "b": 2.5, "s": "text", "yes": True, "nil": None, "xs": [1, "a", None, [2]],
    "c": {"a": 1, "b c": {"d": [1]}}, "a-b": 3, "day": "2020-01-01",
}  # fmt: skip
SECONDS_MAX = 5.0

_VOCABULARY = """
if then else for in return some every satisfies and or not between instance of true false null
function external list< > context< range< number a b s xs c item partial ? , . .. ( ) [ ] { } :
+ - * / ** = != < <= >= -> @ "x" @"P1D" @"2020-01-01T10:00:00Z" 0 1 2.5 .5 `a b` ' // /*
date and time ( "2020-01-01" string count date
"""
WORDS = st.sampled_from(_VOCABULARY.split())
LEAVES = st.sampled_from(
    ["a", "b", "s", "yes", "nil", "xs", "c", "c.b c.d", "a-b", "0", "1", "-2.5", '"x"', '""',
     "true", "null", '@"P1D"', '@"P1Y"', '@"2020-01-01"', '@"10:00:00Z"', "[1..5)", "(< 3)", "[]",
     '@"2020-01-01T10:00:00@Europe/Paris"', "{}", "function(x) x", "unknown", "day", "10 ** 30"]
)  # fmt: skip
NAMES = st.sampled_from(sorted(BUILTINS))


def _grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(
        ["+", "-", "*", "/", "**", "=", "!=", "<", "<=", ">", ">=", "and", "or", "in"]
    )
    templates = st.sampled_from(
        ["({0})", "[{0}, {1}]", "{{k: {0}, l: k}}", "({0}).k", "({0})[{1}]", "-({0})",
         "if {0} then {1} else {2}", "for i in {0} return {1}", "for i in {0}..{1} return i",
         "some i in {0} satisfies {1}", "every i in {0} satisfies i = {1}", "({0}).year",
         "{0} between {1} and {2}", "{0} in ({1}, {2})", "{0} in [{1}..{2})", "[{0}..{1}]",
         "({0}) instance of number", "(function(p) {0})({1})", "({0})[item > {1}]", "({0})({1})",
         "({0}).b c", "{0} in (? > {1})"]
    )  # fmt: skip
    return st.one_of(
        st.builds("{} {} {}".format, inner, operators, inner),
        st.builds(lambda text, a, b, c: text.format(a, b, c), templates, inner, inner, inner),
        st.builds(
            lambda name, arguments: f"{name}({', '.join(arguments)})",
            NAMES,
            st.lists(inner, max_size=4),
        ),
    )


GRAMMATICAL = st.recursive(LEAVES, _grow, max_leaves=12)


def _check(text: str, *, unary: bool) -> None:
    start = time.perf_counter()
    try:
        expression = feel.compile(text, unary=unary)
    except FeelSyntaxError as error:
        place = (error.line, error.column)
        assert place >= (1, 1)
    else:
        context = {**CONTEXT, "?": 1}
        value, warnings = expression.evaluate_with_warnings(context)
        json.dumps(feel.to_json_value(value))
        feel.to_text(value)
        assert all(warning.kind and warning.message for warning in warnings)
    assert time.perf_counter() - start < SECONDS_MAX, text


@settings(max_examples=400, deadline=None)
@given(GRAMMATICAL)
def test_grammatical_texts(text):
    _check(text, unary=False)


@settings(max_examples=400, deadline=None)
@given(st.lists(WORDS, max_size=25), st.booleans())
def test_words_in_any_order(words, unary):
    _check(" ".join(words), unary=unary)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.booleans())
def test_any_characters(text, unary):
    _check(text, unary=unary)


@settings(max_examples=200, deadline=None)
@given(GRAMMATICAL, st.integers(0, 200), st.integers(0, 200))
def test_damaged_texts(text, start, length):
    _check(
        text[: start % (len(text) + 1)] + text[start % (len(text) + 1) + length % 10 :], unary=False
    )


EXTREMES = [
    "null", "10**6144", "-(10**6144)", "10**-6143", "-1/3", "9999999999999999999999999999999999",
    '""', '"[1..2]"', "[null]", "[10**6144, 1/3]", "{}", '[{key: "a", value: 1}]',
    'date("-999999999-01-01")', 'date("999999999-12-31")',
    'date and time("999999999-12-31T23:59:59.999999999-18:00")',
    'date and time("-999999999-01-01T00:00:00@Europe/Paris")',
    'date and time("9999-12-31T23:59:59-18:00")', 'date and time("0001-01-01T00:00:00+18:00")',
    'time("23:59:59.999999999+18:00")', 'time("00:00:00@Europe/Paris")',
    '-duration("P1D") * 10**20', 'duration("P99999999Y")', "[1..2]", "(<5)",
    "function(a, b) a < b", "sum",
]  # fmt: skip


def test_every_builtin_takes_every_extreme_value():
    for name in BUILTINS:
        for value in EXTREMES:
            _check(f"{name}({value})", unary=False)


@settings(max_examples=500, deadline=None)
@given(NAMES, st.lists(st.sampled_from(EXTREMES), min_size=2, max_size=3))
def test_builtins_with_several_extreme_values(name, values):
    _check(f"{name}({', '.join(values)})", unary=False)


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(["{0} + {1}", "{0} - {1}", "{0} * {1}", "{0} / {1}", "{0} ** {1}", "{0} < {1}",
                     "for i in {0}..{1} return i", "[{0}..{1}]", "{0}[{1}]"]),
    st.sampled_from(EXTREMES),
    st.sampled_from(EXTREMES),
)  # fmt: skip
def test_operators_with_extreme_values(template, left, right):
    _check(template.format(f"({left})", f"({right})"), unary=False)
