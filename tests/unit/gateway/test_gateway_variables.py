"""Variables on the wire: what is read is what was meant, or it is refused."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phee.errors import InvalidInput
from phee.gateway.variables import (
    MAX_DEPTH,
    MAX_INTEGER,
    plain_variables,
    read_variables,
    write_plain_variables,
    write_variables,
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), VALUES, max_size=6), st.booleans())
def test_any_json_object_comes_back_as_it_was(variables: dict[str, Any], spaced: bool) -> None:
    text = json.dumps(variables, ensure_ascii=spaced, indent=1 if spaced else None)
    assert read_variables(text) == variables
    assert read_variables(write_variables(variables)) == variables


@given(st.dictionaries(st.text(), VALUES, max_size=6))
def test_plain_variables_stay_as_they_are(variables: dict[str, Any]) -> None:
    assert plain_variables(variables) == variables
    assert read_variables(write_plain_variables(variables)) == variables


@given(st.dictionaries(st.text(), VALUES, min_size=1, max_size=6), st.data())
def test_a_name_given_twice_is_always_found(variables: dict[str, Any], data: Any) -> None:
    again = data.draw(st.sampled_from(sorted(variables)))
    value = data.draw(VALUES)
    text = json.dumps(variables)[:-1] + f", {json.dumps(again)}: {json.dumps(value)}}}"
    with pytest.raises(InvalidInput, match="same name"):
        read_variables(text)
    with pytest.raises(InvalidInput, match="same name"):
        read_variables('{"outer": [1, ' + text + "]}")


@pytest.mark.parametrize("text", ["", " ", "\n\t", "{}", " {} "])
def test_nothing_is_no_variables(text: str) -> None:
    assert read_variables(text) == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "list"),
        ('"x"', "text"),
        ("1", "number"),
        ("true", "truth value"),
        ("null", "null"),
        ("{", "truncated"),
        ("{'a': 1}", "malformed"),
        ('{"a": NaN}', "malformed"),
        ('{"a": Infinity}', "malformed"),
        ('{"a": 1e400}', "range"),
        ('{"a": 1} x', "malformed"),
        ("\ufeff{}", "malformed"),
        ('{"a": 01}', "malformed"),
        ('{"a": "\\ud800"}', "JSON object, but"),
        ('{"a": 9223372036854775808}', "64 bits"),
        ('{"a": [{"b": -9223372036854775809}]}', "64 bits"),
        ('{"a": ' + "9" * 5000 + "}", "JSON object, but"),
        ('{"a": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}", "nested deeper"),
        ('{"a": ' * 101 + "1" + "}" * 101, "nested deeper"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "too deeply"),
    ],
)
def test_anything_else_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        read_variables(text)


def test_the_limits_themselves_are_allowed() -> None:
    deep = '{"a": ' + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1) + "}"
    assert read_variables(deep)
    assert read_variables(f'{{"a": {MAX_INTEGER}}}') == {"a": MAX_INTEGER}
    assert read_variables('{"iban": "12345678901234567890123"}')


def test_an_error_never_quotes_the_document() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_variables('{"account": "DE-secret-account", "account": "DE-secret-account"}')
    assert "secret" not in str(caught.value)


def test_decimals_are_written_digit_for_digit() -> None:
    assert write_variables({"amount": Decimal("100.10")}) == '{"amount":100.10}'
