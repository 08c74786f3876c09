"""The scheme over HTTP: FSPIOP resources, and ``/scheme/...`` for set-up and proofs.

``GET /transfers/{id}`` is answered at once (FSPIOP answers it with a callback); everything else is
accepted with 202 or 200 once it is on disk, and answered with callbacks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from phee.errors import InvalidInput, NotFound, PheeError, Unavailable
from phee.simulators.config import CallbackKind, FaultRates, check_rates
from phee.simulators.http import answering, decode, json_response
from phee.simulators.http_server import Request, Response, Route
from phee.simulators.money import to_text
from phee.simulators.scheme.messages import (
    ErrorBody,
    ErrorInformation,
    Fulfilment,
    ParticipantSeed,
    PartySeed,
    QuoteRequest,
    TransferRequest,
)
from phee.simulators.scheme.scheme import Message, Scheme, outcome_of

Count = Callable[[str], None]
"""Counts a request by its resource."""


class SchemeApi:
    """HTTP in front of one :class:`Scheme`."""

    def __init__(self, scheme: Scheme, count: Count) -> None:
        self._scheme = scheme
        self._count = count
        self._quote_body = msgspec.json.Decoder(QuoteRequest)
        self._transfer_body = msgspec.json.Decoder(TransferRequest)
        self._fulfilment_body = msgspec.json.Decoder(Fulfilment)
        self._error_body = msgspec.json.Decoder(ErrorBody)
        self._participants_body = msgspec.json.Decoder(list[ParticipantSeed])
        self._parties_body = msgspec.json.Decoder(list[PartySeed])
        self._rates_body = msgspec.json.Decoder(dict[CallbackKind, FaultRates])

    def routes(self) -> list[Route]:
        """Everything the scheme serves."""
        served = [
            Route("POST", "/transfers", self.prepare),
            Route("PUT", "/transfers/{id}", self.fulfil),
            Route("POST", "/quotes", self.request_quote),
            Route("PUT", "/quotes/{id}", self.answer_quote),
            Route("GET", "/parties/{type}/{id}", self.look_up),
            Route("PUT", "/parties/{type}/{id}", self.answer_lookup),
            Route("GET", "/transfers/{id}", self.transfer_state),
            Route("PUT", "/transfers/{id}/error", self.refuse),
            Route("PUT", "/quotes/{id}/error", self.answer_quote),
            Route("PUT", "/parties/{type}/{id}/error", self.answer_lookup),
            Route("POST", "/scheme/participants", self.add_participants),
            Route("POST", "/scheme/parties", self.add_parties),
            Route("PUT", "/scheme/faults", self.set_faults),
            Route("GET", "/scheme/totals", self.totals),
        ]
        return [
            Route(each.method, each.path, answering(each.handler, error_response))
            for each in served
        ]

    # -- FSPIOP --------------------------------------------------------------------------------

    async def look_up(self, request: Request) -> Response:
        """GET /parties/{type}/{id}."""
        info = request.path_values
        self._scheme.look_up(_message(request), info["type"], info["id"], request.raw_path)
        return await self._accepted("parties", 202)

    async def answer_lookup(self, request: Request) -> Response:
        """PUT /parties/{type}/{id}, and /error."""
        message = _message(request, request.body)
        self._scheme.answer_lookup(message, request.path_values["id"], request.raw_path)
        return await self._accepted("parties", 200)

    async def request_quote(self, request: Request) -> Response:
        """POST /quotes."""
        body = request.body
        quote = decode(body, self._quote_body)
        self._scheme.request_quote(_message(request, body), quote)
        return await self._accepted("quotes", 202)

    async def answer_quote(self, request: Request) -> Response:
        """PUT /quotes/{id}, and /error."""
        message = _message(request, request.body)
        self._scheme.answer_quote(message, request.path_values["id"], request.raw_path)
        return await self._accepted("quotes", 200)

    async def prepare(self, request: Request) -> Response:
        """POST /transfers."""
        body = request.body
        transfer = decode(body, self._transfer_body)
        self._scheme.prepare(_message(request, body), transfer)
        return await self._accepted("transfers", 202)

    async def fulfil(self, request: Request) -> Response:
        """PUT /transfers/{id}."""
        answer = decode(request.body, self._fulfilment_body)
        self._scheme.fulfil(_message(request), request.path_values["id"], answer)
        return await self._accepted("transfers", 200)

    async def refuse(self, request: Request) -> Response:
        """PUT /transfers/{id}/error."""
        error = decode(request.body, self._error_body)
        message = _message(request)
        self._scheme.refuse(message, request.path_values["id"], error.error_information)
        return await self._accepted("transfers", 200)

    async def transfer_state(self, request: Request) -> Response:
        """GET /transfers/{id}: certain once answered."""
        transfer = self._scheme.transfers.get(request.path_values["id"])
        self._scheme.transfers.expire_if_due(transfer)
        await self._scheme.journal.durable()
        self._count("transfers")
        return json_response(outcome_of(transfer))

    # -- set-up and proofs ---------------------------------------------------------------------

    async def add_participants(self, request: Request) -> Response:
        """Who takes part, and where their callbacks go."""
        self._scheme.directory.add_participants(decode(request.body, self._participants_body))
        return await self._accepted("set-up", 200)

    async def add_parties(self, request: Request) -> Response:
        """Whose customer a party is."""
        self._scheme.directory.add_parties(decode(request.body, self._parties_body))
        return await self._accepted("set-up", 200)

    async def set_faults(self, request: Request) -> Response:
        """Replace the fault rates, until the process ends."""
        rates = decode(request.body, self._rates_body)
        check_rates(rates)
        self._scheme.faults.rates = dict(rates)
        return await self._accepted("set-up", 200)

    async def totals(self, _request: Request) -> Response:
        """What was committed by currency and direction, transfers by state, callbacks to send."""
        await self._scheme.journal.durable()
        committed: list[dict[str, Any]] = [
            {
                "currency": currency,
                "payerFsp": payer,
                "payeeFsp": payee,
                "count": count,
                "amount": to_text(amount, currency),
            }
            for currency, payer, payee, count, amount in self._scheme.transfers.committed()
        ]
        states = {state: count for state, count in self._scheme.transfers.states.items() if count}
        pending = self._scheme.callbacks.pending
        return json_response({"committed": committed, "states": states, "callbacks": pending})

    async def _accepted(self, resource: str, status: int) -> Response:
        await self._scheme.journal.durable()
        self._count(resource)
        return Response(status=status)


def error_response(error: PheeError) -> Response:
    """An error as FSPIOP reports it."""
    information = ErrorInformation(_fspiop_code(error), str(error))
    return json_response(ErrorBody(information), status=error.http_status)


def _fspiop_code(error: PheeError) -> str:
    if isinstance(error, NotFound):
        return "3208"
    if isinstance(error, InvalidInput):
        return "3100"
    return "2003" if isinstance(error, Unavailable) else "2001"


def _message(request: Request, body: bytes = b"") -> Message:
    headers = request.headers
    source = headers.get("fspiop-source")
    if not source:
        raise InvalidInput("the header is missing", where="FSPIOP-Source")
    return Message(
        source,
        headers.get("fspiop-destination", ""),
        headers.get("x-correlation-id", ""),
        headers.get("content-type", ""),
        body,
    )
