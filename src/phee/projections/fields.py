"""How a variable becomes a field: JSON inside JSON, paths, and exact types."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from phee.errors import InvalidInput
from phee.projections.money import read_amount, read_currency

TEXT_MAX = 255
"""Characters of a text column."""
DETAIL_MAX = 1_000

Path = tuple[str | int, ...]
Setter = Callable[[Any, object], None]
"""Sets a field of a row whose struct has it; InvalidInput says what is wrong with the value."""

_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\[([0-9]{1,4})\]", re.ASCII)
_JSON = msgspec.json.Decoder(float_hook=Decimal)
MISSING = object()


def parse_path(text: str) -> Path:
    """Compile a path such as ``$.payer[0].partyId`` (names and list indexes only).

    Raises:
        InvalidInput: it is something else.
    """
    steps: list[str | int] = []
    position = 1
    while text.startswith("$") and (match := _STEP.match(text, position)):
        steps.append(match[1] if match[1] is not None else int(match[2]))
        position = match.end()
    if not steps or position != len(text):
        raise InvalidInput(
            f"{text[:80]!r} is not a path", fix="Write names and indexes like $.amount.currency"
        )
    return tuple(steps)


def read_json(text: str) -> Any:
    """Return the value of a variable; numbers with a point become exact decimals.

    Raises:
        InvalidInput: it is not JSON.
    """
    try:
        return _JSON.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise InvalidInput("the value is not JSON") from None


def unwrap(value: Any) -> Any:
    """Return the JSON inside a string, as upstream keeps whole requests in one string variable.

    Raises:
        InvalidInput: it is a string that holds no JSON.
    """
    return read_json(value) if isinstance(value, str) else value


def follow(value: Any, path: Path) -> Any:
    """Return what ``path`` leads to, or MISSING."""
    for step in path:
        if isinstance(step, str):
            if not isinstance(value, dict) or step not in value:
                return MISSING
            value = value[step]
        elif isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return MISSING
    return value


def read_text(value: object) -> str:
    """Return a string or whole number as text.

    Raises:
        InvalidInput: another type, or longer than a column.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidInput("a text field is not a string")
    text = str(value)
    if len(text) > TEXT_MAX:
        raise InvalidInput(f"a text field is longer than {TEXT_MAX} characters")
    return text


def _plain(attribute: str, read: Callable[[object], object]) -> Setter:
    def set_field(row: Any, value: object) -> None:
        setattr(row, attribute, read(value))

    return set_field


def _set_error(row: Any, value: object) -> None:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    row.error_information = text
    row.status_detail = _error_detail(text, value)[:DETAIL_MAX]


def _error_detail(text: str, value: object) -> str:
    """The sentence of an error: upstream's PhErrorDTO, FSPIOP's errorInformation, or plain text."""
    try:
        content = unwrap(value)
    except InvalidInput:
        return text
    for holder in (content, follow(content, ("errorInformation",))):
        for name in ("errorDescription", "errorCode"):
            found = follow(holder, (name,))
            if isinstance(found, str) and found:
                return found
    return text


_PARTY_TEXTS = {
    "payerDfspId": "payer_dfsp_id",
    "payerPartyId": "payer_party_id",
    "payerPartyIdType": "payer_party_id_type",
    "payerQuoteCode": "payer_quote_code",
    "payeeDfspId": "payee_dfsp_id",
    "payeePartyId": "payee_party_id",
    "payeePartyIdType": "payee_party_id_type",
    "payeeQuoteCode": "payee_quote_code",
}
_IDS = {
    "transactionId": "transaction_id",
    "clientCorrelationId": "client_correlation_id",
}
_AMOUNTS = {"amount": "amount", "payerFee": "payer_fee", "payeeFee": "payee_fee"}
_CURRENCIES = {
    "currency": "currency",
    "payerFeeCurrency": "payer_fee_currency",
    "payeeFeeCurrency": "payee_fee_currency",
}


def _setters(fields: dict[str, str], read: Callable[[object], object]) -> dict[str, Setter]:
    return {field: _plain(column, read) for field, column in fields.items()}


_PAYMENT_FIELDS: dict[str, Setter] = {
    **_setters(_IDS | _PARTY_TEXTS, read_text),
    **_setters(_AMOUNTS, read_amount),
    **_setters(_CURRENCIES, read_currency),
    "errorInformation": _set_error,
}

TRANSFER_FIELDS: dict[str, Setter] = {
    **_PAYMENT_FIELDS,
    **_setters({"batchId": "batch_id", "subBatchId": "sub_batch_id", "note": "note"}, read_text),
}
"""Every field of a transfer that a mapping may fill, by upstream's name, and how it is set."""

REQUEST_STATES = (
    "INITIATED",
    "IN_PROGRESS",
    "RECEIVED",
    "REQUEST_ACCEPTED",
    "ACCEPTED",
    "REJECTED",
    "FAILED",
    "SUCCESS",
)


def _set_stated_state(row: Any, value: object) -> None:
    if value in REQUEST_STATES:  # the variable's name is a common one; other values mean others
        row.stated_state = value


REQUEST_FIELDS: dict[str, Setter] = {
    **_PAYMENT_FIELDS,
    **_setters(
        {
            "externalId": "external_id",
            "authType": "auth_type",
            "initiatorType": "initiator_type",
            "scenario": "scenario",
        },
        read_text,
    ),
    "state": _set_stated_state,
}
"""Every field of a transaction request."""


def read_long_text(value: object) -> str:
    """Return a string of any length, or the JSON text of anything else."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def read_count(value: object) -> int:
    """Return a count that a number or its text says.

    Raises:
        InvalidInput: it is no whole number from 0 up to 15 digits.
    """
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"[0-9]{1,15}", text, re.ASCII):
        raise InvalidInput("a count is not a whole number")
    return int(text)


def read_sub_batch_ids(value: object) -> str:
    """Return the ids of sub-batches as a JSON list: of objects with ``subBatchId``, or of ids.

    Raises:
        InvalidInput: it is another thing.
    """
    content = unwrap(value)
    if not isinstance(content, list):
        raise InvalidInput("the sub-batches are not a list")
    ids = [follow(one, ("subBatchId",)) if isinstance(one, dict) else one for one in content]
    return msgspec.json.encode(sorted({read_text(one) for one in ids})).decode()


BATCH_FIELDS: dict[str, Setter] = {
    **_setters(
        {
            "batchId": "batch_id",
            "subBatchId": "sub_batch_id",
            "requestId": "request_id",
            "requestFile": "request_file",
            "resultFile": "result_file",
            "paymentMode": "payment_mode",
            "payerFsp": "payer_fsp",
            "payeeFsp": "payee_fsp",
            "registeringInstitutionId": "registering_institution_id",
            "correlationId": "client_correlation_id",
        },
        read_text,
    ),
    "note": _plain("note", read_long_text),
    "errorInformation": _plain("error_information", read_long_text),
    "approvedAmount": _plain("approved_amount", read_amount),
    "approvedCount": _plain("approved_count", read_count),
    "subBatchDetails": _plain("sub_batch_ids", read_sub_batch_ids),
}
"""Every field of a batch."""

OUTBOUND_FIELDS: dict[str, Setter] = {
    **_setters(
        {
            "internalId": "internal_id",
            "externalId": "external_id",
            "deliveryStatus": "delivery_status",
            "sourceAddress": "source_address",
            "mobileNumber": "mobile_number",
            "bridgeId": "bridge_id",
        },
        read_text,
    ),
    "deliveryErrorMessage": _plain("delivery_error_message", read_long_text),
    "message": _plain("message", read_long_text),
    "response": _plain("response", read_long_text),
}
"""Every field of a message to a person."""

FIELDS_BY_TYPE: dict[str, dict[str, Setter]] = {
    "TRANSFER": TRANSFER_FIELDS,
    "TRANSACTION_REQUEST": REQUEST_FIELDS,
    "BATCH": BATCH_FIELDS,
    "OUTBOUND_MESSAGE": OUTBOUND_FIELDS,
}
