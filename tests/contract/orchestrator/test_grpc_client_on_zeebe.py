"""What the plain gRPC client says of a real Zeebe that our gateway says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from phee.commands import RequestId
from phee.errors import NotFound, NotSupported
from phee.gateway.grpc_client import NO_POSITION, GrpcClient

pytestmark = pytest.mark.services


async def test_a_request_needs_more_than_the_plain_client(
    zeebe_target: str, draw: Callable[..., Any], name: Callable[[str], str]
) -> None:
    client = GrpcClient(zeebe_target)
    await client.deploy([draw("payment", "nobody")])
    with pytest.raises(NotSupported, match="at most once"):
        await client.create_instance(name("payment"), {}, request=RequestId("a", "b"))
    created = await client.create_instance(name("payment"), {})
    assert created.position == NO_POSITION
    await client.cancel_instance(created.process_instance_key)
    with pytest.raises(NotFound, match="rejected with code 'NOT_FOUND'"):
        await client.cancel_instance(created.process_instance_key)
    assert await client.trouble() is None
    await client.close()
