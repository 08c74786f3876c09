"""Starts an instance for a request, and is killed at the step it was told; prints what it knows.

Steps: ``unsent`` (before the call), ``sent`` (the call left, no answer), ``answered`` (the answer
is here, not on disk), ``writing`` (within the commit of the answer), ``written`` (on disk, the
caller not told). With ``holding`` it takes a job and keeps it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from phee.commands import RequestId
from phee.gateway.grpc_client import GrpcClient
from phee.gateway.zeebe import ZeebeAddress, ZeebeClient
from phee.workers import Worker
from phee.workers.handler import JobHandler, job


def die(*_: Any) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def arm(client: ZeebeClient, step: str) -> None:
    """Make ``client`` die at ``step``."""
    grpc: GrpcClient = client._grpc
    registry = client._registry
    create, claim = grpc.create_instance, registry.claim

    async def dying_create(*arguments: Any, **options: Any) -> Any:
        if step == "unsent":
            die()
        call = asyncio.ensure_future(create(*arguments, **options))
        if step == "sent":
            await asyncio.sleep(0.05)
            die()
        created = await call
        print(created.process_instance_key, flush=True)
        if step == "answered":
            die()
        return created

    async def dying_claim(*arguments: Any) -> Any:
        if step == "writing":
            registry._database.set_trace_callback(lambda text: text == "COMMIT" and die())
        await claim(*arguments)
        die()

    grpc.create_instance = dying_create  # type: ignore[assignment]
    registry.claim = dying_claim  # type: ignore[method-assign]


def holding(job_type: str) -> JobHandler:
    @job(job_type, timeout_ms=1_500)
    async def hold(job: Any) -> None:
        print(job.operation_id, flush=True)
        await asyncio.sleep(60)

    return hold


async def main(target: str, folder: Path, step: str, name: str) -> None:
    client = ZeebeClient(ZeebeAddress(target), folder, tenant_known={"rhino"}.__contains__)
    if step == "holding":
        worker = Worker(client, [holding(name)], tenant_ids=["rhino"], operation_scope="epoch")
        await worker.start()
        await asyncio.sleep(60)
    arm(client, step)
    request = RequestId(f"request-of-{name}", "digest")
    await client.create_instance(name, {"n": 1}, tenant_id="rhino", request=request)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]))
