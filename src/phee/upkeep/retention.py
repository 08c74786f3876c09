"""Removing the history of process instances that ended long ago, tenant by tenant.

How long it is kept is the tenant's own setting, else that of the hub, else for ever. Stores are
opened beside their importers: parts are small, and after each one the others have the store for at
least as long as the part took. A run that is ended anywhere has removed whole instances only, and
the next one goes on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import msgspec
from sqlalchemy.exc import DBAPIError

from phee.errors import InvalidInput, Unavailable
from phee.importers.process import KINDS, Kind
from phee.stores.pruning import Counts, Pruner
from phee.stores.relational.pruning import RelationalPruner
from phee.stores.retention_marks import Cuts
from phee.stores.search.pruning import DocumentPruner
from phee.stores.writing import SqlStore
from phee.tenants import TenantRegistry
from phee.upkeep.runtimes import Runtimes

DAY_MS = 86_400_000
INSTANCES_AT_ONCE = 1_000
"""In one transaction: their rows hold an importer up for about a second at most."""
Report = Callable[[int, int], None]


class Removed(msgspec.Struct, frozen=True, rename="camel"):
    """What was removed (or would be) from one store of a tenant: rows by table, documents by kind.

    ``days`` is None where everything is kept; then nothing was looked at.
    """

    tenant: str
    store: Kind
    days: int | None
    business_days: int | None
    removed: dict[str, int]


class Retention:
    """Applies the retention of tenants to their stores."""

    def __init__(
        self,
        runtimes: Runtimes,
        *,
        days: int | None = None,
        default_days: int | None = None,
        business_days: int | None = None,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare.

        Args:
            runtimes: where the stores are.
            days: keep history so long, whatever the settings say.
            default_days: keep it so long where the tenant has no setting of its own.
            business_days: keep business rows and payment documents so long; None keeps them all.
            clock: tells the time, in seconds since 1970 UTC.
            pause: waits for so many seconds.
        """
        self._runtimes = runtimes
        self._days = days
        self._default_days = default_days
        self._business_days = business_days
        self._now_ms = int(clock() * 1000)
        self._pause = pause

    def days_of(self, tenant_id: str) -> int | None:
        """Return for how many days a tenant's history is kept; None: for ever."""
        if self._days is not None:
            return self._days
        tenant = TenantRegistry(self._runtimes.data).find(tenant_id)
        own = tenant.retention_days if tenant is not None else None
        return own if own is not None else self._default_days

    def apply(
        self,
        tenant_id: str,
        *,
        dry_run: bool = False,
        progress: Report = lambda _done, _all: None,
        at_once: int = INSTANCES_AT_ONCE,
    ) -> list[Removed]:
        """Remove what is too old from both stores of a tenant; ``progress`` counts rows.

        Raises:
            InvalidInput: business rows would go before the history of how they came to be.
            Unavailable: a store does not answer; what was removed stays so.
        """
        days = self.days_of(tenant_id)
        cuts = self._cuts(tenant_id, days)
        found = []
        for kind in KINDS:
            counts: Counts = Counter()
            if days is not None and self._runtimes.has_store(kind, tenant_id):
                counts = self._apply(kind, tenant_id, cuts, dry_run, progress, at_once)
            removed = dict(sorted(counts.items()))
            found.append(Removed(tenant_id, kind, days, self._business_days, removed))
        return found

    def _cuts(self, tenant_id: str, days: int | None) -> Cuts:
        business = self._business_days
        if business is not None and (days is None or business < days):
            raise InvalidInput(
                "business rows cannot go before their history",
                where=f"{tenant_id}: history is kept for {'ever' if days is None else days}",
                fix="Name at least as many --business-days as days of history",
            )
        return Cuts(self._before(days), self._before(business))

    def _before(self, days: int | None) -> int | None:
        return None if days is None else self._now_ms - days * DAY_MS

    def _apply(
        self,
        kind: Kind,
        tenant_id: str,
        cuts: Cuts,
        dry_run: bool,
        progress: Report,
        at_once: int,
    ) -> Counts:
        pruner = self._open(kind, tenant_id)
        try:
            expected = pruner.count(cuts)
            if dry_run:
                return expected
            return self._prune(pruner, cuts, expected.total(), progress, at_once)
        except DBAPIError as error:
            raise Unavailable(
                f"the {kind} store cannot be written: {type(error.orig).__name__}",
                where=tenant_id,
                fix="Try again; what was removed stays so",
            ) from error
        finally:
            pruner.close()

    def _prune(
        self, pruner: Pruner, cuts: Cuts, total: int, progress: Report, at_once: int
    ) -> Counts:
        removed: Counts = Counter()
        progress(0, total)
        while True:
            began = time.monotonic()
            part = pruner.prune_part(cuts, at_once)
            if not part:
                return removed
            removed += part
            progress(min(removed.total(), total), total)
            self._pause(time.monotonic() - began)  # the importer's turn

    def _open(self, kind: Kind, tenant_id: str) -> Pruner:
        if kind == "search" and not self._runtimes.is_embedded(kind):
            from phee.stores.search.opensearch.address import parse_address
            from phee.stores.search.opensearch.pruning import ServerPruner
            from phee.stores.search.opensearch.server import SearchServer

            return ServerPruner(SearchServer(parse_address(self._runtimes.search)), tenant_id)
        store = self._runtimes.open_store(kind, tenant_id)
        assert isinstance(store, SqlStore)
        return RelationalPruner(store) if kind == "relational" else DocumentPruner(store)
