"""An importer as a process of its own: wiring, health, metrics, and a clean end."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import structlog
from prometheus_client import CollectorRegistry

from phee.collecting import collect_seldom, keep_what_is_there
from phee.errors import InvalidInput
from phee.importers.batch import Sorter
from phee.importers.importer import Importer
from phee.importers.metrics import ImporterMetrics
from phee.importers.pace import (
    GATHERED_MAX,
    REMOTE_SEARCH_WINDOW_S,
    WHOLE_RECORDS_MAX,
    WINDOW_S,
    Pace,
)
from phee.importers.writers import REMOTE_AT_ONCE
from phee.monitoring import (
    HealthChecks,
    MonitoringServer,
    configure_logging,
    new_registry,
    watch_statements,
)
from phee.projections.documents import DocumentFold, Maskers
from phee.projections.erasing import Eraser
from phee.projections.exported import RECORD_INTEREST, RecordFold
from phee.projections.interest import DOCUMENT_INTEREST, RELATIONAL_INTEREST
from phee.projections.mapping import TransferMapping, default_mapping, load_mapping
from phee.projections.relational import RelationalFold
from phee.projections.routing import DefinitionOwners, Router, TenantDirectory
from phee.records import DEFAULT_TENANT
from phee.stores.erasures import ErasureLists
from phee.stores.masking_keys import MaskingKeys
from phee.stores.relational.stores import SQLITE, relational_stores
from phee.stores.search.runtime import EMBEDDED, RemoteSearch, search_runtime
from phee.stores.writing import TenantStore
from phee.stream import EventStream, open_stream
from phee.tenants import TenantRegistry

_LOG = structlog.get_logger(__name__)

Kind = Literal["relational", "search"]
KINDS: tuple[Kind, ...] = ("relational", "search")

SILENT_S_MAX = 10.0
"""A stream that has nothing answers several times a second, and a batch takes much less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImporterSettings:
    """How an importer runs.

    Attributes:
        data: the hub's data directory.
        http_host: the address that health and metrics are served on.
        http_port: their port (0: a free one, which is logged).
        lag_records_ready: further behind than this, it is not ready.
        stream: where records come from, as :func:`phee.stream.open_stream` takes it; empty for
            the record log of the hub.
        mapping: a mapping file to use instead of the one that ships.
        database: where relational stores are, as in ``PHEE_DATABASE``.
        search: where search stores are, as in ``PHEE_SEARCH``.
    """

    data: Path
    stream: str = ""
    http_host: str = "127.0.0.1"
    http_port: int = 0
    lag_records_ready: int = 100_000
    mapping: Path | None = None
    database: str = SQLITE
    search: str = EMBEDDED
    log_level: str = "INFO"


class RegisteredTenants:
    """The tenants of the hub's registry, as projections ask for them."""

    def __init__(self, data: Path) -> None:
        self._registry = TenantRegistry(data)

    def known_tenants(self) -> set[str]:
        """See TenantDirectory."""
        return set(self._registry.ids())


class Stores(Protocol):
    """The stores of one kind, of any tenant."""

    def open_store(self, tenant_id: str) -> TenantStore[Any]:
        """Open (or create) a tenant's store for its one writer."""

    def has_store(self, tenant_id: str) -> bool:
        """Return whether a tenant's store was ever created."""


def make_importer(
    kind: Kind,
    settings: ImporterSettings,
    stream: EventStream,
    registry: CollectorRegistry,
    stores: Stores | None = None,
) -> Importer[Any]:
    """Return an importer of ``kind`` that reads ``stream``, into ``stores`` or those of settings.

    Raises:
        InvalidMapping: the mapping file is wrong.
    """
    tenants = RegisteredTenants(settings.data)
    erasures = ErasureLists(settings.data)
    chosen = stores or open_stores(kind, settings)

    def with_default() -> set[str]:
        """The default tenant has a store once it had a record; then it belongs to the rest."""
        return {DEFAULT_TENANT} if chosen.has_store(DEFAULT_TENANT) else set()

    with_records = isinstance(chosen, RemoteSearch) and chosen.keeps_records
    return Importer(
        stream,
        make_sorter(
            kind,
            tenants,
            _mapping(settings),
            MaskingKeys(settings.data).masker,
            erasures,
            with_records=with_records,
        ),
        chosen.open_store,
        relational_stores(settings.database, settings.data).open_operator_letters(kind),
        tenants,
        ImporterMetrics(registry, kind),
        also_open=with_default,
        unerased=erasures.reading,
        pace=_pace(kind, settings, with_records=with_records),
    )


def make_sorter(
    kind: Kind,
    tenants: TenantDirectory,
    mapping: TransferMapping,
    maskers: Maskers = lambda _: None,
    erasures: ErasureLists | None = None,
    *,
    with_records: bool = False,
) -> Sorter[Any]:
    """Return what sorts records for stores of ``kind``.

    ``maskers`` mask search documents; ``erasures`` say who was erased; ``with_records`` keeps
    every record beside the documents.
    """
    router = Router(mapping, tenants)

    def eraser(tenant_id: str) -> Eraser | None:
        if erasures is None:
            return None
        is_masked = kind == "search" and maskers(tenant_id) is not None
        return erasures.eraser(tenant_id, is_masked=is_masked)

    if kind == "relational":
        return Sorter(RELATIONAL_INTEREST, router, RelationalFold, DefinitionOwners(), eraser)
    if with_records:
        interest, fold = RECORD_INTEREST, RecordFold
        return Sorter(interest, router, lambda epoch: fold(epoch, maskers=maskers), erasers=eraser)
    interest = DOCUMENT_INTEREST
    return Sorter(interest, router, lambda epoch: DocumentFold(epoch, maskers), erasers=eraser)


def store_opener(
    kind: Kind, data: Path, database: str = SQLITE, search: str = EMBEDDED
) -> Callable[[str], TenantStore[Any]]:
    """Return a function that opens (or creates) a tenant's store of ``kind`` for writing.

    Raises:
        InvalidInput: ``database`` or ``search`` is malformed.
    """
    return open_stores(
        kind, ImporterSettings(data=data, database=database, search=search)
    ).open_store


def open_stores(kind: Kind, settings: ImporterSettings) -> Stores:
    """Return the stores of ``kind`` that the settings name.

    Raises:
        InvalidInput: the line that names them is malformed.
    """
    if kind == "relational":
        return relational_stores(settings.database, settings.data)
    return search_runtime(settings.search, settings.data)


def run_importer(kind: Kind, settings: ImporterSettings) -> None:
    """Import until SIGTERM or SIGINT; blocks.

    Raises:
        Fenced: another importer of this kind has taken over.
        RecordsMissing: a store needs records that the stream no longer has.
        InvalidState: the port is taken.
        InvalidInput: a setting is wrong.
    """
    configure_logging(level=settings.log_level)
    registry = new_registry()
    watch_statements(registry)
    stream = open_stream(settings.stream, settings.data, kind)
    importer = make_importer(kind, settings, stream, registry)
    collect_seldom()
    keep_what_is_there()
    asyncio.run(_run(kind, settings, importer, registry))


async def _run(
    kind: Kind, settings: ImporterSettings, importer: Importer[Any], registry: CollectorRegistry
) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, importer.stop)
    server = MonitoringServer(registry, health_checks(importer, settings.lag_records_ready))
    port = await server.start(host=settings.http_host, port=settings.http_port)
    _LOG.info("importer started", store=kind, http_port=port)
    try:
        await asyncio.to_thread(importer.run)
    finally:
        await server.stop()
    _LOG.info("importer stopped", store=kind)


def health_checks(importer: Importer[Any], lag_records_ready: int) -> HealthChecks:
    """Return the checks that decide whether an importer is ready."""
    progress = importer.progress

    async def stream() -> str | None:
        return None if progress.connected else "the record stream does not answer"

    async def lag() -> str | None:
        behind = progress.lag_records
        return None if behind <= lag_records_ready else f"{behind} records behind"

    async def stores() -> str | None:
        stalled = progress.stalled_tenants
        return f"{stalled} tenants' stores refuse writes" if stalled else None

    async def progressing() -> str | None:
        silent_s = time.monotonic() - progress.turned_at
        if silent_s <= SILENT_S_MAX:
            return None
        return f"neither the stream nor a store has answered for {silent_s:.0f} s"

    checks = {"stream": stream, "lag": lag, "stores": stores, "progress": progressing}
    return HealthChecks(checks)


def _pace(kind: Kind, settings: ImporterSettings, *, with_records: bool) -> Pace:
    is_remote_search = kind == "search" and settings.search != EMBEDDED
    is_remote = is_remote_search or (kind == "relational" and settings.database != SQLITE)
    return Pace(
        window_s=REMOTE_SEARCH_WINDOW_S if is_remote_search else WINDOW_S,
        # Whole records stay in memory until they are written.
        gathered_max=WHOLE_RECORDS_MAX if with_records else GATHERED_MAX,
        written_at_once=REMOTE_AT_ONCE if is_remote else 1,
    )


def _mapping(settings: ImporterSettings) -> TransferMapping:
    if settings.mapping is None:
        return default_mapping()
    return read_mapping(settings.mapping)


def read_mapping(file: Path) -> TransferMapping:
    """Read and check a mapping file.

    Raises:
        InvalidInput: it cannot be read.
        InvalidMapping: something in it is wrong; the text names file and place.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"the mapping file cannot be read: {error.strerror}",
            where=str(file),
            fix="Name a file that this user may read with --mapping, or none for the shipped one",
        ) from error
    return load_mapping(content, str(file))
