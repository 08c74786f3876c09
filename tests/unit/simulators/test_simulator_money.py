from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phee.errors import InvalidInput
from phee.simulators.money import to_minor_units, to_text


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("12.50", "USD", 1250), ("12.5", "USD", 1250), ("7", "JPY", 7), ("1.234", "BHD", 1234)],
)
def test_amounts_become_minor_units(amount: str, currency: str, minor: int) -> None:
    assert to_minor_units(amount, currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("-1", "USD"), ("0", "USD"), ("0.00", "USD"), ("1.234", "USD"), ("1.5", "JPY"),
        ("1e3", "USD"), ("", "USD"), ("1,5", "USD"), ("NaN", "USD"), ("9" * 14, "USD"),
        ("1", "XXX"), ("1", "usd"), ("1", "ZZZ"), ("١", "USD"), (" 1", "USD"), ("1.", "USD"),
    ],
)  # fmt: skip
def test_what_is_no_amount_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(InvalidInput):
        to_minor_units(amount, currency)


@given(st.integers(1, 10**13 - 1), st.sampled_from(["USD", "JPY", "BHD"]))
def test_text_and_back(minor: int, currency: str) -> None:
    assert to_minor_units(to_text(minor, currency), currency) == minor


def test_negative_balances_can_be_shown() -> None:
    assert to_text(-5, "USD") == "-0.05"
