"""How a variable becomes a field: JSON inside JSON, paths, and exact types."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from phee.errors import InvalidInput
from phee.projections.money import read_amount, read_currency
from phee.projections.rows import TransferVariablesRow

TEXT_MAX = 255
"""Characters of a text column."""
DETAIL_MAX = 1_000

Path = tuple[str | int, ...]
Setter = Callable[[TransferVariablesRow, object], None]

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
    def set_field(row: TransferVariablesRow, value: object) -> None:
        setattr(row, attribute, read(value))

    return set_field


def _set_error(row: TransferVariablesRow, value: object) -> None:
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


_TEXT_FIELDS = {
    "transactionId": "transaction_id",
    "clientCorrelationId": "client_correlation_id",
    "batchId": "batch_id",
    "subBatchId": "sub_batch_id",
    "payerDfspId": "payer_dfsp_id",
    "payerPartyId": "payer_party_id",
    "payerPartyIdType": "payer_party_id_type",
    "payerQuoteCode": "payer_quote_code",
    "payeeDfspId": "payee_dfsp_id",
    "payeePartyId": "payee_party_id",
    "payeePartyIdType": "payee_party_id_type",
    "payeeQuoteCode": "payee_quote_code",
    "note": "note",
}
_AMOUNT_FIELDS = {"amount": "amount", "payerFee": "payer_fee", "payeeFee": "payee_fee"}
_CURRENCY_FIELDS = {
    "currency": "currency",
    "payerFeeCurrency": "payer_fee_currency",
    "payeeFeeCurrency": "payee_fee_currency",
}

TRANSFER_FIELDS: dict[str, Setter] = {
    **{field: _plain(column, read_text) for field, column in _TEXT_FIELDS.items()},
    **{field: _plain(column, read_amount) for field, column in _AMOUNT_FIELDS.items()},
    **{field: _plain(column, read_currency) for field, column in _CURRENCY_FIELDS.items()},
    "errorInformation": _set_error,
}
"""Every field that a mapping may fill, by upstream's name, and how it is set."""
