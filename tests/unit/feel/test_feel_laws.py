"""Laws that hold for all values."""

from __future__ import annotations

from decimal import Context, Decimal

from hypothesis import given
from hypothesis import strategies as st

from phee import feel

INTEGERS = st.integers(-(10**15), 10**15)
NUMBERS = st.one_of(
    INTEGERS,
    st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False, places=4),
)
TRUTH = st.sampled_from([True, False, None])
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=10,
)


def holds(text: str, **values: object) -> bool:
    return feel.evaluate(text, values) is True


@given(NUMBERS, NUMBERS, NUMBERS)
def test_arithmetic(a, b, c):
    assert holds("a + b = b + a", a=a, b=b)
    assert holds("a * b = b * a", a=a, b=b)
    assert holds("(a + b) + c = a + (b + c)", a=a, b=b, c=c)
    assert holds("a * (b + c) = a * b + a * c", a=a, b=b, c=c)
    assert holds("(a - b) + b = a", a=a, b=b)


@given(NUMBERS, NUMBERS.filter(bool))
def test_modulo_is_what_the_specification_says(a, b):
    assert holds("a = b * floor(a / b) + modulo(a, b) or abs(a / b) > 10**20", a=a, b=b)


@given(NUMBERS, NUMBERS)
def test_numbers_are_decimal128(a, b):
    exact = Context(prec=34)
    assert feel.evaluate("a + b", {"a": a, "b": b}) == exact.add(Decimal(a), Decimal(b))
    assert feel.evaluate("a * b", {"a": a, "b": b}) == exact.multiply(Decimal(a), Decimal(b))


@given(NUMBERS, NUMBERS)
def test_order_is_total(a, b):
    outcomes = [feel.evaluate(f"a {sign} b", {"a": a, "b": b}) for sign in ("<", "=", ">")]
    assert sorted(outcomes) == [False, False, True]


@given(NUMBERS, st.integers(-5, 5))
def test_rounding_modes_surround_the_number(a, scale):
    values = {"a": a, "s": scale}
    assert holds("floor(a, s) <= a and a <= ceiling(a, s)", **values)
    assert holds("abs(round down(a, s)) <= abs(a) and abs(a) <= abs(round up(a, s))", **values)
    assert holds("abs(round half up(a, s) - a) * 2 <= 10 ** -s", **values)
    assert holds("abs(decimal(a, s) - a) <= abs(round up(a, s) - round down(a, s))", **values)


@given(NUMBERS)
def test_numbers_survive_their_text(a):
    assert holds("number(string(a)) = a", a=a)


@given(TRUTH, TRUTH)
def test_de_morgan(a, b):
    left = feel.evaluate("not(a and b)", {"a": a, "b": b})
    assert left is feel.evaluate("not(a) or not(b)", {"a": a, "b": b})


@given(TRUTH, TRUTH, TRUTH)
def test_and_distributes_over_or(a, b, c):
    values = {"a": a, "b": b, "c": c}
    left = feel.evaluate("a and (b or c)", values)
    assert left is feel.evaluate("(a and b) or (a and c)", values)


@given(JSON)
def test_everything_equals_itself_and_survives_json(value):
    assert holds("x = x", x=value)
    assert holds("from json(to json(x)) = x", x=value)
    feel.to_text(feel.evaluate("[x]", {"x": value}))


@given(st.lists(JSON, max_size=6), JSON)
def test_lists(xs, x):
    values = {"xs": xs, "x": x}
    assert holds("reverse(reverse(xs)) = xs", **values)
    assert holds("count(append(xs, x)) = count(xs) + 1", **values)
    assert holds("list contains(append(xs, x), x)", **values)
    assert holds("concatenate(xs, [x])[-1] = x", **values)
    assert holds("remove(insert before(append(xs, x), 1, x), 1) = append(xs, x)", **values)
    assert holds("distinct values(concatenate(xs, xs)) = distinct values(xs)", **values)
    assert holds("every i in index of(xs, x) satisfies xs[i] = x", **values)


@given(st.lists(INTEGERS, max_size=8))
def test_sorting(xs):
    assert feel.evaluate("sort(xs, function(a, b) a < b)", {"xs": xs}) == sorted(xs)


@given(INTEGERS, INTEGERS, INTEGERS)
def test_ranges_agree_with_comparison(a, b, c):
    low, high = sorted((a, b))
    values = {"l": low, "h": high, "c": c}
    assert holds("(c in [l..h]) = (c >= l and c <= h)", **values)
    assert holds("(c in (l..h)) = (c > l and c < h)", **values)
    assert holds("includes([l..h], c) = (c in [l..h])", **values)
    assert holds("(before(c, [l..h]) or includes([l..h], c) or after(c, [l..h]))", **values)


@given(st.text(max_size=12), st.integers(1, 12))
def test_substrings_put_together(text, at):
    if at < len(text):
        value = feel.evaluate("substring(s, 1, n) + substring(s, n + 1)", {"s": text, "n": at})
        assert value == text


@given(st.text(max_size=20))
def test_string_literals_of_any_text(text):
    literal = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert feel.evaluate(literal) == text
