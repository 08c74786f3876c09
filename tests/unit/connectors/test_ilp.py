from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phee.connectors.ams.payer import fulfils
from phee.connectors.channel_request import Amount
from phee.connectors.mojaloop.ilp import Ilp, Transaction, minor_units, pack, unpack
from phee.errors import InvalidInput


@given(st.text(max_size=300), st.integers(1, 2**63), st.text("abc.", min_size=1, max_size=200))
def test_packets_survive_the_way(transaction_id: str, amount: int, address: str) -> None:
    transaction = Transaction(transaction_id, amount=Amount("1", "USD"))
    assert unpack(pack(transaction, amount, address)) == transaction


@given(st.binary(max_size=80))
def test_nonsense_is_refused_and_nothing_else_happens(content: bytes) -> None:
    text = base64.urlsafe_b64encode(content).decode()
    with pytest.raises(InvalidInput):
        unpack(text)


@pytest.mark.parametrize("text", ["", "é", "%%%", "AQ", "AQD_____"])
def test_text_that_is_no_packet_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        unpack(text)


def test_a_packet_has_the_bytes_of_the_interledger_specification() -> None:
    packet = pack(Transaction("t"), 258, "g.x")
    content = base64.urlsafe_b64decode(packet + "=" * (-len(packet) % 4))
    assert content[0] == 1
    assert content[1] == len(content) - 2
    assert content[2:10] == (258).to_bytes(8)
    assert content[10:14] == b"\x03g.x"
    assert content[-1] == 0


def test_conditions_are_checked_by_everyone_and_made_by_one() -> None:
    ours, theirs = Ilp("secret"), Ilp("other secret")
    packet = pack(Transaction("t"), 1, "g.x")
    condition = ours.condition("gorilla", packet)
    assert len(condition) == 43
    assert fulfils(ours.fulfilment("gorilla", packet), condition)
    assert not fulfils(ours.fulfilment("rhino", packet), condition)
    assert not fulfils(theirs.fulfilment("gorilla", packet), condition)
    preimage = base64.urlsafe_b64decode(ours.fulfilment("gorilla", packet) + "=")
    assert hashlib.sha256(preimage).digest() == base64.urlsafe_b64decode(condition + "=")


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [("12.5", "USD", 1250), ("12.50", "USD", 1250), ("7", "JPY", 7), ("0.001", "BHD", 1)],
)
def test_packets_carry_minor_units(amount: str, currency: str, units: int) -> None:
    assert minor_units(Amount(amount, currency)) == units


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("1.005", "USD"), ("-1", "USD"), ("0", "USD"), ("NaN", "USD"), ("1e30", "USD"), ("1", "ZZZ"),
     ("Infinity", "USD"), ("x", "USD")],
)  # fmt: skip
def test_what_no_packet_can_carry_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(InvalidInput):
        minor_units(Amount(amount, currency))
