"""Regular expressions: against Python's on what both know, and what only XPath has."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phee.feel.errors import EvaluationProblem
from phee.feel.patterns import compile_pattern


def _free(_steps: int) -> None:
    """Charges nothing."""


ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "^", "$", "\\d", "(?:b)"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({}|{})".format, inner, inner),
        st.builds("({}){}".format, inner, st.sampled_from(["*", "+", "?", "{1,2}", "*?", "+?"])),
        st.builds("{}{}".format, inner, inner),
    ),
    max_leaves=8,
)


@settings(max_examples=400)
@given(PATTERNS, st.text("ab1c", max_size=8))
def test_like_pythons_where_they_agree_on_the_syntax(pattern, text):
    wanted = re.search(pattern.replace("$", r"\Z"), text)
    found = compile_pattern(pattern).find(text, _free)
    assert (found is None) == (wanted is None)
    if found is not None and wanted is not None:
        assert (found.start, found.end) == wanted.span()
        assert found.groups[0] == wanted.group()


@pytest.mark.parametrize(
    ("pattern", "flags", "text", "expected"),
    [
        (r"\p{Lu}+", "", "abCDe", "CD"),
        (r"\P{L}+", "", "ab12c", "12"),
        (r"\p{IsGreek}+", "", "abcαβγ", "αβγ"),
        (r"[a-z-[aeiou]]+", "", "aeixyz", "xyz"),
        (r"[^a-c]", "", "abcd", "d"),
        (r"[\d-]+", "", "a1-2", "1-2"),
        (r"\i\c*", "", "1foo-bar.x y", "foo-bar.x"),
        (r"ÄÖ", "i", "äö", "äö"),
        (r"[a-c]+", "i", "xABCx", "ABC"),
        (r"[^a]", "i", "Ab", "b"),
        ("[A-Z]", "i", "\u212a", "\u212a"),
        ("\u212a", "i", "k", "k"),
        (r"\p{Lu}", "i", "aB", "B"),
        (r"[a-z-[x]]+", "i", "XAB", "AB"),
        (r"a b", "x", "xab", "ab"),
        (r"[ ]b", "x", "a b", " b"),
        (r"^b$", "m", "a\nb\nc", "b"),
        (r"a.b", "s", "a\nb", "a\nb"),
        (r"a.b", "q", "axb a.b", "a.b"),
        (r"(a)(b)\2\1", "", "abba", "abba"),
        (r"\bfoo\b", "", "a foo b", "foo"),
        (r"a{2}", "", "aaa", "aa"),
        (r"\$\{x\}", "", "${x}", "${x}"),
        (r"", "", "abc", ""),
    ],
)
def test_the_xpath_flavour(pattern, flags, text, expected):
    match = compile_pattern(pattern, flags).find(text, _free)
    assert match is not None
    assert match.groups[0] == expected


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "*", "a**", "a{2,1}", "a{", "[", "[]", "[b-a]", "\\", "\\1", "(a\\1)", "\\p{Xx}",
     "\\p", "(?=a)", "\\q", "[a-[b]c]", "{", "a{x}"],
)  # fmt: skip
def test_invalid_patterns_are_refused(pattern):
    with pytest.raises(EvaluationProblem):
        compile_pattern(pattern)
