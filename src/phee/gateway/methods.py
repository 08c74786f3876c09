"""The calls of the gRPC interface, read from its descriptor.

One table serves the server (which method takes and answers what) and the client (on which path),
so neither needs generated stubs, which would tie us to one version of grpcio.
"""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import Message

from phee.gateway.proto import gateway_pb2

SERVICE = gateway_pb2.DESCRIPTOR.services_by_name["Gateway"].full_name
"""The service's name on the wire."""


@dataclass(frozen=True, slots=True)
class Method:
    """One call: its name, its path on the wire and its messages."""

    name: str
    path: str
    request: type[Message]
    response: type[Message]
    streams: bool


def _methods() -> dict[str, Method]:
    service = gateway_pb2.DESCRIPTOR.services_by_name["Gateway"]
    return {
        method.name: Method(
            name=method.name,
            path=f"/{service.full_name}/{method.name}",
            request=getattr(gateway_pb2, method.input_type.name),
            response=getattr(gateway_pb2, method.output_type.name),
            streams=method.server_streaming,
        )
        for method in service.methods
    }


METHODS = _methods()
"""Every call by name, in the order of the interface file."""
