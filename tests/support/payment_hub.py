"""A hub for tests in this event loop: engine, workers with connectors, and the inbound switch."""

from __future__ import annotations

import asyncio
import json
import socket
import time
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from litestar import Litestar
from payment_world import PAYEE, PAYER, Outside

from phee.connectors import Http, handlers
from phee.connectors.mojaloop.inbound import Recipient, SwitchInbound, mount
from phee.engine import Engine
from phee.errors import NotFound
from phee.gateway.client import Resource
from phee.gateway.embedded import EmbeddedClient
from phee.records.record import decode_block
from phee.records.types import IncidentIntent, ProcessInstanceIntent, ValueType
from phee.workers import Worker

TENANTS = ("rhino", "gorilla")
SHORT = {
    "responseTimeout": "PT1S",
    "payerDecisionTimeout": "PT5S",
    "transferWindow": "PT2S",
    "operatorRecheckInterval": "PT1S",
}


@dataclass
class Clock:
    """Real time, which a test can put forward."""

    ahead_ms: int = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms


@dataclass
class Hub:
    """What the test asks of the hub, and what its record log says."""

    engine: Engine
    client: EmbeddedClient
    clock: Clock
    ends: dict[int, list[str]] = field(default_factory=dict)
    processes: dict[int, str] = field(default_factory=dict)
    finished: set[int] = field(default_factory=set)
    visited: dict[int, list[str]] = field(default_factory=dict)
    incidents: list[str] = field(default_factory=list)
    _position: int = 0

    async def deploy(self, resources_by_tenant: dict[str, Iterable[Resource]]) -> None:
        for tenant_id, resources in resources_by_tenant.items():
            await self.client.deploy(list(resources), tenant_id=tenant_id)

    async def pay(
        self,
        amount: str = "12.50",
        *,
        payer: str = PAYER,
        payee: str = PAYEE,
        **variables: Any,
    ) -> int:
        """Start a payment of rhino's customer; the key of its process instance."""
        request = {
            "payer": _party(payer),
            "payee": _party(payee),
            "amount": {"amount": amount, "currency": "USD"},
            "transactionType": {"scenario": "TRANSFER", "initiator": "PAYER"},
        }
        transaction_id = variables.get("transactionId", str(uuid.uuid4()))
        created = await self.client.create_instance(
            "PayerFundTransfer-rhino",
            {
                "transactionId": transaction_id,
                "channelRequest": json.dumps(request),
                "originDate": self.clock(),
                "tenantId": "rhino",
                "initiatorFspId": "rhino",
                "amount": request["amount"],
                "currency": "USD",
                **SHORT,
                **variables,
            },
            tenant_id="rhino",
        )
        return created.process_instance_key

    async def advance(self, seconds: float) -> None:
        """Put the engine's clock forward and let what is due happen."""
        self.clock.ahead_ms += int(seconds * 1000)
        await self.engine.wake()

    def read(self) -> None:
        """Take in what the log has new."""
        while blocks := self.engine.log.read(self._position):
            for last, data in blocks:
                wanted = {int(ValueType.PROCESS_INSTANCE), int(ValueType.INCIDENT)}
                for record in decode_block(data).select(wanted):
                    if record.position > self._position:
                        self._take(record)
                self._position = last

    def _take(self, record: Any) -> None:
        value = record.value
        if record.value_type == ValueType.INCIDENT:
            if record.intent == IncidentIntent.CREATED:
                self.incidents.append(f"{value.element_id}: {value.error_message}")
            return
        key = value.process_instance_key
        self.processes[key] = value.bpmn_process_id
        if record.intent == ProcessInstanceIntent.ELEMENT_ACTIVATED:
            self.visited.setdefault(key, []).append(value.element_id)
        if record.intent == ProcessInstanceIntent.ELEMENT_COMPLETED:
            if value.bpmn_element_type == "END_EVENT":
                self.ends.setdefault(key, []).append(value.element_id)
            elif value.bpmn_element_type == "PROCESS":
                self.finished.add(key)

    async def end_of(self, key: int, *, timeout_s: float = 20) -> str:
        """The end event a payment comes to."""
        await self.wait_until(lambda: key in self.finished, timeout_s=timeout_s)
        [end] = self.ends[key]
        return end

    async def all_finished(self, *, timeout_s: float = 20) -> None:
        """Every instance has ended, those of the payee too."""
        await self.wait_until(lambda: set(self.processes) <= self.finished, timeout_s=timeout_s)

    async def wait_until(self, condition: Any, *, timeout_s: float = 20) -> None:
        async with asyncio.timeout(timeout_s):
            while True:
                self.read()
                if condition():
                    return
                await self.engine.log.wait_beyond(self._position, timeout_s=0.5)

    async def reached(self, key: int, element_id: str, *, times: int = 1) -> None:
        """The payment has come to that element so many times."""
        await self.wait_until(lambda: self.visited.get(key, []).count(element_id) >= times)

    def ends_of(self, process_id: str) -> list[str]:
        """Where the instances of a process ended."""
        self.read()
        return [
            end
            for key, ends in self.ends.items()
            if self.processes[key] == process_id
            for end in ends
        ]


def _party(number: str) -> dict[str, Any]:
    return {"partyIdInfo": {"partyIdType": "MSISDN", "partyIdentifier": number}}


@asynccontextmanager
async def hub(folder: Path, outside: Outside, **settings: Any) -> AsyncIterator[Hub]:
    """A running hub on ``folder``, its callbacks registered with the simulators."""
    async with AsyncExitStack() as stack:
        clock = Clock()
        engine = Engine.open(folder, clock=clock)
        await engine.start()
        stack.push_async_callback(engine.close)
        client = EmbeddedClient(engine)
        connector_settings = outside.settings(**settings)
        http = await stack.enter_async_context(Http(connector_settings))
        worker = Worker(client, handlers(connector_settings, client, http), tenant_ids=TENANTS)
        await worker.start()
        stack.push_async_callback(worker.close)
        url = await stack.enter_async_context(serving(SwitchInbound(client, _recipient)))
        await outside.set_up(callback_url=f"{url}/switch")
        yield Hub(engine, client, clock)


def _recipient(fsp_id: str) -> Recipient:
    if fsp_id not in TENANTS:
        raise NotFound("no such tenant")
    return Recipient(fsp_id, SHORT)


@asynccontextmanager
async def serving(application: SwitchInbound) -> AsyncIterator[str]:
    """The inbound switch on a free port, as the hub mounts it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            Litestar([mount(application)]), log_config=None, access_log=False, lifespan="off"
        )
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            with suppress(asyncio.CancelledError):
                await task
