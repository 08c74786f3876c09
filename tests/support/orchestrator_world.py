"""Small drawings, and an inbox for jobs, for tests of an orchestrator through the client port."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from typing import Any
from xml.sax.saxutils import quoteattr

from phee.commands import ActivatedJob, Resource
from phee.errors import NotFound
from phee.gateway.client import OrchestratorClient


def _task(node_id: str, job_type: str, flows: str) -> str:
    return (
        f'<serviceTask id="{node_id}"><extensionElements>'
        f'<zeebe:taskDefinition type={quoteattr(job_type)} retries="3"/>'
        '<zeebe:taskHeaders><zeebe:header key="bank" value="north"/></zeebe:taskHeaders>'
        f"</extensionElements>{flows}</serviceTask>"
    )


def _catch(node_id: str, flows: str) -> str:
    return (
        f'<intermediateCatchEvent id="{node_id}">{flows}'
        f'<messageEventDefinition messageRef="m-{node_id}"/></intermediateCatchEvent>'
    )


def _message(node_id: str, name: str) -> str:
    return (
        f'<message id="m-{node_id}" name={quoteattr(name)}><extensionElements>'
        '<zeebe:subscription correlationKey="=id"/></extensionElements></message>'
    )


def _flow(number: int, source: str, target: str) -> str:
    return f'<sequenceFlow id="f{number}" sourceRef="{source}" targetRef="{target}"/>'


def _definitions(process_id: str, content: str, outside: str) -> Resource:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
        'xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="d" targetNamespace="t">'
        f'{outside}<process id={quoteattr(process_id)} isExecutable="true">{content}</process>'
        "</definitions>"
    )
    return Resource(f"{process_id}.bpmn", text.encode())


def drawing(process_id: str, *elements: str) -> Resource:
    """A straight line of elements: a job type, or ``message:NAME`` (by variable ``id``)."""
    names = ["start", *(f"e{number}" for number in range(len(elements))), "end"]
    body = ['<startEvent id="start"><outgoing>f0</outgoing></startEvent>']
    messages = []
    for number, element in enumerate(elements):
        kind, _, name = element.rpartition(":")
        flows = f"<incoming>f{number}</incoming><outgoing>f{number + 1}</outgoing>"
        if kind == "message":
            messages.append(_message(f"e{number}", name))
            body.append(_catch(f"e{number}", flows))
        else:
            body.append(_task(f"e{number}", name, flows))
    body.append(f'<endEvent id="end"><incoming>f{len(elements)}</incoming></endEvent>')
    body += [_flow(number, *ends) for number, ends in enumerate(pairwise(names))]
    return _definitions(process_id, "".join(body), "".join(messages))


def catching(name: Callable[[str], str] = str) -> Resource:
    """A task whose error NO_FUNDS is caught and mended, each under what ``name`` makes of it."""
    return _definitions(
        name("catching"),
        '<startEvent id="start"><outgoing>f0</outgoing></startEvent>'
        + _task("e0", name("risky"), "<incoming>f0</incoming><outgoing>f1</outgoing>")
        # The variables of an error stay in the event that catches it, unless they are mapped out.
        + '<boundaryEvent id="caught" attachedToRef="e0"><extensionElements><zeebe:ioMapping>'
        '<zeebe:output source="=errorCode" target="errorCode"/></zeebe:ioMapping>'
        "</extensionElements>"
        "<outgoing>f2</outgoing>"
        '<errorEventDefinition errorRef="err"/></boundaryEvent>'
        + _task("e1", name("mend"), "<incoming>f2</incoming><outgoing>f3</outgoing>")
        + '<endEvent id="end"><incoming>f1</incoming><incoming>f3</incoming></endEvent>'
        + _flow(0, "start", "e0")
        + _flow(1, "e0", "end")
        + _flow(2, "caught", "e1")
        + _flow(3, "e1", "end"),
        '<error id="err" name="err" errorCode="NO_FUNDS"/>',
    )


class Inbox:
    """Jobs by type as they come in, held until the test answers them.

    Types are given as in the drawing, before ``name`` made them new.
    """

    def __init__(self, client: OrchestratorClient, name: Callable[[str], str] = str) -> None:
        self._client = client
        self._name = name
        self._jobs: dict[str, asyncio.Queue[ActivatedJob]] = defaultdict(asyncio.Queue)
        self._subscriptions: list[Any] = []

    async def open(self, *job_types: str, **options: Any) -> None:
        settings = {"worker": "test", "timeout_ms": 60_000, "max_active": 32} | options
        for job_type in job_types:
            self._subscriptions.append(
                await self._client.subscribe_jobs(
                    self._name(job_type), self._jobs[job_type].put, **settings
                )
            )

    async def next(self, job_type: str) -> ActivatedJob:
        async with asyncio.timeout(10):
            return await self._jobs[job_type].get()

    def waiting(self, job_type: str) -> int:
        return self._jobs[job_type].qsize()

    async def close(self) -> None:
        for subscription in self._subscriptions:
            await subscription.close()


async def gone(client: OrchestratorClient, process_instance_key: int) -> None:
    """Wait until an instance has ended, without touching it."""
    async with asyncio.timeout(10):
        while True:
            try:
                await client.set_variables(process_instance_key, {})
            except NotFound:
                return
            await asyncio.sleep(0.02)
