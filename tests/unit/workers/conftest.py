"""A client that hands out jobs on demand and keeps the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from phee.commands import ActivatedJob


class FakeSubscription:
    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.closed = False

    async def close(self) -> None:
        self.closed = True


class FakeClient:
    """Answers are kept as (name, job key, details); ``failures`` are raised first, in order."""

    def __init__(self) -> None:
        self.subscriptions: dict[str, FakeSubscription] = {}
        self.answers: list[tuple[Any, ...]] = []
        self.failures: list[Exception] = []
        self._keys = iter(range(1, 1000))

    async def subscribe_jobs(self, job_type: str, handler: Any, **options: Any) -> FakeSubscription:
        subscription = FakeSubscription(options | {"handler": handler})
        assert job_type not in self.subscriptions
        self.subscriptions[job_type] = subscription
        return subscription

    async def complete_job(self, job_key: int, variables: Any) -> None:
        self._answer("complete", job_key, variables)

    async def fail_job(self, job_key: int, **details: Any) -> None:
        self._answer("fail", job_key, details)

    async def throw_error(self, job_key: int, error_code: str, **details: Any) -> None:
        self._answer("throw", job_key, {"error_code": error_code} | details)

    def _answer(self, *answer: Any) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.answers.append(answer)

    def give(
        self,
        job_type: str,
        variables: dict[str, Any] | None = None,
        *,
        retries: int = 3,
        tenant_id: str = "<default>",
        names: Sequence[str] = (),
    ) -> asyncio.Task[None]:
        """Hand one job to whoever serves ``job_type``."""
        key = next(self._keys)
        job = ActivatedJob(
            key=key,
            type=job_type,
            process_instance_key=100,
            bpmn_process_id="payment",
            process_definition_version=1,
            process_definition_key=99,
            element_id="task",
            element_instance_key=101,
            custom_headers={"h": "1"},
            worker="w",
            retries=retries,
            deadline=4_102_444_800_000,
            variables=variables or {},
            tenant_id=tenant_id,
        )
        return asyncio.ensure_future(self.subscriptions[job_type].options["handler"](job))


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()
