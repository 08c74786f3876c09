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
