"""Money as text of fixed width: the order, equality and sums of the texts are the numbers'."""

from __future__ import annotations

import sqlite3
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phee.errors import InvalidInput
from phee.projections.money import read_amount
from phee.stores.money import WIDTH, money_decimal, money_sum, money_text, sum_columns

AMOUNTS = st.decimals(0, Decimal("999999999999999999.9999"), places=4)


@given(AMOUNTS)
def test_text_and_back(amount: Decimal) -> None:
    text = money_text(amount)
    assert len(text) == WIDTH
    assert money_decimal(text) == amount


@given(AMOUNTS, AMOUNTS)
def test_order_is_that_of_the_numbers(one: Decimal, other: Decimal) -> None:
    assert (money_text(one) < money_text(other)) == (one < other)
    assert (money_text(one) == money_text(other)) == (one == other)


@given(st.lists(AMOUNTS, max_size=30))
def test_sum_in_sql_is_exact(amounts: list[Decimal]) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (amount TEXT)")
    connection.executemany("INSERT INTO t VALUES (?)", [(money_text(a),) for a in amounts])
    parts = connection.execute(f"SELECT {', '.join(sum_columns('amount'))} FROM t").fetchone()
    connection.close()
    assert money_sum(*parts) == sum(amounts)


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "0.0000"), ("-0", "0.0000"), ("1E+3", "1000.0000"), ("0.10", "0.1000")],
)
def test_forms_of_the_same_number(amount: str, text: str) -> None:
    assert money_text(Decimal(amount)) == text.zfill(WIDTH)


@pytest.mark.parametrize("amount", ["-0.01", "NaN", "Infinity", "0.00001", "1E+18"])
def test_what_no_store_can_keep_is_refused(amount: str) -> None:
    with pytest.raises(InvalidInput):
        money_text(Decimal(amount))


@given(AMOUNTS)
def test_whatever_a_projection_reads_a_store_can_keep(amount: Decimal) -> None:
    assert money_decimal(money_text(read_amount(str(amount)))) == amount


def test_plain_numbers_come_back_without_zeros() -> None:
    assert str(money_decimal(money_text(Decimal("500.00")))) == "500"
    assert str(money_decimal(money_text(Decimal("12.50")))) == "12.5"
