"""A Zeebe gateway (real or ours) driven over gRPC, its records read from wherever they come."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import grpc
from pyzeebe.proto import gateway_pb2 as pb
from pyzeebe.proto import gateway_pb2_grpc as pb_grpc

from zeebe_compare.scenario import Json, Refused, Step, matches

SENTINEL = "zeebe-compare-sentinel"
_POLL_S = 0.05


class RecordFeed(Protocol):
    """All records of a partition from its beginning, growing."""

    def read(self) -> Sequence[Json]:
        """Return every record seen so far, in position order."""


class GrpcTarget:
    """One scenario on a running gateway.

    Records of one scenario lie between two sentinels (messages nobody waits for); the drawings of a
    scenario must use ids of their own.
    """

    _numbers = itertools.count()

    def __init__(self, channel: grpc.aio.Channel, feed: RecordFeed) -> None:
        self._stub: Any = pb_grpc.GatewayStub(channel)
        self._feed = feed
        self._begin = 0
        self._background: list[asyncio.Task[Any]] = []

    async def open(self) -> None:
        """Note where this scenario's records begin."""
        self._begin = await self._sentinel()

    async def close(self) -> None:
        """End what still runs in the background."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    async def deploy(self, files: Mapping[str, bytes]) -> None:
        resources = [pb.Resource(name=name, content=data) for name, data in files.items()]
        await self._call("DeployResource", pb.DeployResourceRequest(resources=resources))

    async def create(self, step: Step) -> int:
        answer = await self._call("CreateProcessInstance", _creation(step))
        return int(answer.processInstanceKey)

    async def create_with_result(self, step: Step) -> None:
        request = pb.CreateProcessInstanceWithResultRequest(
            request=_creation(step), requestTimeout=60_000, fetchVariables=step.get("fetch", [])
        )
        call = self._call("CreateProcessInstanceWithResult", request)
        self._background.append(asyncio.create_task(call))
        wanted = {"intent": "CREATE_WITH_AWAITING_RESULT", "bpmnProcessId": step["process"]}
        await self.wait_until_written(wanted, 1, 10_000)

    async def activate(self, step: Step) -> Sequence[int]:
        request = pb.ActivateJobsRequest(
            type=step["type"],
            worker=step.get("worker", "worker"),
            timeout=step.get("timeout_ms", 600_000),
            maxJobsToActivate=step.get("max", 10),
            fetchVariable=step.get("fetch", []),
            requestTimeout=-1,
        )
        try:
            return [
                job.key async for answer in self._stub.ActivateJobs(request) for job in answer.jobs
            ]
        except grpc.aio.AioRpcError as error:
            raise _refused(error) from error

    async def stream(self, step: Step) -> None:
        request = pb.StreamActivatedJobsRequest(
            type=step["type"],
            worker=step.get("worker", "worker"),
            timeout=step.get("timeout_ms", 600_000),
            fetchVariable=step.get("fetch", []),
        )
        call = self._stub.StreamActivatedJobs(request)

        async def drain() -> None:
            async for _ in call:
                pass

        self._background.append(asyncio.create_task(drain()))
        await asyncio.sleep(1)  # nothing tells a client that its stream has reached the broker

    async def publish(self, step: Step) -> None:
        request = pb.PublishMessageRequest(
            name=step["name"],
            correlationKey=step.get("correlation_key", ""),
            timeToLive=step.get("ttl_ms", 0),
            messageId=step.get("message_id", ""),
            variables=json.dumps(step.get("variables", {})),
        )
        await self._call("PublishMessage", request)

    async def command(self, name: str, key: int, step: Step) -> None:
        await self._call(*_command(name, key, step))

    async def records(self) -> Sequence[Json]:
        seen = [record for record in self._feed.read() if record["position"] > self._begin]
        return [record for record in seen if not _is_sentinel(record)]

    async def wait_until_written(self, wanted: Json, count: int, within_ms: int) -> None:
        deadline = time.monotonic() + within_ms / 1000
        while sum(matches(record, wanted) for record in await self.records()) < count:
            assert time.monotonic() < deadline, f"no {count} x {wanted} within {within_ms} ms"
            await asyncio.sleep(_POLL_S)

    async def settle(self) -> None:
        await self._sentinel()

    async def _sentinel(self) -> int:
        """Publish a message nobody waits for; return its last position once it has come through."""
        mark = f"{os.getpid()}-{next(self._numbers)}"
        await self.publish({"name": SENTINEL, "correlation_key": mark})
        wanted = {"name": SENTINEL, "correlationKey": mark, "intent": "EXPIRED"}
        deadline = time.monotonic() + 30
        while True:
            found = [r["position"] for r in self._feed.read()[-2000:] if matches(r, wanted)]
            if found:
                return int(found[0])
            assert time.monotonic() < deadline, "the record stream does not arrive"
            await asyncio.sleep(_POLL_S)

    async def _call(self, method: str, request: Any) -> Any:
        try:
            return await getattr(self._stub, method)(request)
        except grpc.aio.AioRpcError as error:
            raise _refused(error) from error


def _refused(error: grpc.aio.AioRpcError) -> Refused:
    return Refused(error.code().name, error.details() or "")


def _is_sentinel(record: Json) -> bool:
    return matches(record, {"valueType": "MESSAGE", "name": SENTINEL})


def _creation(step: Step) -> pb.CreateProcessInstanceRequest:
    return pb.CreateProcessInstanceRequest(
        bpmnProcessId=step["process"],
        version=step.get("version", -1),
        variables=json.dumps(step.get("variables", {})),
    )


def _command(name: str, key: int, step: Step) -> tuple[str, Any]:
    variables = json.dumps(step.get("variables", {}))
    message = step.get("message", "")
    match name:
        case "complete":
            return "CompleteJob", pb.CompleteJobRequest(jobKey=key, variables=variables)
        case "fail":
            return "FailJob", pb.FailJobRequest(
                jobKey=key,
                retries=step["retries"],
                errorMessage=message,
                retryBackOff=step.get("backoff_ms", 0),
                variables=variables,
            )
        case "throw":
            return "ThrowError", pb.ThrowErrorRequest(
                jobKey=key, errorCode=step["code"], errorMessage=message, variables=variables
            )
        case "update_retries":
            return "UpdateJobRetries", pb.UpdateJobRetriesRequest(
                jobKey=key, retries=step["retries"]
            )
        case "cancel":
            return "CancelProcessInstance", pb.CancelProcessInstanceRequest(processInstanceKey=key)
        case "resolve":
            return "ResolveIncident", pb.ResolveIncidentRequest(incidentKey=key)
        case "set_variables":
            return "SetVariables", pb.SetVariablesRequest(
                elementInstanceKey=key, variables=variables, local=step.get("local", False)
            )
    raise ValueError(f"unknown step {name}")
