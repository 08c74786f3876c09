"""The mapping file: what ships loads, what is wrong is named, values are read exactly."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from phee.errors import InvalidInput
from phee.projections.mapping import InvalidMapping, default_mapping, load_mapping
from phee.projections.rows import (
    OUTCOME_COMPLETED,
    OUTCOME_FAILED,
    OUTCOME_UNKNOWN,
    TransferVariablesRow,
)

FLOW: dict[str, Any] = {"type": "TRANSFER", "direction": "OUTGOING"}


def mapping(**flow: Any) -> str:
    content = {
        "version": 1,
        "failedEnd": "(?i)fail",
        "sets": {"base": [{"variable": "transactionId", "field": "transactionId"}]},
        "flows": {"Flow": {**FLOW, **flow}},
    }
    return json.dumps(content)


def row() -> TransferVariablesRow:
    return TransferVariablesRow(1, 1, 1, "OUTGOING")


def read(flow: str, **variables: Any) -> TransferVariablesRow:
    filled, rules = row(), default_mapping().flows[flow]
    for name, value in variables.items():
        rules.apply(filled, name, json.dumps(value))
    return filled


def test_shipped_mapping_reads_the_channel_request() -> None:
    request = {
        "payer": {"partyIdInfo": {"partyIdType": "MSISDN", "partyIdentifier": "27710101999"}},
        "payee": {"partyIdInfo": {"partyIdType": "IBAN", "partyIdentifier": "DE02"}},
        "amount": {"amount": "0.1000", "currency": "KES"},
    }
    filled = read("PayerFundTransfer", channelRequest=json.dumps(request), transactionId="t-1")
    assert (filled.payer_party_id, filled.payee_party_id_type) == ("27710101999", "IBAN")
    assert (filled.amount, filled.currency) == (Decimal("0.1"), "KES")
    assert filled.transaction_id == "t-1"


def test_shipped_mapping_reads_the_fspiop_quote_of_the_payee() -> None:
    quote = {
        "transactionId": "t-2",
        "payer": {"partyIdInfo": {"partyIdType": "MSISDN", "partyIdentifier": "1", "fspId": "a"}},
        "payee": {"partyIdInfo": {"partyIdType": "MSISDN", "partyIdentifier": "2", "fspId": "b"}},
        "amount": {"amount": "7", "currency": "TZS"},
    }
    for value in (quote, json.dumps(quote)):
        filled = read("PayeeQuoteTransfer", quoteSwitchRequest=value)
        assert (filled.payer_dfsp_id, filled.payee_dfsp_id) == ("a", "b")
        assert (filled.transaction_id, filled.amount) == ("t-2", Decimal(7))


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        ("plain text", "plain text"),
        ('{"errorCode": "4001"}', "4001"),
        ('{"errorInformation": {"errorCode": "1", "errorDescription": "no funds"}}', "no funds"),
        ({"errorDescription": "late"}, "late"),
    ],
)
def test_error_information_keeps_all_and_says_it_in_a_sentence(error: Any, detail: str) -> None:
    filled = read("PayerFundTransfer", errorInformation=error)
    assert filled.status_detail == detail
    assert filled.error_information is not None
    assert detail in filled.error_information


def test_null_and_missing_say_nothing() -> None:
    filled = read("PayerFundTransfer", batchId=None, channelRequest=json.dumps({"amount": {}}))
    assert filled == row()


@pytest.mark.parametrize(
    ("variable", "value", "what"),
    [
        ("channelRequest", json.dumps({"amount": {"amount": "twelve"}}), "plain decimal"),
        ("channelRequest", json.dumps({"amount": {"amount": "-1"}}), "plain decimal"),
        ("channelRequest", json.dumps({"amount": {"amount": True}}), "not a number"),
        ("channelRequest", json.dumps({"amount": {"amount": [1]}}), "not a number"),
        ("channelRequest", json.dumps({"amount": {"amount": "0.12345"}}), "digits after"),
        ("channelRequest", json.dumps({"amount": {"amount": "1" + "0" * 18}}), "digits before"),
        ("channelRequest", json.dumps({"amount": {"currency": "euro"}}), "three capital letters"),
        ("channelRequest", "{not json", "not JSON"),
        ("transactionId", {"a": 1}, "not a string"),
        ("transactionId", "x" * 256, "longer than 255"),
        ("transactionId", True, "not a string"),
    ],
)
def test_a_wrong_value_is_refused_without_being_quoted(
    variable: str, value: Any, what: str
) -> None:
    with pytest.raises(InvalidInput, match=what) as caught:
        read("PayerFundTransfer", **{variable: value})
    assert variable in caught.value.where
    assert "twelve" not in str(caught.value)


def test_other_fields_are_set_although_one_is_wrong() -> None:
    filled, rules = row(), default_mapping().flows["PayerFundTransfer"]
    request = json.dumps(json.dumps({"amount": {"amount": "x", "currency": "EUR"}}))
    with pytest.raises(InvalidInput):
        rules.apply(filled, "channelRequest", request)
    assert (filled.amount, filled.currency) == (None, "EUR")


def test_amounts_are_exact_however_they_are_written() -> None:
    filled, rules = row(), default_mapping().flows["PayerFundTransfer"]
    rules.apply(filled, "channelRequest", '{"amount": {"amount": 0.3}}')
    assert filled.amount == Decimal("0.3")


@pytest.mark.parametrize(
    ("element", "outcome"),
    [
        ("EndEvent_Success", OUTCOME_COMPLETED),
        ("EndEvent_Failure_Aborted", OUTCOME_FAILED),
        ("TransferTimeout", OUTCOME_FAILED),
        ("EndEvent_1jaizso", OUTCOME_FAILED),
        ("EndEvent_1f5l27f", OUTCOME_UNKNOWN),
        ("EndEvent_02ollka", OUTCOME_COMPLETED),
    ],
)
def test_ends_say_how_a_transfer_came_out(element: str, outcome: int) -> None:
    assert default_mapping().flows["PayerFundTransfer"].outcome(element) == outcome


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("{", "not readable"),
        (mapping(type="LOAN"), "type"),
        (mapping(direction="SIDEWAYS"), "direction"),
        (mapping(colour="red"), "colour"),
        (mapping(sets=["nothing"]), "nothing"),
        (mapping(fields=[{"variable": "v", "field": "noSuchField"}]), "noSuchField"),
        (mapping(fields=[{"variable": "v", "field": "amount", "path": "amount"}]), "path"),
        (mapping(fields=[{"variable": "v", "field": "amount", "path": "$.a..b"}]), "path"),
        (mapping(fields=[{"variable": 1, "field": "amount"}]), "variable"),
        (mapping(ends={"EndEvent_1": "MAYBE"}), "MAYBE"),
        (mapping(failedEnd="("), "pattern"),
        (mapping().replace('"version": 1', '"version": 2'), "version"),
    ],
)
def test_what_is_wrong_in_a_mapping_is_named(content: str, place: str) -> None:
    with pytest.raises(InvalidMapping, match=place):
        load_mapping(content)


def test_a_mapping_knows_its_variables() -> None:
    assert load_mapping(mapping(sets=["base"])).variables == {"transactionId"}
