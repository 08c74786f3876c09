"""The payer's side of the scheme: lookup, quote, confirmation, transfer, and asking what became."""

from __future__ import annotations

from typing import Any

import msgspec

from phee.connectors.channel_request import Party, TransactionType, read_channel_request
from phee.connectors.failures import GENERIC_ERROR
from phee.connectors.mojaloop.messages import (
    ABORTED,
    COMMITTED,
    NOT_FOUND,
    QuoteAnswer,
    QuoteRequest,
    TransferRequest,
    epoch_ms,
    read_quote_answer,
    read_transfer_request,
    timestamp,
)
from phee.connectors.mojaloop.publishing import Publisher
from phee.connectors.mojaloop.scheme import Scheme
from phee.connectors.settings import TRIES, ConnectorSettings
from phee.connectors.tenancy import tenant_of
from phee.workers import Job, JobHandler, derived_uuid, job


class LookupVariables(msgspec.Struct, frozen=True, rename="camel"):
    """Whom to find."""

    transaction_id: str
    channel_request: str
    tenant_id: str | None = None
    party_lookup_retry_count: int = 0


class QuoteVariables(msgspec.Struct, frozen=True, rename="camel"):
    """What to ask a quote for, and whom."""

    transaction_id: str
    channel_request: str
    party_lookup_fsp_id: str
    tenant_id: str | None = None
    quote_retry_count: int = 0


class ConfirmVariables(msgspec.Struct, frozen=True, rename="camel"):
    """Which payment to confirm."""

    transaction_id: str
    tenant_id: str | None = None


class TransferVariables(msgspec.Struct, frozen=True, rename="camel"):
    """What to transfer, under whose condition."""

    transaction_id: str
    channel_request: str
    party_lookup_fsp_id: str
    payee_quote_response: str
    origin_date: int
    tenant_id: str | None = None
    transfer_retry_count: int = 0


class StateVariables(msgspec.Struct, frozen=True, rename="camel"):
    """Which transfer to ask about; the payee's side knows it by what the switch sent."""

    transaction_id: str
    tenant_id: str | None = None
    switch_transfer_request: str | None = None
    transfer_query_count: int = 0


class PayerScheme:
    """Handlers of the payer's jobs that talk to the scheme."""

    def __init__(self, settings: ConnectorSettings, scheme: Scheme, publisher: Publisher) -> None:
        self._settings = settings
        self._scheme = scheme
        self._publisher = publisher

    def handlers(self) -> list[JobHandler]:
        """One handler for each job type."""
        return [
            job("party-lookup-request", retries=TRIES)(self.look_up),
            job("quote", retries=TRIES)(self.request_quote),
            job("payer-request-confirm", retries=TRIES)(self.confirm),
            job("send-transfer-request", retries=TRIES)(self.request_transfer),
            job("get-transfer-state", retries=TRIES)(self.ask_state),
        ]

    async def look_up(self, job: Job, variables: LookupVariables) -> dict[str, Any]:
        """Ask for the payee; the answer comes as the message ``party-lookup``."""
        payee = read_channel_request(variables.channel_request).payee.party_id_info
        await self._scheme.look_up(
            tenant_of(job, variables.tenant_id),
            payee.party_id_type,
            payee.party_identifier,
            correlation_id=variables.transaction_id,
        )
        return {"partyLookupRetryCount": variables.party_lookup_retry_count + 1}

    async def request_quote(self, job: Job, variables: QuoteVariables) -> dict[str, Any]:
        """Ask the payee's FSP; the answer comes as ``quote-callback`` or ``quote-error``.

        Asking again in the flow is a new quote: an FSP answers the same one only once.
        """
        count = variables.quote_retry_count + 1
        quote_id = str(derived_uuid("quote", variables.transaction_id, count))
        tenant_id = tenant_of(job, variables.tenant_id)
        request = self._quote(tenant_id, variables, quote_id)
        await self._scheme.request_quote(tenant_id, variables.party_lookup_fsp_id, request)
        return {"quoteRetryCount": count, "quoteId": quote_id}

    def _quote(self, tenant_id: str, variables: QuoteVariables, quote_id: str) -> QuoteRequest:
        request = read_channel_request(variables.channel_request)
        payer_fsp = self._settings.fsp_id(tenant_id)
        return QuoteRequest(
            quote_id=quote_id,
            transaction_id=variables.transaction_id,
            payee=_at(request.payee, variables.party_lookup_fsp_id),
            payer=_at(request.payer, payer_fsp),
            amount_type=request.amount_type or "SEND",
            amount=request.amount.without_trailing_zeros(),
            transaction_type=request.transaction_type or TransactionType(),
            note=request.note,
        )

    async def confirm(self, job: Job, variables: ConfirmVariables) -> None:
        """Accept the quote in the payer's name, as the message ``accept-quote``."""
        await self._publisher.publish(
            "accept-quote",
            variables.transaction_id,
            {"payerConfirmed": True},
            message_id=f"{variables.transaction_id}/accept-quote",
            tenant_id=job.tenant_id,
        )

    async def request_transfer(self, job: Job, variables: TransferVariables) -> dict[str, Any]:
        """Ask for the transfer; the answer comes as ``transfer-response``.

        The transfer id is the transaction id: asked for again, it is the same transfer.
        """
        tenant_id = tenant_of(job, variables.tenant_id)
        quote = read_quote_answer(variables.payee_quote_response)
        # What is held is what is sent, whatever the quote says: they were compared before.
        amount = read_channel_request(variables.channel_request).amount
        request = TransferRequest(
            transfer_id=variables.transaction_id,
            payer_fsp=self._settings.fsp_id(tenant_id),
            payee_fsp=variables.party_lookup_fsp_id,
            amount=amount.without_trailing_zeros(),
            ilp_packet=quote.ilp_packet,
            condition=quote.condition,
            expiration=self._expiration(variables.origin_date, quote),
        )
        await self._scheme.request_transfer(tenant_id, variables.party_lookup_fsp_id, request)
        return {"transferRetryCount": variables.transfer_retry_count + 1}

    def _expiration(self, origin_date: int, quote: QuoteAnswer) -> str:
        """The same on every attempt, or the scheme would see two transfers under one id."""
        latest_ms = origin_date + self._settings.payment_expiry_ms
        return timestamp(min(latest_ms, epoch_ms(quote.expiration)))

    async def ask_state(self, job: Job, variables: StateVariables) -> dict[str, Any]:
        """What the scheme knows of the transfer; ``transferStateKnown`` once that is final."""
        transfer_id = variables.transaction_id
        if variables.switch_transfer_request is not None:
            transfer_id = read_transfer_request(variables.switch_transfer_request).transfer_id
        tenant_id = tenant_of(job, variables.tenant_id)
        outcome = await self._scheme.transfer_outcome(tenant_id, transfer_id)
        state = NOT_FOUND if outcome is None else outcome.transfer_state
        known: dict[str, Any] = {
            "transferStateKnown": state in (COMMITTED, ABORTED),
            "transferState": state,
            "transferQueryCount": variables.transfer_query_count + 1,
        }
        if outcome is not None and state == COMMITTED:
            known |= {"transferFailed": False}
            if outcome.fulfilment is not None:
                known |= {"fulfilment": outcome.fulfilment}
        elif outcome is not None and state == ABORTED:
            error = outcome.error_information or GENERIC_ERROR
            known |= {"transferFailed": True, "errorInformation": error.as_text()}
        return known


def _at(party: Party, fsp_id: str) -> Party:
    """``party`` as a customer of ``fsp_id``."""
    info = msgspec.structs.replace(party.party_id_info, fsp_id=fsp_id)
    return msgspec.structs.replace(party, party_id_info=info)
