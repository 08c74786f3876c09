"""The gRPC server: Zeebe's protocol in front of the engine, in the engine's event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import grpc
import structlog
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from phee.errors import InvalidInput, InvalidState, InvariantBroken, NotSupported, PheeError
from phee.gateway.calls import Call, Context, UnaryCalls
from phee.gateway.counters import GatewayCounters
from phee.gateway.engine_port import EnginePort
from phee.gateway.job_calls import JobCalls
from phee.gateway.job_messages import MAX_MESSAGE_BYTES
from phee.gateway.methods import METHODS, SERVICE, Method
from phee.gateway.proto import gateway_pb2 as pb
from phee.gateway.status import status_of, text_of, trailers_of
from phee.gateway.tenant_check import TenantCheck, only_default
from phee.gateway.wire_metadata import GATEWAY_KEY
from phee.records import BROKER_VERSION

DEFAULT_PORT = 26500

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

_OPTIONS = (
    # Frames around a message of the largest size need some room.
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES + 64 * 1024),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES + 64 * 1024),
    # A second server on the same port must fail, not take half of the calls.
    ("grpc.so_reuseport", 0),
    # Long polls and streams are quiet for long: let clients ping.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
)

_log = structlog.get_logger(__name__)


class GatewayServer:
    """Serves one engine on one port, to any Zeebe client.

    Attributes:
        counters: what happened so far, for monitoring.
        port: where it listens; the real one after :meth:`start`, if 0 was asked for.
    """

    def __init__(
        self,
        engine: EnginePort,
        *,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        tenant_known: Callable[[str], bool] = only_default,
    ) -> None:
        self.counters = GatewayCounters()
        self.host = host
        self.port = port
        self._serving = False
        tenants = TenantCheck(tenant_known)
        self._job_calls = JobCalls(engine, tenants, self.counters)
        self._unary_calls = UnaryCalls(engine, tenants)
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            InvalidState: the address cannot be had.
        """
        server = grpc.aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers((self._handlers(),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        try:
            self.port = server.add_insecure_port(f"{self.host}:{self.port}")
        except RuntimeError:
            raise InvalidState(
                f"The gRPC gateway cannot listen on {self.host}:{self.port}",
                fix="End what listens there, or choose another port",
            ) from None
        await self.set_serving(serving=True)
        await server.start()
        self._server = server

    async def stop(self, grace_ms: int = 1_000) -> None:
        """Take no more calls, end those that wait for jobs, and give the rest ``grace_ms``."""
        await self.set_serving(serving=False)
        self._job_calls.close()
        if self._server is not None:
            await self._server.stop(grace_ms / 1000)
            self._server = None
        await self._job_calls.finish()

    async def set_serving(self, *, serving: bool) -> None:
        """Say in health checks and in the topology whether the engine can be used."""
        self._serving = serving
        for service in ("", SERVICE):
            await self._health.set(service, _SERVING if serving else _NOT_SERVING)

    def _handlers(self) -> grpc.GenericRpcHandler[Any, Any]:
        built: dict[str, Call] = {
            **self._unary_calls.by_name(),
            "Topology": self._topology,
            "ActivateJobs": self._job_calls.activate_jobs,
            "StreamActivatedJobs": self._job_calls.stream_activated_jobs,
        }
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        for method in METHODS.values():
            call = built.get(method.name) or _not_built(method)
            make = (
                grpc.unary_stream_rpc_method_handler
                if method.streams
                else grpc.unary_unary_rpc_method_handler
            )
            handlers[method.name] = make(
                self._guarded(method, call),
                response_serializer=_serialize,
            )
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    def _guarded(self, method: Method, call: Call) -> Call:
        """``call`` with its errors turned into statuses, counted and timed."""
        name = method.name
        read = method.request.FromString
        call_ended = self.counters.call_ended

        async def answer(data: bytes, context: Context) -> Any:
            started = time.perf_counter()
            status = "CANCELLED"
            try:
                response = await call(read(data), context)
                status = "OK"
            except DecodeError:
                status = "INVALID_ARGUMENT"
                await _abort(context, _no_message(method))
            except grpc.aio.InternalError:
                # A message could not be sent: the client is gone, and nobody listens any more.
                raise asyncio.CancelledError from None
            except PheeError as error:
                status = error.grpc_status
                await _abort(context, error)
            except Exception:  # noqa: BLE001 - a fault must not leak a stack trace
                status = "INTERNAL"
                _log.exception("call_failed", method=name)
                await _abort(context, _fault(name))
            finally:
                call_ended(name, status, time.perf_counter() - started)
            return response

        return answer

    async def _topology(self, _request: pb.TopologyRequest, context: Context) -> Any:
        """Topology: this process is the whole cluster."""
        context.set_trailing_metadata(((GATEWAY_KEY, "1"),))
        health_now = pb.Partition.HEALTHY if self._serving else pb.Partition.UNHEALTHY
        partition = pb.Partition(partitionId=1, role=pb.Partition.LEADER, health=health_now)
        broker = pb.BrokerInfo(
            nodeId=0,
            host=self.host,
            port=self.port,
            partitions=[partition],
            version=BROKER_VERSION,
        )
        return pb.TopologyResponse(
            brokers=[broker],
            clusterSize=1,
            partitionsCount=1,
            replicationFactor=1,
            gatewayVersion=BROKER_VERSION,
        )


def _serialize(message: Any) -> bytes:
    data: bytes = message if type(message) is bytes else message.SerializeToString()
    return data


def _not_built(method: Method) -> Call:
    async def refuse(_request: Any, _context: Context) -> Any:
        raise NotSupported(
            f"{method.name} is not offered by this gateway",
            fix="Do without it, or use an orchestrator that offers it",
        )

    return refuse


def _no_message(method: Method) -> PheeError:
    return InvalidInput(
        f"The bytes of the request are no {method.request.DESCRIPTOR.full_name}",
        fix="Use a client of the Zeebe protocol",
    )


def _fault(method: str) -> PheeError:
    return InvariantBroken(
        f"Unexpected error while handling {method}",
        fix="This is a fault of the gateway: its log says more; please report it",
    )


async def _abort(context: Context, error: PheeError) -> None:
    await context.abort(status_of(error), text_of(error), trailers_of(error))
