"""Calls to the core banking (Apache Fineract's interoperation API).

The transfer code is the transaction id: together with tenant, role and action it names one step
for ever, so a step that is asked for again after an unknown outcome happens once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

import msgspec

from phee.connectors.channel_request import Amount, PartyIdInfo
from phee.connectors.failures import ErrorInformation
from phee.connectors.http import JSON_HEADERS, Answer, Http, to_json

_BASE = "/fineract-provider/api/v1/interoperation"
_TENANT_HEADER = "Fineract-Platform-TenantId"


class Role(StrEnum):
    PAYER = "PAYER"
    PAYEE = "PAYEE"


class Action(StrEnum):
    PREPARE = "PREPARE"
    CREATE = "CREATE"
    RELEASE = "RELEASE"


BUSINESS_REFUSALS = frozenset(
    {"PayerNotFound", "PayeeNotFound", "PayerInsufficientBalance", "CurrencyNotSupported"}
)
"""Codes that mean: understood, nothing was done, and nothing will be."""


class _ErrorBody(msgspec.Struct, frozen=True, rename="camel"):
    error_code: str = ""
    default_user_message: str = ""


class QuoteAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """What the core banking asks for a transfer."""

    fsp_fee: Amount
    fsp_commission: Amount


class PartyAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """What the core banking knows of a party."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The core banking decided against it."""

    error: ErrorInformation

    @property
    def is_business(self) -> bool:
        """Whether the payment is at fault, and not the set-up or the order of the steps."""
        return self.error.error_code in BUSINESS_REFUSALS


class CoreBanking:
    """The accounts of every tenant."""

    def __init__(self, http: Http, base_url: str) -> None:
        self._http = http
        self._url = base_url.rstrip("/") + _BASE
        self._steps = {action: f"{self._url}/transfers?action={action}" for action in Action}

    async def transfer(
        self,
        tenant_id: str,
        action: Action,
        role: Role,
        *,
        transaction_id: str,
        party: PartyIdInfo,
        amount: Amount,
    ) -> Refused | None:
        """Do one step of a transfer, at most once; None when it is done.

        Raises:
            Unavailable: whether it was done is unknown; ask again.
        """
        body = {
            "transactionCode": transaction_id,
            "transferCode": transaction_id,
            "party": _party(party),
            "amount": amount,
            "transactionRole": role,
        }
        answer = await self._send("POST", self._steps[action], tenant_id, to_json(body))
        return None if answer.is_success else _refused(answer)

    async def quote(
        self,
        tenant_id: str,
        role: Role,
        *,
        transaction_id: str,
        party: PartyIdInfo,
        amount: Amount,
    ) -> QuoteAnswer | Refused:
        """What a transfer would cost.

        Raises:
            Unavailable: no answer; ask again.
        """
        body = {
            "transactionCode": transaction_id,
            "quoteCode": transaction_id,
            "party": _party(party),
            "amount": amount,
            "transactionRole": role,
        }
        answer = await self._send("POST", f"{self._url}/quotes", tenant_id, to_json(body))
        return _decode_quote(answer.body) if answer.is_success else _refused(answer)

    async def party(self, tenant_id: str, id_type: str, identifier: str) -> PartyAnswer | Refused:
        """Who a party is.

        Raises:
            Unavailable: no answer; ask again.
        """
        url = f"{self._url}/parties/{quote(id_type, safe='')}/{quote(identifier, safe='')}"
        answer = await self._send("GET", url, tenant_id)
        return _decode_party(answer.body) if answer.is_success else _refused(answer)

    async def _send(
        self, method: str, url: str, tenant_id: str, body: bytes | None = None
    ) -> Answer:
        headers = {**JSON_HEADERS, _TENANT_HEADER: tenant_id}
        return await self._http.send(method, url, headers, body)


def _party(party: PartyIdInfo) -> dict[str, str]:
    return {"partyIdType": party.party_id_type, "partyIdentifier": party.party_identifier}


def _refused(answer: Answer) -> Refused:
    try:
        error = _decode_error(answer.body)
    except msgspec.DecodeError:
        error = _ErrorBody()
    code = error.error_code or f"HTTP {answer.status}"
    return Refused(ErrorInformation(code, error.default_user_message or "The core banking refused"))


_decode_error = msgspec.json.Decoder(_ErrorBody).decode
_decode_quote = msgspec.json.Decoder(QuoteAnswer).decode
_decode_party = msgspec.json.Decoder(PartyAnswer).decode
