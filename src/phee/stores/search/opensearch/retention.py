"""How long documents are kept, on any server and without plugins.

The lifecycle policies of Elasticsearch (ILM) and OpenSearch (ISM) delete whole indices by the age
of the index. An index here may hold a payment that began last year and one that ended just now, so
what is deleted is decided by document: when what it is about has ended long enough ago. An older
index that has become empty is deleted too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from phee.errors import PheeError
from phee.stores.search.opensearch.indices import TenantIndices, path_of
from phee.stores.search.opensearch.records import delete_old_records
from phee.stores.search.opensearch.server import SearchServer

_LOG = structlog.get_logger(__name__)
DAY_MS = 86_400_000
EVERY_S = 3_600.0
AGAIN_S = 60.0
AT_ONCE = 10_000
"""Documents deleted in one request, so that importing never waits long."""


class Retention:
    """Deletes what ended more than ``keep_days`` ago, a part each time it is asked."""

    def __init__(
        self,
        server: SearchServer,
        names: TenantIndices,
        keep_days: int | None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._server = server
        self._names = names
        self._keep_days = keep_days
        self._clock = clock
        self._next_at = 0.0

    def run_when_due(self) -> int:
        """Delete one part, if it is time; return how many documents that were."""
        if self._clock() < self._next_at:
            return 0
        try:
            return self._run()
        except PheeError as error:
            # Importing must not wait for it: what is too old stays a while longer.
            _LOG.warning("old documents stay", tenant=self._names.tenant_id, error=str(error))
            self._next_at = self._clock() + AGAIN_S
            return 0

    def _run(self) -> int:
        deleted = self._delete_part() if self._keep_days is not None else 0
        if deleted:
            _LOG.info("old documents deleted", tenant=self._names.tenant_id, documents=deleted)
        if deleted < AT_ONCE:
            self._next_at = self._clock() + EVERY_S
            self._delete_empty()
            self._delete_records()
        return deleted

    def _delete_records(self) -> None:
        address = self._server.address
        if address.raw_keep_days is not None:
            today = datetime.fromtimestamp(self._clock(), UTC).date()
            delete_old_records(
                self._server,
                address.raw_prefix,
                self._names.tenant_id,
                keep_days=address.raw_keep_days,
                today=today,
            )

    def _delete_part(self) -> int:
        before = int(self._clock() * 1000) - (self._keep_days or 0) * DAY_MS
        body = {"query": {"range": {"completed_at": {"lt": before}}}, "max_docs": AT_ONCE}
        options = "conflicts=proceed&refresh=true&ignore_unavailable=true"
        path = path_of(self._names.documents, f"/_delete_by_query?{options}")
        answer = self._server.ask("POST", path, body, allow={404})
        return 0 if answer.status == 404 else int(answer.decode(dict[str, Any])["deleted"])

    def _delete_empty(self) -> None:
        """Delete empty indices, but for the newest of each epoch: that one is being written."""
        answer = self._server.ask("GET", path_of(self._names.documents, "/_alias"), allow={404})
        if answer.status == 404:
            return
        by_epoch: dict[str, list[tuple[int, str]]] = {}
        for name in answer.decode(dict[str, Any]):
            _, epoch, number = name.rsplit("~", 2)
            by_epoch.setdefault(epoch, []).append((int(number), name))
        for generations in by_epoch.values():
            for _, name in sorted(generations)[:-1]:
                count = self._server.ask("GET", path_of(name, "/_count")).decode(dict[str, Any])
                if count["count"] == 0:
                    self._server.ask("DELETE", path_of(name))
