"""What the scheme sends to the hub: FSPIOP requests and answers, served as one ASGI application.

Each request becomes one durable command (start a flow, or publish a message) before it is
answered. The scheme may send everything more than once: flows are started under a request id and
messages carry an id, both made of the resource's id, so repetitions change nothing. (Lookups are
the exception: one more lookup does no harm, and its answer may have been lost.)

It is plain ASGI because six requests of every payment pass here; mount it with :func:`mount`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import structlog
from litestar import asgi
from litestar.handlers import ASGIRouteHandler

from phee.commands import RequestId
from phee.connectors.failures import MODIFIED_REQUEST, ErrorInformation
from phee.connectors.http import to_json
from phee.connectors.mojaloop.ilp import unpack
from phee.connectors.mojaloop.messages import (
    ABORTED,
    COMMITTED,
    ErrorBody,
    TransferOutcome,
    epoch_ms,
    error_decoder,
    party_answer_decoder,
    quote_answer_decoder,
    quote_request_decoder,
    read,
    transfer_outcome_decoder,
    transfer_request_decoder,
)
from phee.connectors.mojaloop.publishing import Publisher
from phee.errors import (
    AlreadyExists,
    InputTooLarge,
    InvalidInput,
    NotFound,
    PheeError,
    Unavailable,
)
from phee.gateway.client import OrchestratorClient

MAX_BODY_BYTES = 200_000
_MAX_ID_LENGTH = 128

_log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Recipient:
    """The tenant a message is for; ``variables`` go into every flow it starts (its durations)."""

    tenant_id: str
    variables: Mapping[str, Any]


Resolve = Callable[[str], Recipient]
"""From an FSP id to the tenant of that name; raises NotFound for others."""


@dataclass(frozen=True, slots=True)
class Message:
    """One request of the scheme; ``path`` are its decoded segments below the mount."""

    method: str
    path: tuple[str, ...]
    headers: Mapping[bytes, bytes]
    body: bytes

    def header(self, name: str) -> str:
        """A header that must be there.

        Raises:
            InvalidInput: it is not, or makes no sense.
        """
        value = self.headers.get(name.lower().encode(), b"").decode("latin-1")
        if not value or len(value) > _MAX_ID_LENGTH:
            raise InvalidInput("the header is missing or too long", where=name)
        return value

    @property
    def text(self) -> str:
        """The body as it came."""
        return self.body.decode()


class SwitchInbound:
    """The ASGI application; mounted at a prefix, which it cuts off."""

    def __init__(
        self,
        client: OrchestratorClient,
        resolve: Resolve,
        *,
        message_ttl_ms: int = 60_000,
        prefix: str = "/switch",
    ) -> None:
        self._client = client
        self._resolve = resolve
        self._publisher = Publisher(client, message_ttl_ms)
        self._prefix = prefix
        # (method, resource, further segments, an error) -> handler
        self._routes: dict[tuple[str, str, int, bool], _Handler] = {
            ("GET", "parties", 2, False): self._look_up,
            ("PUT", "parties", 2, False): self._party_found,
            ("PUT", "parties", 2, True): self._party_error,
            ("POST", "quotes", 0, False): self._quote_asked,
            ("PUT", "quotes", 1, False): self._quote_given,
            ("PUT", "quotes", 1, True): self._quote_error,
            ("POST", "transfers", 0, False): self._transfer_asked,
            ("PUT", "transfers", 1, False): self._transfer_outcome,
            ("PUT", "transfers", 1, True): self._transfer_error,
            ("PATCH", "transfers", 1, False): self._transfer_news,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            path = _segments(scope, self._prefix)
            body = await _read_body(receive)
            message = Message(scope["method"], path, dict(scope["headers"]), body)
            await self._route(message)(message, self._recipient(message))
        except PheeError as error:
            await _answer(send, error.http_status, to_json(_error_body(error)))
        else:
            await _answer(send, 200 if scope["method"] in ("PUT", "PATCH") else 202, b"")

    def _route(self, message: Message) -> _Handler:
        path = message.path
        is_error = len(path) > 1 and path[-1] == "error"
        arguments = len(path) - 1 - is_error
        handler = self._routes.get((message.method, path[0], arguments, is_error))
        if handler is None:
            raise NotFound("no such resource", fix="See the FSPIOP resources this hub serves")
        if any(not 0 < len(each) <= _MAX_ID_LENGTH for each in path):
            raise InvalidInput("an identifier is empty or too long", where="path")
        return handler

    def _recipient(self, message: Message) -> Recipient:
        return self._resolve(message.header("FSPIOP-Destination"))

    # -- parties -------------------------------------------------------------------------------

    async def _look_up(self, message: Message, recipient: Recipient) -> None:
        _, id_type, identifier = message.path
        await self._client.create_instance(
            f"PayeePartyLookup-{recipient.tenant_id}",
            {
                "tenantId": recipient.tenant_id,
                "transactionId": message.header("X-Correlation-ID"),
                "partyIdType": id_type,
                "partyId": identifier,
                "initiatorFspId": message.header("FSPIOP-Source"),
                "originDate": _now_ms(),
            },
            tenant_id=recipient.tenant_id,
        )

    async def _party_found(self, message: Message, recipient: Recipient) -> None:
        info = read(message.body, party_answer_decoder, "body").party.party_id_info
        fsp_id = info.fsp_id or message.header("FSPIOP-Source")
        found = {"partyLookupFailed": False, "partyLookupFspId": fsp_id}
        await self._publish_lookup(message, recipient, found)

    async def _party_error(self, message: Message, recipient: Recipient) -> None:
        failed = {"partyLookupFailed": True, "errorInformation": _error_text(message)}
        await self._publish_lookup(message, recipient, failed)

    async def _publish_lookup(
        self, message: Message, recipient: Recipient, variables: dict[str, Any]
    ) -> None:
        transaction_id = message.header("X-Correlation-ID")
        await self._publish("party-lookup", transaction_id, variables, recipient)

    # -- quotes --------------------------------------------------------------------------------

    async def _quote_asked(self, message: Message, recipient: Recipient) -> None:
        request = read(message.body, quote_request_decoder, "body")
        payee = request.payee.party_id_info
        variables = {
            "tenantId": recipient.tenant_id,
            "transactionId": _id(request.transaction_id),
            "partyIdType": payee.party_id_type,
            "partyId": payee.party_identifier,
            "quoteId": _id(request.quote_id),
            "quoteSwitchRequest": message.text,
            "initiatorFspId": message.header("FSPIOP-Source"),
            "originDate": _now_ms(),
            **recipient.variables,
        }
        digest = hashlib.sha256(message.body).hexdigest()
        try:
            await self._client.create_instance(
                f"PayeeQuoteTransfer-{recipient.tenant_id}",
                variables,
                tenant_id=recipient.tenant_id,
                request=RequestId(f"quote/{request.quote_id}", digest),
            )
        except AlreadyExists:
            raise ModifiedRequest(MODIFIED_REQUEST.error_description, where="quoteId") from None

    async def _quote_given(self, message: Message, recipient: Recipient) -> None:
        read(message.body, quote_answer_decoder, "body")
        variables = {"quoteFailed": False, "payeeQuoteResponse": message.text}
        await self._publish("quote-callback", message.path[1], variables, recipient)

    async def _quote_error(self, message: Message, recipient: Recipient) -> None:
        variables = {"quoteFailed": True, "errorInformation": _error_text(message)}
        await self._publish("quote-error", message.path[1], variables, recipient)

    # -- transfers -----------------------------------------------------------------------------

    async def _transfer_asked(self, message: Message, recipient: Recipient) -> None:
        request = read(message.body, transfer_request_decoder, "body")
        transaction_id = _id(unpack(request.ilp_packet).transaction_id)
        variables = {
            "switchTransferRequest": message.text,
            "transferExpired": epoch_ms(request.expiration) <= _now_ms(),
        }
        await self._publish("transfer-message", transaction_id, variables, recipient)

    async def _transfer_outcome(self, message: Message, recipient: Recipient) -> None:
        outcome = read(message.body, transfer_outcome_decoder, "body")
        if outcome.transfer_state == COMMITTED:
            if outcome.fulfilment is None:
                raise InvalidInput("a committed transfer has a fulfilment", where="fulfilment")
            variables = {"transferFailed": False, "fulfilment": outcome.fulfilment}
            await self._publish_outcome(message, recipient, COMMITTED, variables)
        elif outcome.transfer_state == ABORTED:
            variables = {"transferFailed": True, "errorInformation": _reason(outcome)}
            await self._publish_outcome(message, recipient, ABORTED, variables)

    async def _transfer_error(self, message: Message, recipient: Recipient) -> None:
        error = read(message.body, error_decoder, "body").error_information
        if error.error_code == MODIFIED_REQUEST.error_code:
            # It speaks of our request, not of the transfer, which may still be committed: the
            # flow learns its outcome by asking.
            _log.error("scheme_saw_two_requests_under_one_id", tenant_id=recipient.tenant_id)
            return
        variables = {"transferFailed": True, "errorInformation": error.as_text()}
        await self._publish_outcome(message, recipient, ABORTED, variables)

    async def _publish_outcome(
        self, message: Message, recipient: Recipient, state: str, variables: dict[str, Any]
    ) -> None:
        variables["transferState"] = state
        await self._publish("transfer-response", message.path[1], variables, recipient, state)

    async def _transfer_news(self, message: Message, recipient: Recipient) -> None:
        state = read(message.body, transfer_outcome_decoder, "body").transfer_state
        if state in (COMMITTED, ABORTED):
            variables = {"transferState": state}
            await self._publish("transfer-committed", message.path[1], variables, recipient, state)

    async def _publish(
        self,
        name: str,
        key: str,
        variables: dict[str, Any],
        recipient: Recipient,
        state: str = "",
    ) -> None:
        await self._publisher.publish(
            name,
            key,
            variables,
            message_id=f"{key}/{name}/{state}",
            tenant_id=recipient.tenant_id,
        )


_Handler = Callable[[Message, Recipient], Awaitable[None]]


class ModifiedRequest(InvalidInput):
    """An id that was used for something else."""

    code = "modified-request"


def mount(application: SwitchInbound, path: str = "/switch") -> ASGIRouteHandler:
    """A route for Litestar that leaves everything below ``path`` to ``application``."""

    async def switch(scope: Any, receive: Any, send: Any) -> None:
        await application(scope, receive, send)

    return asgi(path, is_mount=True, copy_scope=False)(switch)


def _segments(scope: Scope, prefix: str) -> tuple[str, ...]:
    """Path segments below the prefix, each decoded by itself: an identifier may hold a slash."""
    raw = scope.get("raw_path")
    path: str = raw.decode("latin-1").partition("?")[0] if raw else scope["path"]
    return tuple(unquote(each) for each in path.removeprefix(prefix).strip("/").split("/"))


async def _read_body(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise Unavailable("the scheme hung up before its message was complete")
        body += event.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise InputTooLarge(f"the body is over {MAX_BODY_BYTES} bytes")
        if not event.get("more_body"):
            return body


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    if body:
        headers.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _error_body(error: PheeError) -> ErrorBody:
    return ErrorBody(ErrorInformation(_fspiop_code(error), str(error)))


def _fspiop_code(error: PheeError) -> str:
    if isinstance(error, ModifiedRequest):
        return MODIFIED_REQUEST.error_code
    if isinstance(error, NotFound):
        return "3201"
    if isinstance(error, InvalidInput):
        return "3100"
    return "2003" if error.http_status in (429, 503, 504) else "2001"


def _error_text(message: Message) -> str:
    return read(message.body, error_decoder, "body").error_information.as_text()


def _reason(outcome: TransferOutcome) -> str:
    return (outcome.error_information or ErrorBody().error_information).as_text()


def _id(identifier: str) -> str:
    if not 0 < len(identifier) <= _MAX_ID_LENGTH:
        raise InvalidInput("an identifier is empty or too long", where="body")
    return identifier


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
