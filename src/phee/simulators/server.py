"""The process: both simulators behind one port, started and stopped as one."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Self

import msgspec
import uvloop
from prometheus_client import CONTENT_TYPE_LATEST

from phee.errors import InvalidInput
from phee.simulators.config import SimulatorConfig
from phee.simulators.http import decode, json_response
from phee.simulators.http_client import HttpClient
from phee.simulators.http_server import HttpServer, Request, Response, Route, Router
from phee.simulators.journal import Journal
from phee.simulators.ledger import tables as ledger_tables
from phee.simulators.ledger.api import LedgerApi
from phee.simulators.ledger.ledger import Ledger
from phee.simulators.ledger.messages import BankSeed
from phee.simulators.metrics import Metrics
from phee.simulators.scheme import tables as scheme_tables
from phee.simulators.scheme.api import SchemeApi
from phee.simulators.scheme.callbacks import Callbacks
from phee.simulators.scheme.directory import Directory
from phee.simulators.scheme.faults import Faults
from phee.simulators.scheme.messages import ParticipantSeed, PartySeed
from phee.simulators.scheme.scheme import Scheme


class Seed(msgspec.Struct, frozen=True):
    """Content of the file named by ``SimulatorConfig.accounts``."""

    banks: list[BankSeed] = []
    participants: list[ParticipantSeed] = []
    parties: list[PartySeed] = []


class Simulators:
    """Ledger and scheme in this event loop: ``async with Simulators(config) as simulators``."""

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config
        self.url = ""
        """Base URL of both, once started."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Load what is on disk, listen, and resume the callbacks.

        Raises:
            InvalidInput: the data folder or the accounts file cannot be used.
            OSError: the port is taken.
        """
        config = self.config
        _make_folder(config.data)
        self._metrics = Metrics()
        self._ledger_journal = Journal(config.data / "ledger.sqlite", ledger_tables.SCHEMA)
        self._scheme_journal = Journal(config.data / "scheme.sqlite", scheme_tables.SCHEMA)
        self._ledger = Ledger(self._ledger_journal)
        self._client = HttpClient(timeout_ms=config.callback_timeout_ms)
        self._scheme = self._make_scheme()
        if config.accounts is not None:
            await self._add_seed(_read_seed(config.accounts))
        self._scheme.resume()
        await self._listen()

    async def stop(self) -> None:
        """Stop taking requests, commit what was taken, close the files."""
        await self._server.stop()
        await self._scheme.close()
        self._client.close()
        await self._ledger_journal.close()
        await self._scheme_journal.close()

    def _make_scheme(self) -> Scheme:
        config, journal = self.config, self._scheme_journal
        directory = Directory(journal)
        callbacks = Callbacks(
            journal,
            self._client,
            directory.callback_urls,
            concurrency=config.callback_concurrency,
            reorder_window_ms=config.reorder_window_ms,
            count=self._metrics.callback,
        )
        self._metrics.watch_pending(lambda: callbacks.pending)
        faults = Faults(
            seed=config.seed, rates=config.rates, magic=config.magic, late_ms=config.late_ms
        )
        return Scheme(
            journal, directory, callbacks, faults, transfer_window_ms=config.transfer_window_ms
        )

    async def _add_seed(self, seed: Seed) -> None:
        for bank in seed.banks:
            self._ledger.open_accounts(bank)
        self._scheme.directory.add_participants(seed.participants)
        self._scheme.directory.add_parties(seed.parties)
        await self._ledger_journal.durable()
        await self._scheme_journal.durable()

    async def _listen(self) -> None:
        routes = [
            *LedgerApi(self._ledger, self._metrics.ledger_transfer).routes(),
            *SchemeApi(self._scheme, self._metrics.scheme_request).routes(),
            Route("GET", "/metrics", self._render_metrics),
            Route("GET", "/health/live", self._live),
            Route("GET", "/health/ready", self._ready),
        ]
        self._server = HttpServer(Router(routes))
        host, port = await self._server.start(self.config.host, self.config.port)
        self.url = f"http://{host}:{port}"

    async def _render_metrics(self, _request: Request) -> Response:
        return Response(200, self._metrics.render(), CONTENT_TYPE_LATEST)

    async def _live(self, _request: Request) -> Response:
        return json_response({"status": "UP"})

    async def _ready(self, _request: Request) -> Response:
        ready = self._ledger_journal.healthy and self._scheme_journal.healthy
        return json_response({"status": "UP" if ready else "DOWN"}, status=200 if ready else 503)


def run_simulators(config: SimulatorConfig) -> None:
    """Serve until SIGINT or SIGTERM; prints one line with the URL once ready."""
    uvloop.run(_serve(config))


async def _serve(config: SimulatorConfig) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    async with Simulators(config) as simulators:
        sys.stdout.write(f"simulators ready on {simulators.url}\n")
        sys.stdout.flush()
        await stop.wait()


def _read_seed(path: Path) -> Seed:
    try:
        return decode(path.read_bytes(), msgspec.json.Decoder(Seed))
    except OSError as error:
        raise InvalidInput(f"cannot read the accounts ({error})", where=str(path)) from error


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"cannot use the data folder ({error})", where=str(path)) from error
