"""From an accepted request to a started flow: ids, variables, and answers that can be repeated.

The transaction id is derived from tenant and correlation id, and the orchestrator remembers which
request started which instance, so the same request always gets the same answer and no store is
needed here.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from phee.channel.transfer_request import TransferRequest, check
from phee.commands import RequestId
from phee.errors import AlreadyExists, NotFound, PheeError
from phee.gateway.client import OrchestratorClient
from phee.tenants import Tenant
from phee.web.position import Position, position_of

_TRANSACTIONS = uuid.UUID("5c1a5f0e-36c6-5d0b-9a43-0f1d3a2c7b11")
_encoder = msgspec.json.Encoder()


class DifferentRequest(AlreadyExists):
    """The correlation id belongs to an earlier request that asked for something else."""

    code = "correlation-id-reused"


class FlowNotDeployed(NotFound):
    """The flow that makes this kind of payment was not deployed for this tenant."""

    code = "flow-not-deployed"


@dataclass(frozen=True, slots=True)
class TransferContext:
    """What the headers say about a payment; the correlation id is the client's or a new one."""

    correlation_id: str
    batch_id: str | None = None
    registering_institution_id: str | None = None
    payee_fsp_id: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A payment that is on its way, durably. ``position`` is where the log says so, if known.

    ``repeated`` means that an earlier request started it and this one changed nothing.
    """

    transaction_id: str
    position: Position | None
    repeated: bool


def transaction_id_of(tenant_id: str, correlation_id: str) -> str:
    """Return the transaction id of the transfer with this correlation id: always the same."""
    return str(uuid.uuid5(_TRANSACTIONS, f"{tenant_id}/transfer/{correlation_id}"))


def payer_fund_transfer(tenant: Tenant) -> str:
    """Return the id of the process that makes a tenant's transfers."""
    return f"PayerFundTransfer-{tenant.id}"


class Initiator:
    """Starts payments at the orchestrator behind ``client``, whose log has this ``epoch``.

    ``outcomes`` counts requests by tenant, outcome (accepted, repeated, refused) and the code of
    the error.
    """

    def __init__(
        self,
        client: OrchestratorClient,
        *,
        epoch: int,
        process_id: Callable[[Tenant], str] = payer_fund_transfer,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._epoch = epoch
        self._process_id = process_id
        self._now = now
        self.outcomes: Counter[tuple[str, str, str]] = Counter()

    async def transfer(
        self, tenant: Tenant, request: TransferRequest, context: TransferContext
    ) -> Accepted:
        """Start a transfer; the same request again gets the first answer.

        Raises:
            phee.web.InvalidFields: the request cannot be accepted; nothing was done.
            DifferentRequest: its correlation id was used for another request.
            FlowNotDeployed: the tenant has no such flow.
            phee.errors.Overloaded: the hub has too much to do; nothing was done.
            phee.errors.Unavailable: the orchestrator did not answer; repeat the request to learn
                what became of it.
        """
        try:
            accepted = await self._start(tenant, request, context)
        except PheeError as error:
            self.outcomes[tenant.id, "refused", error.code] += 1
            raise
        self.outcomes[tenant.id, "repeated" if accepted.repeated else "accepted", ""] += 1
        return accepted

    async def _start(
        self, tenant: Tenant, request: TransferRequest, context: TransferContext
    ) -> Accepted:
        check(request, tenant)
        body = _encoder.encode(request)
        transaction_id = transaction_id_of(tenant.id, context.correlation_id)
        process_id = self._process_id(tenant)
        try:
            created = await self._client.create_instance(
                process_id,
                self._variables(tenant, request, context, transaction_id, body.decode()),
                tenant_id=tenant.id,
                request=RequestId(f"transfer/{context.correlation_id}", _digest(body, context)),
            )
        except AlreadyExists:
            raise DifferentRequest(
                "This correlation id was used for a different request",
                where="X-CorrelationID",
                fix="Send a new correlation id with a new payment, or repeat the first body",
            ) from None
        except NotFound:
            raise FlowNotDeployed(
                f"The flow {process_id} is not deployed for this tenant",
                where=process_id,
                fix="Deploy it: phee deploy FILE --tenant TENANT; then repeat the request",
            ) from None
        position = position_of(self._epoch, created.process_instance_key, created.position)
        return Accepted(transaction_id, position, created.repeated)

    def _variables(
        self,
        tenant: Tenant,
        request: TransferRequest,
        context: TransferContext,
        transaction_id: str,
        channel_request: str,
    ) -> dict[str, Any]:
        kind = request.transaction_type
        variables: dict[str, Any] = {
            "transactionId": transaction_id,
            "channelRequest": channel_request,
            "originDate": int(self._now() * 1000),
            "isRtpRequest": False,
            "tenantId": tenant.id,
            "clientCorrelationId": context.correlation_id,
            "currency": request.amount.currency,
            "amount": {"amount": request.amount.amount, "currency": request.amount.currency},
            "initiator": kind.initiator,
            "initiatorType": kind.initiator_type,
            "scenario": kind.scenario,
            "initiatorFspId": tenant.scheme_id,
            **tenant.settings.as_variables(),
        }
        variables |= _given(
            destinationFspId=context.payee_fsp_id or request.payee.party_id_info.fsp_id,
            batchId=context.batch_id,
            note=request.note,
            clientRefId=request.client_ref_id,
        )
        if context.registering_institution_id:
            variables["X-Registering-Institution-ID"] = context.registering_institution_id
        if request.custom_data:
            variables["customData"] = msgspec.to_builtins(request.custom_data)
        return variables


def _given(**variables: str | None) -> dict[str, str]:
    return {name: value for name, value in variables.items() if value is not None}


def _digest(body: bytes, context: TransferContext) -> str:
    """Return what tells one request from another: the body and the headers that change its course.

    Parts are encoded as a list, so that no two different requests spell the same bytes.
    """
    headers = (context.batch_id, context.registering_institution_id, context.payee_fsp_id)
    return hashlib.sha256(_encoder.encode((body.decode(), *headers))).hexdigest()
