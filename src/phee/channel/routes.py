"""The routes under /channel: initiate a payment, ask what became of it, act on a stuck one."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, PathParameter
from msgspec import Meta

from phee.channel.initiation import Accepted, Initiator, TransferContext, transaction_id_of
from phee.channel.recovery import IncidentResolution, Recovery
from phee.channel.status import StatusReader, TransferStateAnswer
from phee.channel.transfer_request import FspId, TransferRequest
from phee.errors import NotSupported
from phee.web import (
    KEY_MAX,
    FieldProblem,
    HeaderParameters,
    InvalidFields,
    QueryParameters,
    TenantHeader,
    TenantResolver,
    read_headers,
    read_query,
)
from phee.web.position import POSITION_HEADER, FreshHeaders, FreshQuery, wanted_position
from phee.web.routing import COMMAND_ERRORS, READ_ERRORS, Handlers, commanding, reading

CORRELATION_HEADER = "X-CorrelationID"
REPEATED_HEADER = "X-Phee-Repeated"

AnyRequest = Request[Any, Any, State]
CORRELATION_PATTERN = r"^[A-Za-z0-9._:~-]{1,128}$"
CorrelationId = Annotated[
    str,
    Meta(
        pattern=CORRELATION_PATTERN,
        description="names this payment; sending it again with the same body changes nothing",
        examples=["123e4567-e89b-12d3-a456-426614174000"],
    ),
]
Reference = Annotated[str, Meta(pattern=CORRELATION_PATTERN)]
TransactionId = Annotated[
    uuid.UUID, PathParameter(description="as the answer to the payment named it")
]
CorrelationIdInPath = Annotated[
    str, PathParameter(pattern=CORRELATION_PATTERN, description="as it was sent with the payment")
]
InstanceKey = Annotated[int, PathParameter(ge=1, le=KEY_MAX, description="of the root instance")]


class TransferHeaders(HeaderParameters):
    """Headers of POST /channel/transfer beside the tenant."""

    correlation_id: CorrelationId | None = msgspec.field(default=None, name=CORRELATION_HEADER)
    batch_id: Reference | None = msgspec.field(default=None, name="X-BatchID")
    registering_institution_id: Reference | None = msgspec.field(
        default=None, name="X-Registering-Institution-ID"
    )
    payee_fsp_id: FspId | None = msgspec.field(default=None, name="X-PayeeDFSP-ID")


RequestType = Annotated[
    str,
    Meta(
        description="what the correlation id was sent with",
        extra_json_schema={"enum": ["transfers"]},
    ),
]


class RequestTypeHeader(HeaderParameters):
    """What kind of payment txnState is asked about."""

    request_type: RequestType | None = msgspec.field(default=None, name="requestType")


class StateQuery(FreshQuery):
    """Parameters of txnState, for those who cannot send headers."""

    request_type: RequestType | None = None


class TransferAccepted(msgspec.Struct, frozen=True, rename="camel"):
    """A payment that is on its way, durably."""

    transaction_id: Annotated[str, Meta(examples=["5d1cb4ad-4f3b-5a8f-8f0c-2f1d9b8a7c11"])]


class OperatorCommandAccepted(msgspec.Struct, frozen=True, rename="camel"):
    """An operator command whose effect is durable."""

    accepted: bool = True


class ChannelRoutes(Handlers):
    """Handlers over their explicit dependencies."""

    def __init__(
        self,
        tenants: TenantResolver,
        initiator: Initiator,
        status: StatusReader,
        recovery: Recovery,
    ) -> None:
        self._tenants = tenants
        self._initiator = initiator
        self._status = status
        self._recovery = recovery

    async def transfer(
        self, request: AnyRequest, data: JSONBody[TransferRequest]
    ) -> Response[TransferAccepted]:
        """Accept a payment. When this answers, the payment survives any crash of the hub.

        The same correlation id with the same body gets the first answer again (X-Phee-Repeated).
        """
        tenant = self._tenants.of(request)
        headers = read_headers(request, TransferHeaders)
        correlation_id = headers.correlation_id or str(uuid.uuid4())
        # An error answer carries the id too: with it the payment can be asked for or repeated.
        request.scope["state"]["correlation_id"] = correlation_id
        context = TransferContext(
            correlation_id,
            headers.batch_id,
            headers.registering_institution_id,
            headers.payee_fsp_id,
        )
        return _accepted(await self._initiator.transfer(tenant, data, context))

    async def transfer_state(
        self, request: AnyRequest, transaction_id: TransactionId
    ) -> TransferStateAnswer:
        """Tell what became of a transfer."""
        tenant = self._tenants.of(request)
        query = read_query(request, FreshQuery)
        after = wanted_position(request, query)
        return await self._status.by_transaction_id(tenant.id, str(transaction_id), after)

    async def correlated_state(
        self, request: AnyRequest, correlation_id: CorrelationIdInPath
    ) -> TransferStateAnswer:
        """Tell what became of the payment that was sent with this X-CorrelationID."""
        tenant = self._tenants.of(request)
        query = read_query(request, StateQuery)
        kind = read_headers(request, RequestTypeHeader).request_type or query.request_type
        _require_transfers(kind)
        after = wanted_position(request, query)
        return await self._status.by_correlation_id(
            tenant.id, correlation_id, after, transaction_id_of(tenant.id, correlation_id)
        )

    async def decide(
        self, request: AnyRequest, transaction_id: TransactionId, data: JSONBody[dict[str, Any]]
    ) -> Response[OperatorCommandAccepted]:
        """Send an operator's decision (variables) to the payment that waits for one."""
        tenant = self._tenants.of(request)
        read_query(request, QueryParameters)
        position = await self._recovery.decide(tenant.id, str(transaction_id), data)
        headers = {POSITION_HEADER: str(position)} if position else {}
        return Response(OperatorCommandAccepted(), headers=headers)

    async def resolve(
        self, request: AnyRequest, data: JSONBody[IncidentResolution]
    ) -> OperatorCommandAccepted:
        """Resolve an incident: set variables, give new retries, try again."""
        await self._recovery.resolve(self._tenants.of(request).id, data)
        return OperatorCommandAccepted()

    async def cancel(
        self, request: AnyRequest, workflow_instance_key: InstanceKey
    ) -> OperatorCommandAccepted:
        """Stop a payment where it is; nothing that happened is undone."""
        await self._recovery.cancel(self._tenants.of(request).id, workflow_instance_key)
        return OperatorCommandAccepted()


def routes(
    tenants: TenantResolver, initiator: Initiator, status: StatusReader, recovery: Recovery
) -> Router:
    """Return the routes under /channel."""
    channel = ChannelRoutes(tenants, initiator, status, recovery)
    return Router(
        "/channel",
        tags=["channel"],
        route_handlers=[
            commanding(
                "/transfer",
                channel.transfer,
                summary="Make a payment",
                reads=[TenantHeader, TransferHeaders],
                errors=[*COMMAND_ERRORS, 409],
                answer_headers=_TRANSFER_ANSWER_HEADERS,
                example=_TRANSFER_EXAMPLE,
            ),
            reading(
                "/transfer/{transaction_id:str}",
                channel.transfer_state,
                summary="What became of a payment",
                reads=[TenantHeader, FreshHeaders, FreshQuery],
            ),
            reading(
                "/txnState/{correlation_id:str}",
                channel.correlated_state,
                summary="What became of a payment, by correlation id",
                reads=[TenantHeader, RequestTypeHeader, FreshHeaders, StateQuery],
                errors=[*READ_ERRORS, 501],
            ),
            *_operator_commands(channel),
        ],
    )


def _operator_commands(channel: ChannelRoutes) -> list[HTTPRouteHandler]:
    return [
        commanding(
            "/transaction/{transaction_id:str}/resolve",
            channel.decide,
            summary="Send an operator's decision",
            reads=[TenantHeader],
            example={"operatorManualOverride": True},
        ),
        commanding(
            ["/job/resolve", "/workflow/resolve"],
            channel.resolve,
            summary="Resolve an incident",
            reads=[TenantHeader],
            example=_RESOLUTION_EXAMPLE,
            errors=[*COMMAND_ERRORS, 409],
        ),
        commanding(
            "/workflow/{workflow_instance_key:str}/cancel",
            channel.cancel,
            summary="Cancel a payment's flow",
            reads=[TenantHeader],
        ),
    ]


def _msisdn(number: str) -> dict[str, Any]:
    return {"partyIdInfo": {"partyIdType": "MSISDN", "partyIdentifier": number}}


_TRANSFER_EXAMPLE = {
    "payer": _msisdn("27710101999"),
    "payee": _msisdn("27713803912"),
    "amount": {"amount": "12.50", "currency": "USD"},
    "note": "Rent",
}
_RESOLUTION_EXAMPLE = {
    "incident": {
        "key": 2251799813685301,
        "elementInstanceKey": 2251799813685290,
        "jobKey": 2251799813685295,
        "newRetries": 3,
    },
    "variables": {},
}
_TRANSFER_ANSWER_HEADERS = {
    CORRELATION_HEADER: "the correlation id of the payment: the one sent, or a new one",
    POSITION_HEADER: "send it with a read that must see this payment",
    REPEATED_HEADER: "true when an earlier request had started this payment",
}


def _accepted(accepted: Accepted) -> Response[TransferAccepted]:
    headers: dict[str, str] = {}
    if accepted.position:
        headers[POSITION_HEADER] = str(accepted.position)
    if accepted.repeated:
        headers[REPEATED_HEADER] = "true"
    return Response(TransferAccepted(accepted.transaction_id), headers=headers)


def _require_transfers(request_type: str | None) -> None:
    if request_type == "transactionReq":
        raise NotSupported(
            "Request to pay is not offered yet",
            where="requestType",
            fix="Ask for requestType transfers",
        )
    if request_type != "transfers":
        what = "is missing" if request_type is None else "is not a kind of payment"
        raise InvalidFields([FieldProblem("requestType", what, "Send requestType: transfers")])
