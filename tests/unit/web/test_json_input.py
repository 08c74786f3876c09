"""Strict JSON: what two readers could understand differently is refused."""

from __future__ import annotations

import contextlib
import json
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phee.web import InvalidFields, InvalidJson, decode_json, parse_json

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


@given(values)
def test_valid_json_means_what_it_says(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(InvalidJson):
        parse_json(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"a":1,"a":2}', "same key twice"),
        (b'{"x":{"a":1,"b":2,"a":1}}', "same key twice"),
        (b"[NaN]", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"[-Infinity]", "Infinity"),
        (b"[1e999]", "range of a double"),
        (b"[9223372036854775808]", "64 bits"),
        (b"[" + b"9" * 5000 + b"]", "64 bits"),
        (b'["\\ud800"]', "surrogate"),
        (b'{"\\udc00":1}', "surrogate"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b"\xff", "UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"{", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b"[" * 33 + b"]" * 33, "nested deeper"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":' * 100_000, "nested deeper"),
    ],
)
def test_refused(body: bytes, said: str) -> None:
    with pytest.raises(InvalidJson, match=said):
        parse_json(body)


def test_depth_at_the_limit_and_many_brackets_are_fine() -> None:
    assert parse_json(b"[" * 32 + b"]" * 32)
    assert parse_json(b"[" + b"[],".join([b""] * 200) + b"[]]")
    assert parse_json(b'["\\ud83d\\ude00"]') == ["😀"]


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    amount: Annotated[str, msgspec.Meta(max_length=3)]


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    inner: Inner
    count: int = 0


@pytest.mark.parametrize(
    ("body", "field", "what"),
    [
        (b"{}", "inner", "is missing"),
        (b'{"inner":{}}', "inner.amount", "is missing"),
        (b'{"inner":{"amount":"1","x":1}}', "inner.x", "is not a known field"),
        (b'{"inner":{"amount":1}}', "inner.amount", "Expected `str`, got `int`"),
        (b'{"inner":{"amount":"1234"}}', "inner.amount", "length <= 3"),
        (b'{"inner":{"amount":"1"},"count":"7"}', "count", "Expected `int`, got `str`"),
        (b"[]", "body", "Expected `object`, got `array`"),
    ],
)
def test_a_wrong_field_is_named(body: bytes, field: str, what: str) -> None:
    with pytest.raises(InvalidFields) as caught:
        decode_json(body, Outer)
    (problem,) = caught.value.problems
    assert problem.field == field
    assert what in problem.what


def test_a_missing_body_is_said() -> None:
    with pytest.raises(InvalidJson, match="missing"):
        decode_json(b"", Outer)


class Choice(msgspec.Struct):
    state: Literal["OPEN", "DONE"] | None = None


@pytest.mark.parametrize("body", [b'{"state": "open"}', b'{"state": 1}'])
def test_a_wrong_choice_is_told_which_there_are(body: bytes) -> None:
    with pytest.raises(InvalidFields) as refused:
        decode_json(body, Choice)
    assert refused.value.fix == "Use one of: OPEN, DONE"
