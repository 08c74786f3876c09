"""Wait until every payment has ended and both stores have everything the log has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from phee.cli.demo.metrics import read_samples
from phee.cli.hub_api import HubApi
from phee.cli.settings import Settings
from phee.cli.up import IMPORTERS
from phee.errors import TimedOut

POLL_S = 0.1
STILL_S = 3.0
"""Longer than any exporter here keeps records to itself."""


async def settle(
    settings: Settings,
    tenants: Sequence[str],
    *,
    timeout_s: float,
    progress: Callable[[int], None],
) -> None:
    """Return when no payment is under way and no reader of the stream is behind.

    What another cluster has not exported yet cannot be seen from here; so with one, no payment may
    have come to light for :data:`STILL_S`. ``progress`` is called with the number of payments still
    under way.

    Raises:
        TimedOut: it did not happen in time; says what is missing.
    """
    deadline = time.monotonic() + timeout_s
    still_s = 0.0 if settings.is_embedded else STILL_S
    since: float | None = None
    while True:
        # Lag is read first: what the stores say is then at least as new as that.
        lag = await asyncio.to_thread(_lag_records, settings)
        under_way = await asyncio.to_thread(_under_way, settings, tenants) if lag == 0 else None
        now = time.monotonic()
        if under_way is not None:
            progress(under_way)
            since = (since or now) if under_way == 0 else None
            if since is not None and now - since >= still_s:
                return
        if now > deadline:
            raise TimedOut(
                f"{under_way} flows are still under way and the stores lack {lag} records",
                fix="See `phee status` and the logs in the data directory",
            )
        await asyncio.sleep(POLL_S)


def _under_way(settings: Settings, tenants: Sequence[str]) -> int:
    return sum(
        HubApi(settings.http_port, tenant=tenant).get(
            "/api/v1/process-instances", state="ACTIVE", size=1
        )["totalElements"]
        for tenant in tenants
    )


def _lag_records(settings: Settings) -> int:
    """Return how many records some reader lacks; 1 when one has not even said hello."""
    lags = []
    if settings.is_embedded:
        consumers = HubApi(settings.http_port).get("/api/v1/status")["consumers"]
        readers = 1 if settings.exports else len(IMPORTERS)
        if len(consumers) < readers:
            return 1
        lags += [int(each["lagRecords"]) for each in consumers]
    if settings.stream != "log":
        lags += [_importer_lag(settings.port_of(kind)) for kind in IMPORTERS]
    return max(lags)


def _importer_lag(port: int) -> int:
    values = {name: value for name, _, value in read_samples(port, "phee_importer_")}
    if values.get("phee_importer_connected") != 1.0:
        return 1
    return int(values["phee_importer_lag_records"])


def fetch_transfers(port: int, tenant: str) -> list[dict[str, Any]]:
    """Return every transfer of the tenant from the relational store."""
    api = HubApi(port, tenant=tenant)
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = api.get(
            "/api/v1/transfers",
            size=1000,
            cursor=cursor,
            sortedBy="workflowInstanceKey",
            sortedOrder="ASC",
        )
        rows += page["content"]
        cursor = page["nextCursor"]
        if not cursor:
            return rows


def fetch_documents(port: int, tenant: str) -> list[dict[str, Any]]:
    """Return every payment of the tenant from the search store."""
    api = HubApi(port, tenant=tenant)
    documents: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        found = api.get("/api/v1/search", kind="payment", size=1000, cursor=cursor)
        documents += found["documents"]
        cursor = found["nextCursor"]
        if not cursor:
            return documents
