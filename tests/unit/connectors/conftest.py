"""Simulators to call, a client that records what it is told, and a way to run jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from payment_world import Outside, outside

from phee.commands import CreatedProcessInstance, PublishedMessage, RequestId
from phee.connectors import Http, handlers
from phee.errors import AlreadyExists
from phee.workers.testing import Outcome, run_handler


@dataclass
class RecordingClient:
    """Accepts commands as an orchestrator does, and keeps them."""

    created: list[dict[str, Any]] = field(default_factory=list)
    published: list[dict[str, Any]] = field(default_factory=list)
    fail_with: Exception | None = None
    _requests: dict[tuple[str, str], str] = field(default_factory=dict)
    _messages: set[tuple[str, ...]] = field(default_factory=set)

    async def create_instance(
        self,
        bpmn_process_id: str,
        variables: Mapping[str, Any],
        *,
        version: int = -1,
        tenant_id: str = "",
        request: RequestId | None = None,
    ) -> CreatedProcessInstance:
        self._fail()
        repeated = False
        if request is not None:
            digest = self._requests.setdefault((tenant_id, request.id), request.digest)
            if digest != request.digest:
                raise AlreadyExists("another request")
            repeated = any(each["request"] == request.id for each in self.created)
        if not repeated:
            self.created.append(
                {
                    "process": bpmn_process_id,
                    "variables": dict(variables),
                    "tenant": tenant_id,
                    "request": request.id if request else None,
                }
            )
        return CreatedProcessInstance(1, 1, bpmn_process_id, 1, tenant_id, 1, repeated=repeated)

    async def publish_message(
        self,
        name: str,
        correlation_key: str,
        variables: Mapping[str, Any],
        *,
        time_to_live_ms: int,
        message_id: str = "",
        tenant_id: str = "",
    ) -> PublishedMessage:
        self._fail()
        assert time_to_live_ms >= 30_000
        identity = (name, correlation_key, message_id, tenant_id)
        if identity in self._messages:
            raise AlreadyExists("buffered already")
        self._messages.add(identity)
        self.published.append(
            {
                "name": name,
                "key": correlation_key,
                "variables": dict(variables),
                "tenant": tenant_id,
            }
        )
        return PublishedMessage(1, tenant_id, 1)

    def _fail(self) -> None:
        if self.fail_with is not None:
            raise self.fail_with


@pytest.fixture
def client() -> RecordingClient:
    return RecordingClient()


@dataclass
class Jobs:
    """Runs jobs by type."""

    by_type: dict[str, Any]

    async def run(
        self, job_type: str, variables: Mapping[str, Any], tenant_id: str = "rhino", **options: Any
    ) -> Outcome:
        return await run_handler(self.by_type[job_type], variables, tenant_id=tenant_id, **options)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Outside]:
    async with outside(tmp_path) as running:
        await running.set_up(callback_url="http://127.0.0.1:9/switch")  # nobody listens there
        yield running


@pytest.fixture
async def jobs(world: Outside, client: RecordingClient) -> AsyncIterator[Jobs]:
    settings = world.settings()
    async with Http(settings) as http:
        yield Jobs({each.type: each for each in handlers(settings, client, http)})  # type: ignore[arg-type]
