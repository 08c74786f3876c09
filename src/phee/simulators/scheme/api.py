"""The scheme over HTTP: FSPIOP resources, and ``/scheme/...`` for set-up and proofs.

``GET /transfers/{id}`` is answered at once (FSPIOP answers it with a callback); everything else is
accepted with 202 or 200 once it is on disk, and answered with callbacks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from phee.errors import InvalidInput, NotFound, PheeError, Unavailable
from phee.simulators.config import CallbackKind, FaultRates, check_rates
from phee.simulators.http import answering, decode, json_response, read_body
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

    def routes(self) -> list[web.RouteDef]:
        """Everything the scheme serves."""
        served = [
            web.post("/transfers", self.prepare),
            web.put("/transfers/{id}", self.fulfil),
            web.post("/quotes", self.request_quote),
            web.put("/quotes/{id}", self.answer_quote),
            web.get("/parties/{type}/{id}", self.look_up, allow_head=False),
            web.put("/parties/{type}/{id}", self.answer_lookup),
            web.get("/transfers/{id}", self.transfer_state, allow_head=False),
            web.put("/transfers/{id}/error", self.refuse),
            web.put("/quotes/{id}/error", self.answer_quote),
            web.put("/parties/{type}/{id}/error", self.answer_lookup),
            web.post("/scheme/participants", self.add_participants),
            web.post("/scheme/parties", self.add_parties),
            web.put("/scheme/faults", self.set_faults),
            web.get("/scheme/totals", self.totals, allow_head=False),
        ]
        return [
            web.RouteDef(
                each.method, each.path, answering(each.handler, error_response), each.kwargs
            )
            for each in served
        ]

    # -- FSPIOP --------------------------------------------------------------------------------

    async def look_up(self, request: web.Request) -> web.Response:
        """GET /parties/{type}/{id}."""
        info = request.match_info
        self._scheme.look_up(_message(request), info["type"], info["id"], request.rel_url.raw_path)
        return await self._accepted("parties", 202)

    async def answer_lookup(self, request: web.Request) -> web.Response:
        """PUT /parties/{type}/{id}, and /error."""
        message = _message(request, await request.read())
        self._scheme.answer_lookup(message, request.match_info["id"], request.rel_url.raw_path)
        return await self._accepted("parties", 200)

    async def request_quote(self, request: web.Request) -> web.Response:
        """POST /quotes."""
        body = await request.read()
        quote = decode(body, self._quote_body)
        self._scheme.request_quote(_message(request, body), quote)
        return await self._accepted("quotes", 202)

    async def answer_quote(self, request: web.Request) -> web.Response:
        """PUT /quotes/{id}, and /error."""
        message = _message(request, await request.read())
        self._scheme.answer_quote(message, request.match_info["id"], request.rel_url.raw_path)
        return await self._accepted("quotes", 200)

    async def prepare(self, request: web.Request) -> web.Response:
        """POST /transfers."""
        body = await request.read()
        transfer = decode(body, self._transfer_body)
        self._scheme.prepare(_message(request, body), transfer)
        return await self._accepted("transfers", 202)

    async def fulfil(self, request: web.Request) -> web.Response:
        """PUT /transfers/{id}."""
        answer = await read_body(request, self._fulfilment_body)
        self._scheme.fulfil(_message(request), request.match_info["id"], answer)
        return await self._accepted("transfers", 200)

    async def refuse(self, request: web.Request) -> web.Response:
        """PUT /transfers/{id}/error."""
        error = await read_body(request, self._error_body)
        message = _message(request)
        self._scheme.refuse(message, request.match_info["id"], error.error_information)
        return await self._accepted("transfers", 200)

    async def transfer_state(self, request: web.Request) -> web.Response:
        """GET /transfers/{id}: certain once answered."""
        transfer = self._scheme.transfers.get(request.match_info["id"])
        self._scheme.transfers.expire_if_due(transfer)
        await self._scheme.journal.durable()
        self._count("transfers")
        return json_response(outcome_of(transfer))

    # -- set-up and proofs ---------------------------------------------------------------------

    async def add_participants(self, request: web.Request) -> web.Response:
        """Who takes part, and where their callbacks go."""
        self._scheme.directory.add_participants(await read_body(request, self._participants_body))
        return await self._accepted("set-up", 200)

    async def add_parties(self, request: web.Request) -> web.Response:
        """Whose customer a party is."""
        self._scheme.directory.add_parties(await read_body(request, self._parties_body))
        return await self._accepted("set-up", 200)

    async def set_faults(self, request: web.Request) -> web.Response:
        """Replace the fault rates, until the process ends."""
        rates = await read_body(request, self._rates_body)
        check_rates(rates)
        self._scheme.faults.rates = dict(rates)
        return await self._accepted("set-up", 200)

    async def totals(self, _request: web.Request) -> web.Response:
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

    async def _accepted(self, resource: str, status: int) -> web.Response:
        await self._scheme.journal.durable()
        self._count(resource)
        return web.Response(status=status)


def error_response(error: PheeError) -> web.Response:
    """An error as FSPIOP reports it."""
    information = ErrorInformation(_fspiop_code(error), str(error))
    return json_response(ErrorBody(information), status=error.http_status)


def _fspiop_code(error: PheeError) -> str:
    if isinstance(error, NotFound):
        return "3208"
    if isinstance(error, InvalidInput):
        return "3100"
    return "2003" if isinstance(error, Unavailable) else "2001"


def _message(request: web.Request, body: bytes = b"") -> Message:
    headers = request.headers
    source = headers.get("FSPIOP-Source")
    if not source:
        raise InvalidInput("the header is missing", where="FSPIOP-Source")
    return Message(
        source,
        headers.get("FSPIOP-Destination", ""),
        headers.get("X-Correlation-ID", ""),
        headers.get("Content-Type", ""),
        body,
    )
