"""The fast paths answer like the full evaluation, whatever the variables are."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phee import feel
from phee.feel.compiler import compile_node
from phee.feel.expression import guarded
from phee.feel.runtime import Fetched, Run, Scope

CONDITIONS = [
    "a",
    "a = true",
    "a != true",
    "a = b",
    "a != b",
    'a = "L"',
    'a != "COMMITTED"',
    "a < 3",
    "a >= 3",
    'a < "m"',
    "a <= b",
    "a > b",
    "a = 202",
    "a = 1.5",
    "a = null",
    'a = true or b != "COMMITTED"',
    "a = true and b < c",
    'a and (b = true or c = "REJECTED")',
    "a <= 199 or a >= 300",
    "a >= 200 and a <= 299",
    "a and b and c",
    "a or b or c",
    "(a = 1 or b = 1) and c = 1",
    "some x in xs satisfies x <= a",
    "every x in xs satisfies x != a",
    "some x in xs satisfies x > 2",
    'every x in xs satisfies x = "L" or a = true',
    "a = 1 and some x in xs satisfies x = b",
]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-400, 400),
    st.sampled_from([1, 3, 202, "L", "COMMITTED", "REJECTED", "m", 1.5, Decimal("1.50"), 3.0]),
    st.lists(st.integers(), max_size=2),
)
MISSING = object()


@pytest.mark.parametrize("text", CONDITIONS)
def test_conditions_of_drawings_have_a_fast_path(text):
    expression = feel.compile(text)
    slow_by_nature = ("null", "1.5", '"L" or')
    assert (expression._fast is None) == any(word in text for word in slow_by_nature)


LISTS = st.one_of(VALUES, st.lists(VALUES, max_size=4))


@given(st.sampled_from(CONDITIONS), *[st.one_of(VALUES, st.just(MISSING))] * 3, LISTS)
def test_fast_and_full_agree(text, a, b, c, xs):
    values = {"a": a, "b": b, "c": c, "xs": xs}
    context = {name: value for name, value in values.items() if value is not MISSING}
    expression = feel.compile(text)
    run = Run()
    full = guarded(compile_node(expression.node), run, Scope(run, Fetched(context)))
    fast = expression.evaluate(context)
    assert fast == full
    assert type(fast) is type(full)
