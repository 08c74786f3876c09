"""The payee's side of the scheme: what is answered to it."""

from __future__ import annotations

import msgspec

from phee.connectors.ams.core_banking import PartyAnswer as KnownParty
from phee.connectors.ams.core_banking import QuoteAnswer as LocalQuote
from phee.connectors.channel_request import Party, PartyIdInfo
from phee.connectors.failures import QUOTE_REJECTED, TRANSFER_REJECTED, ErrorInformation
from phee.connectors.mojaloop.ilp import Ilp, Transaction, minor_units, pack
from phee.connectors.mojaloop.messages import (
    COMMITTED,
    RESERVED,
    PartyAnswer,
    QuoteAnswer,
    QuoteRequest,
    TransferOutcome,
    now_ms,
    read,
    read_quote_request,
    read_transfer_request,
    timestamp,
)
from phee.connectors.mojaloop.scheme import Scheme
from phee.connectors.settings import TRIES, ConnectorSettings
from phee.connectors.tenancy import tenant_of
from phee.workers import Job, JobHandler, job


class LookupAnswerVariables(msgspec.Struct, frozen=True, rename="camel"):
    """What was found."""

    party_id_type: str
    party_id: str
    transaction_id: str
    initiator_fsp_id: str
    tenant_id: str | None = None
    payee_party_response: str | None = None
    error_information: str | None = None


class QuoteAnswerVariables(msgspec.Struct, frozen=True, rename="camel"):
    """What was asked, and what our own bank said."""

    quote_switch_request: str
    initiator_fsp_id: str
    tenant_id: str | None = None
    quote_failed: bool | None = None
    local_quote_response: str | None = None
    error_information: str | None = None


class TransferAnswerVariables(msgspec.Struct, frozen=True, rename="camel"):
    """What came, and what our own bank did about it."""

    switch_transfer_request: str
    tenant_id: str | None = None
    transfer_prepare_failed: bool | None = None
    transfer_create_failed: bool | None = None
    error_information: str | None = None


class PayeeScheme:
    """Handlers of the payee's jobs that answer the scheme."""

    def __init__(self, settings: ConnectorSettings, scheme: Scheme, ilp: Ilp) -> None:
        self._settings = settings
        self._scheme = scheme
        self._ilp = ilp

    def handlers(self) -> list[JobHandler]:
        """One handler for each job type."""
        return [
            job("party-lookup-local-response", retries=TRIES)(self.answer_lookup),
            job("payee-quote-response", retries=TRIES)(self.answer_quote),
            job("payee-transfer-response", retries=TRIES)(self.answer_transfer),
        ]

    async def answer_lookup(self, job: Job, variables: LookupAnswerVariables) -> None:
        """PUT /parties/{type}/{id}, or its error."""
        tenant_id = tenant_of(job, variables.tenant_id)
        await self._scheme.answer_lookup(
            tenant_id,
            variables.initiator_fsp_id,
            variables.party_id_type,
            variables.party_id,
            self._party(tenant_id, variables),
            correlation_id=variables.transaction_id,
        )

    def _party(
        self, tenant_id: str, variables: LookupAnswerVariables
    ) -> PartyAnswer | ErrorInformation:
        if variables.payee_party_response is None:
            return ErrorInformation.from_text(variables.error_information)
        found = read(variables.payee_party_response, _known_party, "variable payeePartyResponse")
        info = PartyIdInfo(
            variables.party_id_type,
            variables.party_id,
            fsp_id=self._settings.fsp_id(tenant_id),
        )
        return PartyAnswer(Party(info, name=found.name or None))

    async def answer_quote(self, job: Job, variables: QuoteAnswerVariables) -> None:
        """PUT /quotes/{id} with packet and condition, or its error."""
        tenant_id = tenant_of(job, variables.tenant_id)
        request = read_quote_request(variables.quote_switch_request)
        answer: QuoteAnswer | ErrorInformation
        if variables.quote_failed:
            text = variables.error_information
            answer = ErrorInformation.from_text(text) if text else QUOTE_REJECTED
        else:
            answer = self._quote(tenant_id, request, variables.local_quote_response)
        await self._scheme.answer_quote(
            tenant_id, variables.initiator_fsp_id, request.quote_id, answer
        )

    def _quote(self, tenant_id: str, request: QuoteRequest, local: str | None) -> QuoteAnswer:
        transaction = Transaction(
            transaction_id=request.transaction_id,
            quote_id=request.quote_id,
            payee=request.payee,
            payer=request.payer,
            amount=request.amount,
            transaction_type=request.transaction_type,
        )
        address = f"g.{self._settings.fsp_id(tenant_id)}"
        packet = pack(transaction, minor_units(request.amount), address)
        fees = read(local, _local_quote, "variable localQuoteResponse") if local else None
        return QuoteAnswer(
            transfer_amount=request.amount,
            expiration=timestamp(now_ms() + self._settings.quote_expiry_ms),
            ilp_packet=packet,
            condition=self._ilp.condition(tenant_id, packet),
            payee_fsp_fee=fees.fsp_fee.without_trailing_zeros() if fees else None,
            payee_fsp_commission=fees.fsp_commission.without_trailing_zeros() if fees else None,
        )

    async def answer_transfer(self, job: Job, variables: TransferAnswerVariables) -> None:
        """PUT /transfers/{id} with the fulfilment, or its error.

        RESERVED asks the scheme to say how it ended; a drawing that has booked already says
        COMMITTED.
        """
        tenant_id = tenant_of(job, variables.tenant_id)
        request = read_transfer_request(variables.switch_transfer_request)
        answer: TransferOutcome | ErrorInformation
        if variables.transfer_prepare_failed or variables.transfer_create_failed:
            text = variables.error_information
            answer = ErrorInformation.from_text(text) if text else TRANSFER_REJECTED
        else:
            reserved = variables.transfer_prepare_failed is not None
            answer = TransferOutcome(
                transfer_state=RESERVED if reserved else COMMITTED,
                fulfilment=self._ilp.fulfilment(tenant_id, request.ilp_packet),
                completed_timestamp=timestamp(now_ms()),
            )
        await self._scheme.answer_transfer(
            tenant_id, request.payer_fsp, request.transfer_id, answer
        )


_known_party = msgspec.json.Decoder(KnownParty)
_local_quote = msgspec.json.Decoder(LocalQuote)
