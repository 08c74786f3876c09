"""The payee's side in the core banking: party, quote, reserve, deposit, release."""

from __future__ import annotations

from typing import Any

import msgspec

from phee.connectors.ams.core_banking import Action, CoreBanking, Refused, Role
from phee.connectors.failures import (
    PARTY_NOT_FOUND,
    QUOTE_REJECTED,
    TRANSFER_EXPIRED,
    TRANSFER_REJECTED,
    UNSUPPORTED_CURRENCY,
    WRONG_CONDITION,
    ErrorInformation,
)
from phee.connectors.mojaloop.ilp import Ilp
from phee.connectors.mojaloop.messages import (
    QuoteRequest,
    TransferRequest,
    read_quote_request,
    read_transfer_request,
)
from phee.connectors.settings import TRIES
from phee.connectors.tenancy import tenant_of
from phee.workers import Job, JobFailed, JobHandler, job


class PartyVariables(msgspec.Struct, frozen=True, rename="camel"):
    """Whom to look up."""

    party_id_type: str
    party_id: str
    tenant_id: str | None = None


class QuoteVariables(msgspec.Struct, frozen=True, rename="camel"):
    """What was asked for."""

    transaction_id: str
    quote_switch_request: str
    tenant_id: str | None = None


class TransferVariables(QuoteVariables, frozen=True, rename="camel"):
    """What was asked for, and what came.

    ``transfer_prepare_failed`` is unset in drawings that book without reserving first.
    ``transfer_expired`` was decided when the transfer came: a try again must not decide otherwise,
    or what an earlier try reserved would stay reserved.
    """

    switch_transfer_request: str = ""
    transfer_expired: bool = False
    transfer_prepare_failed: bool | None = None


class PayeeAccounts:
    """Handlers of the payee's jobs that touch accounts."""

    def __init__(self, core_banking: CoreBanking, ilp: Ilp) -> None:
        self._core_banking = core_banking
        self._ilp = ilp

    def handlers(self) -> list[JobHandler]:
        """One handler for each job type."""
        return [
            job("party-lookup-local", retries=TRIES)(self.look_up_party),
            job("payee-quote", retries=TRIES)(self.quote),
            job("payee-prepare-transfer", retries=TRIES)(self.prepare),
            job("payee-commit-transfer", retries=TRIES)(self.commit),
            job("payee-release-transfer", retries=TRIES)(self.release),
        ]

    async def look_up_party(self, job: Job, variables: PartyVariables) -> dict[str, Any]:
        """Who the party is, or that it is nobody."""
        answer = await self._core_banking.party(
            tenant_of(job, variables.tenant_id), variables.party_id_type, variables.party_id
        )
        if isinstance(answer, Refused):
            _require_business(answer)
            return {"errorInformation": PARTY_NOT_FOUND.as_text()}
        return {"payeePartyResponse": _encode(answer).decode()}

    async def quote(self, job: Job, variables: QuoteVariables) -> dict[str, Any]:
        """Whether the payee can be paid, and what it costs."""
        request = read_quote_request(variables.quote_switch_request)
        answer = await self._core_banking.quote(
            tenant_of(job, variables.tenant_id),
            Role.PAYEE,
            transaction_id=variables.transaction_id,
            party=request.payee.party_id_info,
            amount=request.amount,
        )
        if isinstance(answer, Refused):
            _require_business(answer)
            return _failed("quoteFailed", _for_scheme(answer, QUOTE_REJECTED))
        return {"quoteFailed": False, "localQuoteResponse": _encode(answer).decode()}

    async def prepare(self, job: Job, variables: TransferVariables) -> dict[str, Any]:
        """Reserve the deposit, if the transfer is the one that was quoted."""
        tenant_id = tenant_of(job, variables.tenant_id)
        error = self._objection(tenant_id, variables)
        if error is None:
            refused = await self._step(tenant_id, variables, Action.PREPARE)
            if refused is None:
                return {"transferPrepareFailed": False, "transferCode": variables.transaction_id}
            _require_business(refused)
            error = _for_scheme(refused, TRANSFER_REJECTED)
        return _failed("transferPrepareFailed", error)

    async def commit(self, job: Job, variables: TransferVariables) -> dict[str, Any]:
        """Deposit the money: what was reserved or, in drawings without that step, directly."""
        tenant_id = tenant_of(job, variables.tenant_id)
        if variables.transfer_prepare_failed is None:
            error = self._objection(tenant_id, variables)
            if error is not None:
                return _failed("transferCreateFailed", error)
        refused = await self._step(tenant_id, variables, Action.CREATE)
        if refused is None:
            return {"transferCreateFailed": False}
        return _failed("transferCreateFailed", _for_scheme(refused, TRANSFER_REJECTED))

    async def release(self, job: Job, variables: QuoteVariables) -> None:
        """Drop the reservation."""
        tenant_id = tenant_of(job, variables.tenant_id)
        refused = await self._step(tenant_id, variables, Action.RELEASE)
        if refused is not None:
            raise _incident(refused)

    def _objection(self, tenant_id: str, variables: TransferVariables) -> ErrorInformation | None:
        transfer: TransferRequest = read_transfer_request(variables.switch_transfer_request)
        quoted: QuoteRequest = read_quote_request(variables.quote_switch_request)
        if variables.transfer_expired:
            return TRANSFER_EXPIRED
        if not transfer.amount.is_same(quoted.amount):
            return TRANSFER_REJECTED
        known = self._ilp.condition(tenant_id, transfer.ilp_packet) == transfer.condition
        return None if known else WRONG_CONDITION

    async def _step(
        self, tenant_id: str, variables: QuoteVariables, action: Action
    ) -> Refused | None:
        request = read_quote_request(variables.quote_switch_request)
        return await self._core_banking.transfer(
            tenant_id,
            action,
            Role.PAYEE,
            transaction_id=variables.transaction_id,
            party=request.payee.party_id_info,
            amount=request.amount,
        )


def _for_scheme(refused: Refused, otherwise: ErrorInformation) -> ErrorInformation:
    """The scheme's word for a refusal of the core banking."""
    if refused.error.error_code == "CurrencyNotSupported":
        return UNSUPPORTED_CURRENCY
    return otherwise


def _failed(flag: str, error: ErrorInformation) -> dict[str, Any]:
    return {flag: True, "errorInformation": error.as_text()}


def _require_business(refused: Refused) -> None:
    if not refused.is_business:
        raise _incident(refused)


def _incident(refused: Refused) -> JobFailed:
    error = refused.error
    return JobFailed(f"{error.error_code}: {error.error_description}", retries=0)


_encode = msgspec.json.Encoder().encode
