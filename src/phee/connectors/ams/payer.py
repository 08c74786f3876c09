"""The payer's side in the core banking: local quote, block, book, release."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

import msgspec

from phee.connectors.ams.core_banking import Action, CoreBanking, Refused, Role
from phee.connectors.channel_request import Amount, ChannelRequest, read_channel_request
from phee.connectors.failures import QUOTE_DIFFERS, WRONG_FULFILMENT, ErrorInformation
from phee.connectors.settings import TRIES
from phee.connectors.tenancy import tenant_of
from phee.errors import InvalidInput
from phee.workers import Job, JobFailed, JobHandler, job


class PayerVariables(msgspec.Struct, frozen=True, rename="camel"):
    """What every step needs."""

    transaction_id: str
    channel_request: str
    tenant_id: str | None = None


class QuotedVariables(PayerVariables, frozen=True, rename="camel"):
    """What needs to know the payee's answer too."""

    payee_quote_response: str = "{}"


class BookingVariables(QuotedVariables, frozen=True, rename="camel"):
    """What booking needs: it is the last moment to check what the payee's FSP returned."""

    fulfilment: str | None = None


class _PayeeQuote(msgspec.Struct, frozen=True, rename="camel"):
    transfer_amount: Amount | None = None
    condition: str = ""


class PayerAccounts:
    """Handlers of the payer's jobs that touch accounts."""

    def __init__(self, core_banking: CoreBanking) -> None:
        self._core_banking = core_banking

    def handlers(self) -> list[JobHandler]:
        """One handler for each job type."""
        return [
            job("payer-local-quote", retries=TRIES)(self.local_quote),
            job("block-funds", retries=TRIES)(self.block_funds),
            job("book-funds", retries=TRIES)(self.book_funds),
            job("release-block", retries=TRIES)(self.release_block),
        ]

    async def local_quote(self, job: Job, variables: QuotedVariables) -> dict[str, Any]:
        """What the payer's own bank asks; an amount the payee changed ends the payment here."""
        request = read_channel_request(variables.channel_request)
        quoted = _payee_quote(variables.payee_quote_response).transfer_amount
        if quoted is not None and not quoted.is_same(request.amount):
            return _failed("localQuoteFailed", QUOTE_DIFFERS)
        answer = await self._core_banking.quote(
            tenant_of(job, variables.tenant_id),
            Role.PAYER,
            transaction_id=variables.transaction_id,
            party=request.payer.party_id_info,
            amount=request.amount,
        )
        if isinstance(answer, Refused):
            _require_business(answer)
            return _failed("localQuoteFailed", answer.error)
        return {
            "localQuoteFailed": False,
            "fspFee": answer.fsp_fee,
            "fspCommission": answer.fsp_commission,
        }

    async def block_funds(self, job: Job, variables: PayerVariables) -> dict[str, Any]:
        """Hold the money; without funds the payment ends before the scheme hears of it."""
        refused = await self._step(job, variables, Action.PREPARE)
        if refused is None:
            code = variables.transaction_id
            return {"transferPrepareFailed": False, "transferCode": code}
        _require_business(refused)
        return _failed("transferPrepareFailed", refused.error)

    async def book_funds(self, job: Job, variables: BookingVariables) -> dict[str, Any]:
        """Book what is held, once the fulfilment proves that the payee's FSP accepted."""
        condition = _payee_quote(variables.payee_quote_response).condition
        if variables.fulfilment is not None and not fulfils(variables.fulfilment, condition):
            return _failed("transferCreateFailed", WRONG_FULFILMENT)
        refused = await self._step(job, variables, Action.CREATE)
        if refused is None:
            return {"transferCreateFailed": False}
        return _failed("transferCreateFailed", refused.error)

    async def release_block(self, job: Job, variables: PayerVariables) -> dict[str, Any]:
        """Give the held money back."""
        refused = await self._step(job, variables, Action.RELEASE)
        if refused is None:
            return {"transferReleaseFailed": False}
        # errorInformation keeps saying why the payment failed.
        return {"transferReleaseFailed": True}

    async def _step(self, job: Job, variables: PayerVariables, action: Action) -> Refused | None:
        request: ChannelRequest = read_channel_request(variables.channel_request)
        return await self._core_banking.transfer(
            tenant_of(job, variables.tenant_id),
            action,
            Role.PAYER,
            transaction_id=variables.transaction_id,
            party=request.payer.party_id_info,
            amount=request.amount,
        )


def fulfils(fulfilment: str, condition: str) -> bool:
    """Whether the condition is the SHA-256 of the fulfilment (both base64url, FSPIOP 6.5.3)."""
    try:
        preimage = base64.urlsafe_b64decode(fulfilment + "=" * (-len(fulfilment) % 4))
    except (binascii.Error, ValueError):
        return False
    digest = base64.urlsafe_b64encode(hashlib.sha256(preimage).digest()).decode()
    return digest.rstrip("=") == condition.rstrip("=")


def _payee_quote(text: str) -> _PayeeQuote:
    try:
        return _decode_quote(text)
    except msgspec.DecodeError as error:
        raise InvalidInput(str(error), where="variable payeeQuoteResponse") from None


def _failed(flag: str, error: ErrorInformation) -> dict[str, Any]:
    return {flag: True, "errorInformation": error.as_text()}


def _require_business(refused: Refused) -> None:
    """A refusal that is not the payment's fault is for people to look at.

    Raises:
        JobFailed: at once, with an incident.
    """
    if not refused.is_business:
        error = refused.error
        raise JobFailed(f"{error.error_code}: {error.error_description}", retries=0)


_decode_quote = msgspec.json.Decoder(_PayeeQuote).decode
