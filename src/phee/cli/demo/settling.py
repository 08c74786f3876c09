"""Wait until every payment has ended and both stores have everything the log has."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from phee.cli.hub_api import HubApi
from phee.cli.up import IMPORTERS
from phee.errors import TimedOut

POLL_S = 0.1


async def settle(
    port: int, tenants: Sequence[str], *, timeout_s: float, progress: Callable[[int], None]
) -> None:
    """Return when no payment is under way and no consumer of the log is behind.

    ``progress`` is called with the number of payments still under way.

    Raises:
        TimedOut: it did not happen in time; says what is missing.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        # Lag is read first: what the stores say is then at least as new as that.
        lag = await asyncio.to_thread(_lag_records, port)
        under_way = await asyncio.to_thread(_under_way, port, tenants) if lag == 0 else None
        if under_way is not None:
            progress(under_way)
        if under_way == 0 and lag == 0:
            return
        if time.monotonic() > deadline:
            raise TimedOut(
                f"{under_way} flows are still under way and the stores lack {lag} records",
                fix="See `phee status` and the logs in the data directory",
            )
        await asyncio.sleep(POLL_S)


def _under_way(port: int, tenants: Sequence[str]) -> int:
    return sum(
        HubApi(port, tenant=tenant).get("/api/v1/process-instances", state="ACTIVE", size=1)[
            "totalElements"
        ]
        for tenant in tenants
    )


def _lag_records(port: int) -> int:
    consumers: list[dict[str, int]] = HubApi(port).get("/api/v1/status")["consumers"]
    if len(consumers) < len(IMPORTERS):
        return 1  # one has not even said hello
    return max(each["lagRecords"] for each in consumers)


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
