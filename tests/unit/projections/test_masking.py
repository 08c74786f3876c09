"""Masking: what is personal becomes a token, wherever it stands; the rest stays as it is."""

from __future__ import annotations

import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phee.errors import InvalidInput
from phee.projections.dead_letter import DeadLetter
from phee.projections.documents import PaymentVariables
from phee.projections.exported import masked_letter
from phee.projections.masking import (
    KEY_BYTES,
    Masker,
    PersonalData,
    default_personal_data,
    load_personal_data,
)

MASKER = Masker(b"k" * KEY_BYTES, default_personal_data())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)


def test_names_are_found_however_they_are_written() -> None:
    for name in ("payerPartyId", "payer_party_id", "PAYER-PARTY-ID", "accountId", "note"):
        assert MASKER.covers(name)
    for name in ("payerPartyIdType", "transactionId", "amount", "fspId", "", "names"):
        assert not MASKER.covers(name)


def test_a_channel_request_loses_its_parties_and_nothing_else() -> None:
    party = {"partyIdType": "MSISDN", "partyIdentifier": "+27"}
    request = {
        "payer": {"partyIdInfo": party, "name": "A"},
        "amount": {"amount": "5.25", "currency": "EUR"},
        "extensionList": [{"key": "accountId", "value": 12}, {"key": "purpose", "value": "x"}],
        "note": "",
        "personalInfo": {"complexName": {"firstName": "B"}, "is": True, "none": None},
    }
    masked = json.loads(MASKER.json_text("channelRequest", json.dumps(request)))
    assert masked == request | {
        "payer": {
            "partyIdInfo": party | {"partyIdentifier": MASKER.token("+27")},
            "name": MASKER.token("A"),
        },
        "extensionList": [
            {"key": "accountId", "value": MASKER.token("12")},
            {"key": "purpose", "value": "x"},
        ],
        "personalInfo": {
            "complexName": {"firstName": MASKER.token("B")}, "is": True, "none": None,
        },
    }  # fmt: skip


def test_a_variable_that_is_personal_or_cannot_be_read_is_masked_whole() -> None:
    assert MASKER.json_text("payerName", '"A"') == f'"{MASKER.token("A")}"'
    assert MASKER.json_text("anything", "{broken") == MASKER.token("{broken")
    in_text = json.dumps({"note": "n", "amount": 1})
    masked = json.loads(json.loads(MASKER.json_text("channelRequest", json.dumps(in_text))))
    assert masked == {"note": MASKER.token("n"), "amount": 1}


def test_rows_and_documents() -> None:
    row = {"payee_party_id": "7", "amount": "1", "note": None}
    assert MASKER.row(row) == row | {"payee_party_id": MASKER.token("7")}
    empty = [None] * 13
    document = PaymentVariables(1, 2, "payment", 3, 3, "OUTGOING", *empty)
    assert MASKER.struct(document) is document
    document.payer_party_id = "7"
    assert MASKER.struct(document).payer_party_id == MASKER.token("7")
    assert document.payer_party_id == "7", "what was given stays as it is"


def test_dead_letters_show_no_party() -> None:
    value = {"name": "channelRequest", "value": '"{\\"note\\": \\"n\\"}"', "bpmnProcessId": "p"}
    record = json.dumps({"valueType": "VARIABLE", "value": value})
    letter = DeadLetter(
        epoch=1, partition_id=1, position=2, reason_code="x", reason="y", record=record
    )
    shown = json.loads(masked_letter(letter, MASKER).record or "")
    assert json.loads(json.loads(shown["value"]["value"])) == {"note": MASKER.token("n")}
    assert shown["value"]["name"] == "channelRequest"
    for unreadable in ("00ff", "[]", '{"value": 1}', '{"valueType": "JOB", "value": 1}'):
        hidden = masked_letter(msgspec.structs.replace(letter, record=unreadable), MASKER)
        assert hidden.record == MASKER.token(unreadable)
    nothing = msgspec.structs.replace(letter, record=None)
    assert masked_letter(nothing, MASKER) == nothing


@given(st.text())
def test_a_token_is_one_word_and_stands_for_itself(value: str) -> None:
    token = MASKER.token(value)
    assert re.fullmatch("tok[a-z2-7]{26}", token)
    assert MASKER.asked(value) == token == MASKER.asked(token)
    assert Masker(b"x" * KEY_BYTES, default_personal_data()).token(value) != token


@given(JSON, st.text(max_size=5))
def test_masking_under_other_names_changes_nothing(value: object, name: str) -> None:
    nothing = Masker(b"k" * KEY_BYTES, PersonalData(["never"]))
    assert nothing.value(f"_{name}x", value) == value


def test_a_key_must_be_whole() -> None:
    with pytest.raises(InvalidInput):
        Masker(b"short", default_personal_data())


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"version": 2, "names": []}', b'{"version": 1, "names": [1]}']
)
def test_wrong_rules_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        load_personal_data(content)
