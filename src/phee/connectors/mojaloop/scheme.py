"""Calls to the scheme, in the name of one tenant's FSP."""

from __future__ import annotations

from email.utils import formatdate
from urllib.parse import quote

from phee.connectors.failures import ErrorInformation
from phee.connectors.http import Answer, Http, to_json
from phee.connectors.mojaloop.messages import (
    ErrorBody,
    PartyAnswer,
    QuoteAnswer,
    QuoteRequest,
    TransferOutcome,
    TransferRequest,
    error_decoder,
    read,
    transfer_outcome_decoder,
)
from phee.connectors.settings import ConnectorSettings
from phee.errors import InvalidInput
from phee.workers import JobFailed

_ACCEPT = "application/vnd.interoperability.{}+json;version=1.1"
_TYPE = {name: _ACCEPT.format(name) for name in ("parties", "quotes", "transfers")}


class Scheme:
    """What this hub asks of the scheme, and answers to it.

    Every method raises Unavailable when no decision came back, and JobFailed (at once an incident)
    when the scheme does not take the message: then the message or the set-up is wrong.
    """

    def __init__(self, settings: ConnectorSettings, http: Http) -> None:
        self._http = http
        self._url = settings.scheme_url.rstrip("/")
        self._fsp_id = settings.fsp_id

    async def look_up(
        self, tenant_id: str, id_type: str, identifier: str, *, correlation_id: str
    ) -> None:
        """Ask who a party is; the answer comes as PUT /parties with the same correlation id."""
        path = party_path(id_type, identifier)
        headers = {"X-Correlation-ID": correlation_id}
        await self._tell(tenant_id, "GET", path, "parties", to="", more=headers)

    async def answer_lookup(
        self,
        tenant_id: str,
        to: str,
        id_type: str,
        identifier: str,
        answer: PartyAnswer | ErrorInformation,
        *,
        correlation_id: str,
    ) -> None:
        """Say who a party is, or that it is nobody."""
        path = party_path(id_type, identifier)
        headers = {"X-Correlation-ID": correlation_id}
        await self._put(tenant_id, path, "parties", to, answer, more=headers)

    async def request_quote(self, tenant_id: str, to: str, request: QuoteRequest) -> None:
        """Ask the payee's FSP for a quote."""
        await self._tell(tenant_id, "POST", "/quotes", "quotes", to=to, body=request)

    async def answer_quote(
        self, tenant_id: str, to: str, quote_id: str, answer: QuoteAnswer | ErrorInformation
    ) -> None:
        """Give a quote, or refuse one."""
        await self._put(tenant_id, f"/quotes/{_segment(quote_id)}", "quotes", to, answer)

    async def request_transfer(self, tenant_id: str, to: str, request: TransferRequest) -> None:
        """Ask for a transfer; for the same id again it happens once."""
        await self._tell(tenant_id, "POST", "/transfers", "transfers", to=to, body=request)

    async def answer_transfer(
        self,
        tenant_id: str,
        to: str,
        transfer_id: str,
        answer: TransferOutcome | ErrorInformation,
    ) -> None:
        """Fulfil a transfer, or refuse it."""
        await self._put(tenant_id, _transfer_path(transfer_id), "transfers", to, answer)

    async def transfer_outcome(self, tenant_id: str, transfer_id: str) -> TransferOutcome | None:
        """What the scheme knows of a transfer; None when it never accepted one of that id."""
        path = _transfer_path(transfer_id)
        answer = await self._send(tenant_id, "GET", path, "transfers", to="", accept=True)
        if answer.status == 404:
            return None
        _require_accepted(answer, "GET", "transfers")
        return read(answer.body, transfer_outcome_decoder, "answer of the scheme")

    async def _put(
        self,
        tenant_id: str,
        path: str,
        resource: str,
        to: str,
        answer: object,
        *,
        more: dict[str, str] | None = None,
    ) -> None:
        body = answer
        if isinstance(answer, ErrorInformation):
            path, body = f"{path}/error", ErrorBody(answer)
        await self._tell(tenant_id, "PUT", path, resource, to=to, body=body, more=more)

    async def _tell(
        self,
        tenant_id: str,
        method: str,
        path: str,
        resource: str,
        *,
        to: str,
        body: object = None,
        more: dict[str, str] | None = None,
    ) -> None:
        answer = await self._send(tenant_id, method, path, resource, to=to, body=body, more=more)
        _require_accepted(answer, method, resource)

    async def _send(
        self,
        tenant_id: str,
        method: str,
        path: str,
        resource: str,
        *,
        to: str,
        body: object = None,
        more: dict[str, str] | None = None,
        accept: bool = False,
    ) -> Answer:
        headers = {"FSPIOP-Source": self._fsp_id(tenant_id), "Date": formatdate(usegmt=True)}
        headers["Content-Type"] = _TYPE[resource]
        if to:
            headers["FSPIOP-Destination"] = to
        if accept or method != "PUT":
            headers["Accept"] = _TYPE[resource]
        if more:
            headers |= more
        content = None if body is None else to_json(body)
        return await self._http.send(method, self._url + path, headers, content)


def party_path(id_type: str, identifier: str) -> str:
    """The path of a party, with whatever its identifier contains made safe."""
    return f"/parties/{_segment(id_type)}/{_segment(identifier)}"


def _transfer_path(transfer_id: str) -> str:
    return f"/transfers/{_segment(transfer_id)}"


def _segment(text: str) -> str:
    return quote(text, safe="")


def _require_accepted(answer: Answer, method: str, resource: str) -> None:
    if answer.is_success:
        return
    try:
        error = read(answer.body, error_decoder, "answer").error_information
        reason = f"{error.error_code}: {error.error_description}"
    except InvalidInput:
        reason = f"HTTP {answer.status}"
    raise JobFailed(f"The scheme does not take {method} of {resource}: {reason}", retries=0)
