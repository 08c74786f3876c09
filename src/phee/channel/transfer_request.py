"""The body of POST /channel/transfer, and everything that must hold before it is accepted.

Names on the wire are upstream's. Unknown fields are refused: a misspelt field of a payment must
not be ignored. JSON Schema says the form (see /schema); :func:`check` says what it cannot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from phee.channel.money import amount_complaint, currency_complaint
from phee.channel.parties import comparable, identifier_complaint
from phee.tenants import Tenant
from phee.web import FieldProblem, InvalidFields

# Control characters, and those that reorder or break the text around them.
_UNSAFE = "\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069"
SAFE_TEXT_PATTERN = f"^[^{_UNSAFE}]*$"
_SAFE_TEXT = re.compile(f"[^{_UNSAFE}]*")

PartyIdType = Literal[
    "MSISDN", "EMAIL", "PERSONAL_ID", "BUSINESS", "DEVICE", "ACCOUNT_ID", "IBAN", "ALIAS"
]
Scenario = Literal["DEPOSIT", "WITHDRAWAL", "TRANSFER", "PAYMENT", "REFUND", "MPESA"]
InitiatorType = Literal["CONSUMER", "AGENT", "BUSINESS", "DEVICE"]
FspId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,32}$", examples=["gorilla"])]
ShortText = Annotated[str, Meta(min_length=1, max_length=128, pattern=SAFE_TEXT_PATTERN)]

CustomText = Annotated[str, Meta(max_length=1024, pattern=SAFE_TEXT_PATTERN)]
Date = Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$", examples=["1990-12-31"])]
Note = Annotated[str, Meta(max_length=256, pattern=SAFE_TEXT_PATTERN, examples=["Rent"])]
Instant = Annotated[
    str,
    Meta(
        max_length=40,
        description="ISO 8601, with its zone",
        examples=["2031-05-01T12:00:00Z"],
        extra_json_schema={"format": "date-time"},
    ),
]


class _Body(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Base of the parts of the body: unknown fields are refused, absent ones not written."""


class PartyIdInfo(_Body, rename="camel", frozen=True):
    """Who a party is."""

    party_id_type: Annotated[PartyIdType, Meta(examples=["MSISDN"])]
    party_identifier: Annotated[ShortText, Meta(examples=["27710101999"])]
    party_sub_id_or_type: ShortText | None = None
    fsp_id: FspId | None = None


class ComplexName(_Body, rename="camel", frozen=True):
    """A person's name."""

    first_name: ShortText | None = None
    middle_name: ShortText | None = None
    last_name: ShortText | None = None


class PersonalInfo(_Body, rename="camel", frozen=True):
    """More about a person."""

    complex_name: ComplexName | None = None
    date_of_birth: Date | None = None


class Party(_Body, rename="camel", frozen=True):
    """One side of the payment."""

    party_id_info: PartyIdInfo
    merchant_classification_code: Annotated[str, Meta(pattern="^[0-9]{1,4}$")] | None = None
    name: ShortText | None = None
    personal_info: PersonalInfo | None = None


class Amount(_Body, rename="camel", frozen=True):
    """How much, as decimal text."""

    # Their form is checked in :func:`check`, which says better than a pattern what is wrong.
    amount: Annotated[str, Meta(max_length=40, examples=["12.50"])]
    currency: Annotated[str, Meta(max_length=8, examples=["USD"])]


class RefundInfo(_Body, rename="camel", frozen=True):
    """What a refund gives back."""

    original_transaction_id: ShortText
    refund_reason: ShortText | None = None


class TransactionType(_Body, rename="camel", frozen=True):
    """What kind of payment this is, and who wants it."""

    # Factories instead of defaults: the flow gets these fields even when they were not sent.
    scenario: Scenario = msgspec.field(default_factory=lambda: "TRANSFER")
    sub_scenario: ShortText | None = None
    initiator: Literal["PAYER", "PAYEE"] = msgspec.field(default_factory=lambda: "PAYER")
    initiator_type: InitiatorType = msgspec.field(default_factory=lambda: "CONSUMER")
    refund_info: RefundInfo | None = None
    balance_of_payments: Annotated[str, Meta(pattern="^[0-9]{3}$")] | None = None


class GeoCode(_Body, rename="camel", frozen=True):
    """Where the payment was initiated, in decimal degrees as text."""

    latitude: Annotated[str, Meta(pattern=r"^-?[0-9]{1,2}(\.[0-9]{1,10})?$")]
    longitude: Annotated[str, Meta(pattern=r"^-?[0-9]{1,3}(\.[0-9]{1,10})?$")]


class Extension(_Body, rename="camel", frozen=True):
    """A key and a value that travel with the payment to the other side."""

    key: Annotated[str, Meta(min_length=1, max_length=32, pattern=SAFE_TEXT_PATTERN)]
    value: ShortText


class ExtensionList(_Body, rename="camel", frozen=True):
    """Extensions, at most 16."""

    extension: Annotated[list[Extension], Meta(min_length=1, max_length=16)]


class CustomData(_Body, rename="camel", frozen=True):
    """A key and a value that stay in this hub."""

    key: Annotated[str, Meta(min_length=1, max_length=64, pattern=SAFE_TEXT_PATTERN)]
    value: CustomText | int | float | bool | None = None


class TransferRequest(_Body, rename="camel", frozen=True):
    """A payment to be made: from payer to payee, so much."""

    payer: Party
    payee: Party
    amount: Amount
    client_ref_id: ShortText | None = None
    amount_type: Literal["SEND", "RECEIVE"] = msgspec.field(default_factory=lambda: "SEND")
    transaction_type: TransactionType = msgspec.field(default_factory=TransactionType)
    geo_code: GeoCode | None = None
    note: Note | None = None
    expiration: Instant | None = None
    extension_list: ExtensionList | None = None
    custom_data: Annotated[list[CustomData], Meta(max_length=64)] = []


def check(request: TransferRequest, tenant: Tenant) -> None:
    """Accept a request whose form is right and that ``tenant`` may make.

    Raises:
        InvalidFields: names every field that cannot be accepted.
    """
    problems = [*_money(request.amount, tenant), *_parties(request), *_texts(request)]
    if problems:
        raise InvalidFields(problems)


def _money(amount: Amount, tenant: Tenant) -> Iterator[FieldProblem]:
    if complaint := currency_complaint(amount.currency):
        yield FieldProblem("amount.currency", *complaint)
    elif not tenant.allows(amount.currency):
        allowed = ", ".join(tenant.currencies)
        yield FieldProblem(
            "amount.currency",
            f"{amount.currency} is not a currency of this tenant",
            f"Use {allowed}",
        )
    if complaint := amount_complaint(amount.amount, amount.currency):
        yield FieldProblem("amount.amount", *complaint)


def _parties(request: TransferRequest) -> Iterator[FieldProblem]:
    payer, payee = request.payer.party_id_info, request.payee.party_id_info
    for name, party in (("payer", payer), ("payee", payee)):
        if complaint := identifier_complaint(party.party_id_type, party.party_identifier):
            yield FieldProblem(f"{name}.partyIdInfo.partyIdentifier", *complaint)
    if _same(payer, payee):
        yield FieldProblem(
            "payee",
            "is the same party as the payer",
            "Name another payee; for one person at two institutions, send both fspId",
        )


def _same(payer: PartyIdInfo, payee: PartyIdInfo) -> bool:
    if payer.fsp_id and payee.fsp_id and payer.fsp_id != payee.fsp_id:
        return False
    return _identity(payer) == _identity(payee)


def _identity(party: PartyIdInfo) -> tuple[str, str, str | None]:
    identifier = comparable(party.party_id_type, party.party_identifier)
    return party.party_id_type, identifier, party.party_sub_id_or_type


def _texts(request: TransferRequest) -> Iterator[FieldProblem]:
    for name, party in (("payer", request.payer), ("payee", request.payee)):
        born = party.personal_info.date_of_birth if party.personal_info else None
        if born is not None and not _is_date(born):
            field = f"{name}.personalInfo.dateOfBirth"
            yield FieldProblem(field, "is not a date", "Send it like 1990-12-31")
    if request.expiration is not None and not _is_instant(request.expiration):
        yield FieldProblem(
            "expiration",
            "is not a point in time",
            "Send ISO 8601 with a zone: 2031-05-01T12:00:00Z",
        )
    if _may_hold_controls(msgspec.json.encode(request)):
        for path, text in _all_texts(msgspec.to_builtins(request), ""):
            if not _SAFE_TEXT.fullmatch(text):
                yield FieldProblem(path, "has a control character", "Send plain text on one line")


def _may_hold_controls(body: bytes) -> bool:
    """Return False for nearly every body at once: JSON escapes control characters.

    The patterns of single fields are not enough: ``$`` lets a line break at the very end pass.
    """
    return b"\\" in body or b"\x7f" in body or not body.isascii()


def _is_instant(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _is_date(text: str) -> bool:
    try:
        return len(text) == 10 and date.fromisoformat(text) is not None
    except ValueError:
        return False


def _all_texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _all_texts(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _all_texts(item, f"{path}[{index}]")
