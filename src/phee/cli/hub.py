"""The hub process: orchestrator (or the way to one), workers and APIs in one event loop.

``python -m phee.cli.hub`` (what ``phee up`` supervises). Settings come from the environment. This
module builds the objects and hands them to each other; it decides nothing.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import structlog
import uvicorn
import uvloop

from phee.cli.hub_app import hub_app, hub_registry
from phee.cli.orchestrator import open_orchestrator
from phee.cli.settings import Settings, load_settings
from phee.collecting import collect_in_small_steps, keep_what_is_there
from phee.connectors import ConnectorSettings, Http, handlers
from phee.durable_files import create_durably
from phee.errors import InvalidState
from phee.monitoring import configure_logging
from phee.operations import TenantStores
from phee.stores.relational.stores import relational_stores
from phee.stores.search.runtime import search_runtime
from phee.tenants import Tenant, TenantRegistry
from phee.workers import Worker
from phee.workers.counters import WorkerCounters

_log = structlog.get_logger(__name__)
WORKERS_GRACE_MS = 3_000
"""For jobs in work when the hub stops; all of stopping must fit the supervisor's patience."""
SWITCH_INTERVAL_S = 0.0005
"""The thread that makes a group durable gets its turn this soon; with the usual 5 ms every commit
waited that long twice while the loop was busy."""
SECRET_FILE = "ilp.secret"  # noqa: S105 - the name of the file, not the secret


class Hub:
    """Everything that one hub process runs."""

    def __init__(self, settings: Settings) -> None:
        settings.data.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.started_at = time.monotonic()
        self.registry = TenantRegistry(settings.data)
        self.orchestrator = open_orchestrator(settings, self.registry)
        self.relational = relational_stores(settings.database, settings.data)
        self.search = search_runtime(settings.search, settings.data)
        self.stores = TenantStores(
            self.relational.open_reader,
            self.search.open_reader,
            open_search_letters=self.search.open_letters,
        )
        self.http = Http(self._connector_settings())
        self.handlers = handlers(self._connector_settings(), self.orchestrator.client, self.http)
        self.workers: dict[str, Worker] = {}
        self.worker_counters = WorkerCounters()
        self.metrics = hub_registry(self)
        self._onboarding = asyncio.Lock()

    async def run(self, listener: socket.socket) -> None:
        """Serve until SIGTERM or SIGINT; ``listener`` is the bound HTTP socket."""
        async with AsyncExitStack() as running:
            await self.orchestrator.start(running, self.metrics)
            running.callback(self.search.close)
            running.callback(self.stores.close)
            await running.enter_async_context(self.http)
            running.push_async_callback(self._close_workers)
            for tenant in self.registry.list():
                await self.serve_tenant(tenant)
            keep_what_is_there()
            collect_in_small_steps()
            _log.info(
                "hub_ready",
                http_port=self.settings.http_port,
                orchestrator=self.orchestrator.address,
            )
            await _serve_http(self, listener)
        _log.info("hub_stopped")

    async def serve_tenant(self, tenant: Tenant) -> None:
        """Begin to do the jobs of ``tenant``; repeating it changes nothing."""
        async with self._onboarding:
            if tenant.id not in self.workers:
                worker = Worker(
                    self.orchestrator.client,
                    self.handlers,
                    tenant_ids=[tenant.id],
                    name="hub",
                    operation_scope=f"{self.orchestrator.epoch:x}",
                    counters=self.worker_counters,
                )
                await worker.start()
                self.workers[tenant.id] = worker

    def is_served(self, job_type: str) -> bool:
        """Return whether some worker takes jobs of this type, here or elsewhere."""
        own = {handler.type for handler in self.handlers}
        suffixed = {f"{name}-{tenant.id}" for name in own for tenant in self.registry.list()}
        return job_type in own | suffixed or self.orchestrator.serves(job_type)

    async def _close_workers(self) -> None:
        await asyncio.gather(
            *(worker.close(grace_ms=WORKERS_GRACE_MS) for worker in self.workers.values())
        )

    def _connector_settings(self) -> ConnectorSettings:
        return ConnectorSettings(
            ledger_url=self.settings.ledger_url,
            scheme_url=self.settings.scheme_url,
            ilp_secret=_ilp_secret(self.settings.data),
            fsp_id=lambda tenant_id: self.registry.get(tenant_id).scheme_id,
            quote_expiry_ms=self.settings.quote_expiry_ms,
        )


def _ilp_secret(data: Path) -> str:
    """Return the secret that fulfilments are derived from; made once per data directory."""
    path = data / SECRET_FILE
    if not path.exists():
        create_durably(path, secrets.token_hex(32).encode(), mode=0o600)
    return path.read_text().strip()


async def _serve_http(hub: Hub, listener: socket.socket) -> None:
    server = _HttpServer(
        uvicorn.Config(
            hub_app(hub),
            log_config=None,
            access_log=False,
            lifespan="on",
            http="httptools",
            proxy_headers=False,
            date_header=False,
            timeout_graceful_shutdown=5,
            server_header=False,
        )
    )
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, server.handle_exit, signal.SIGTERM, None)
    await server.serve(sockets=[listener])


class _HttpServer(uvicorn.Server):
    """Leaves signals to the hub: uvicorn would raise SIGTERM again before the hub has closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an IPv4 address of this machine.

    Raises:
        InvalidState: the port is taken, or the address is not one of this machine.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise InvalidState(
            f"port {port} is taken" if error.errno == errno.EADDRINUSE else f"{error.strerror}",
            where=f"{host}:{port}",
            fix="Stop what listens there, or choose another (PHEE_LISTEN_HOST, --http-port)",
        ) from error
    return listener


async def _main() -> None:
    settings = load_settings()
    configure_logging(level=settings.log_level)
    listener = bind(settings.listen_host, settings.http_port)
    await Hub(settings).run(listener)


if __name__ == "__main__":
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor stops us with SIGTERM
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main())
