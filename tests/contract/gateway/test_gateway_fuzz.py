"""Whatever a client puts into the fields of a call, it gets an answer or a clear refusal."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from grpc.aio import AioRpcError

from phee.commands import Resource
from phee.engine import Engine
from phee.gateway.embedded import EmbeddedClient
from phee.gateway.methods import METHODS
from phee.gateway.server import GatewayServer

CALLS = 600
ANSWER_S_MAX = 60.0
"""Nothing takes so long, however busy the machine; only a call that hangs."""
WAITING = {"ActivateJobs", "CreateProcessInstanceWithResult", "StreamActivatedJobs"}
"""Calls that may wait for what never comes."""
FAULTS = {
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}

TEXTS = ["", " ", "payment", "block", "<default>", "rhino", "a" * 40_000, "\u2603\x00\n", "=1", "0"]
JSONS = ["", "{}", '{"id": "k", "n": 1.5}', "[]", "{", '{"a": {"b": [null, true]}}', '{"": 0}']
INT32 = [0, 1, -1, 3, 2**31 - 1, -(2**31)]
INT64 = [0, 1, -1, 500, 2**51, 2**63 - 1, -(2**63)]


class Fuzzer:
    """Fills messages by their descriptors; keys are often ones that exist."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.keys: list[int] = []

    def message(self, kind: type[Message]) -> Message:
        message = kind()
        for field in message.DESCRIPTOR.fields:
            if self.chance.random() < 0.15:
                continue
            if field.is_repeated:
                values = [self._value(field) for _ in range(self.chance.randrange(3))]
                getattr(message, field.name).extend(values)
            elif field.type == FieldDescriptor.TYPE_MESSAGE:
                getattr(message, field.name).CopyFrom(self._value(field))
            else:
                setattr(message, field.name, self._value(field))
        return message

    def _value(self, field: FieldDescriptor) -> Any:
        choose = self.chance.choice
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            return self.message(field.message_type._concrete_class)
        if field.type == FieldDescriptor.TYPE_STRING:
            return choose(JSONS if field.name == "variables" else TEXTS)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return choose([b"", b"<x/>", b"\xff\x00", b"<?xml version='1.0'?><a><b></a>"])
        if field.type == FieldDescriptor.TYPE_INT32:
            return choose(INT32)
        if field.type == FieldDescriptor.TYPE_UINT64:
            return choose([0, 2**64 - 1])
        if field.type == FieldDescriptor.TYPE_BOOL:
            return choose([True, False])
        if field.name.endswith("Key") and self.keys and self.chance.random() < 0.6:
            return choose(self.keys)
        return choose(INT64)


async def _call(channel: grpc.aio.Channel, name: str, request: Message) -> Any:
    method = METHODS[name]
    make = channel.unary_stream if method.streams else channel.unary_unary
    call = make(method.path, method.request.SerializeToString, method.response.FromString)(
        request, timeout=0.3 if name in WAITING else ANSWER_S_MAX
    )
    if not method.streams:
        return await call
    return [message async for message in call]


async def test_no_field_upsets_the_gateway(
    engine: Engine, gateway: GatewayServer, draw: Callable[..., Resource]
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    fuzzer = Fuzzer(seed)
    names = list(METHODS)
    client = EmbeddedClient(engine)
    await client.deploy([draw("payment", "block", "message:block", "block")])
    seen: Counter[str] = Counter()
    faults: list[str] = []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.port}") as channel:

        async def one(number: int) -> None:
            name = names[number % len(names)]
            request = fuzzer.message(METHODS[name].request)
            try:
                answer = await _call(channel, name, request)
                seen["OK"] += 1
            except AioRpcError as failure:
                seen[failure.code().name] += 1
                if failure.code() in FAULTS or not failure.details():
                    faults.append(f"{name} {failure.code()} {failure.details()}\n{request}")
                return
            if number % 5 == 0:
                created = await client.create_instance("payment", {"id": "k"})
                fuzzer.keys.append(created.process_instance_key)
            for message in answer if isinstance(answer, list) else [answer]:
                jobs = getattr(message, "jobs", [message])
                fuzzer.keys += [job.key for job in jobs if getattr(job, "key", 0)]

        for first in range(0, CALLS, 8):
            async with asyncio.timeout(2 * ANSWER_S_MAX):
                await asyncio.gather(*(one(number) for number in range(first, first + 8)))
    print(dict(seen))
    assert not faults, "\n".join(faults)[:5000]
    assert seen["OK"] >= CALLS // len(names)  # Topology at least, which has no fields
    assert seen["INVALID_ARGUMENT"]
    assert engine.healthy
    created = await client.create_instance("payment", {"id": "last"})
    assert created.process_instance_key > 0


@pytest.mark.parametrize("name", list(METHODS))
async def test_bytes_that_are_no_message_are_refused(gateway: GatewayServer, name: str) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.port}") as channel:
        call = channel.unary_unary(METHODS[name].path)(b"\xff\xff\xff", timeout=5)
        with pytest.raises(AioRpcError) as caught:
            await call
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
