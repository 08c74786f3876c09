"""Building a tenant's indices anew beside the live ones, and putting them in their place.

The new indices have names of their own. At the end the live ones are frozen, the new ones take
what they still lack, and one ``_aliases`` request removes the old indices and gives their names to
the new ones. Importer and readers go on with the names they know.

**Why nothing is lost.** Nothing is written between the freezing and the swap, so the new documents
are exactly those of the watermarks. Who wrote documents before the freezing but not yet their
watermark finds the mark of a rebuild on it (:func:`phee.stores.writing.rebuilt_by`), forgets what
it remembers of documents, and goes on from there. A rebuild that dies while the indices are frozen
leaves them whole; the importer thaws them after :data:`FROZEN_S_MAX`, by when no rebuild swaps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from phee.errors import NotFound, Unavailable
from phee.projections.masking import Masker
from phee.stores.search.opensearch.indices import TenantIndices, path_of
from phee.stores.search.opensearch.letters import ServerLetters
from phee.stores.search.opensearch.server import SearchServer
from phee.stores.search.opensearch.store import ServerSearchStore
from phee.stores.search.opensearch.watermarks import Watermark, mark_id, read_all
from phee.stores.search.store import CONSUMER
from phee.stores.writing import rebuilt_by
from phee.stream.port import Lane

SWAP_S_MAX = 20.0
"""Longer than this a rebuild does not keep the indices frozen; see FROZEN_S_MAX."""
SWAP_TRIES = 3
_SWAP_OPTIONS = "timeout=10s"
CatchUp = Callable[[Mapping[Lane, int]], None]


@dataclass(frozen=True, slots=True)
class ShadowIndices(TenantIndices):
    """The names of indices that are being built; no pattern of the live ones meets them."""

    build: str = ""

    def _name(self, what: str) -> str:
        return f"{TenantIndices._name(self, 'rebuild')}~{self.build}~{what}"  # noqa: SLF001 - its base


class ServerShadow:
    """New indices of one tenant, beside the live ones."""

    def __init__(
        self,
        server: SearchServer,
        tenant_id: str,
        masker: Callable[[], Masker | None] = lambda: None,
    ) -> None:
        """Make the indices; whatever an earlier rebuild left is removed first.

        Raises:
            NotFound: the tenant has no indices.
            Unavailable: the server does not answer.
        """
        self._server = server
        self._live = TenantIndices(server.prefix, tenant_id)
        if server.ask("HEAD", path_of(self._live.watermarks), allow={404}).status == 404:
            raise NotFound(
                "this tenant has no search indices",
                where=self._live.documents,
                fix="Name an onboarded tenant; its importer makes its stores",
            )
        freeze(server, self._live, frozen=False)  # what a killed rebuild left
        self.names = ShadowIndices(server.prefix, tenant_id, f"{time.time_ns():x}")
        self._is_live = False
        self._remove_leftovers()
        self.store = ServerSearchStore(server, tenant_id, masker=masker, names=self.names)

    def swap(self, catch_up: CatchUp) -> int:
        """Let ``catch_up`` bring the new indices to the live watermarks, and swap.

        Returns the number of decisions about dead letters that were carried over.

        Raises:
            Unavailable: the server does not answer, or not fast enough; the live indices are as
                they were.
        """
        for _ in range(SWAP_TRIES):
            frozen_at = time.monotonic()
            try:
                freeze(self._server, self._live, frozen=True)
                marks = read_all(self._server, self._live.watermarks, CONSUMER)
                catch_up({_lane(mark): mark.position for mark in marks})
                self._write_marks(marks)
                letters = ServerLetters(self._server, self.names)
                carried = letters.carry_over(ServerLetters(self._server, self._live))
                for index in (self.names.documents, self.names.dead_letters):
                    self._server.ask("POST", path_of(index, "/_refresh"))
                actions = self._actions()
                if time.monotonic() - frozen_at < SWAP_S_MAX:
                    path = f"/_aliases?{_SWAP_OPTIONS}"
                    self._server.ask_once("POST", path, {"actions": actions})
                    self._is_live = True
                    return carried
            finally:
                if not self._is_live:
                    freeze(self._server, self._live, frozen=False)
        raise Unavailable(
            "the search server is too slow to swap indices",
            where=self._live.documents,
            fix="Try again when it has less to do; the live indices are as they were",
        )

    def close(self) -> None:
        """Remove what is not in place; nothing of it was live."""
        self._remove_leftovers()

    def _actions(self) -> list[dict[str, Any]]:
        """What one request does: away with the old indices, and their names to the new ones."""
        live, new = self._live, self.names
        actions: list[dict[str, Any]] = [
            {"remove_index": {"index": index}}
            for name in (live.documents, live.watermarks, live.dead_letters)
            for index in _indices(self._server, name)
        ]
        for index in _indices(self._server, new.documents):
            place = index.removeprefix(new.documents)
            actions += [
                {"add": {"index": index, "alias": live.documents}},
                {"add": {"index": index, "alias": f"{live.documents}{place}"}},
                {"remove": {"index": index, "alias": new.documents}},
            ]
        actions += [
            {"add": {"index": new.watermarks, "alias": live.watermarks}},
            {"add": {"index": new.dead_letters, "alias": live.dead_letters}},
        ]
        return actions

    def _write_marks(self, marks: list[Watermark]) -> None:
        for mark in marks:
            path = path_of(self.names.watermarks, f"/_doc/{mark_id(CONSUMER, _lane(mark))}")
            ours = msgspec.structs.replace(mark, owner=rebuilt_by(mark.owner))
            self._server.ask("PUT", path, ours)
        self._server.ask("POST", path_of(self.names.watermarks, "/_refresh"))

    def _remove_leftovers(self) -> None:
        """Remove every build that the live names do not lead to."""
        live = self._live
        kept = {
            index
            for name in (live.documents, live.watermarks, live.dead_letters)
            for index in _indices(self._server, name)
        }
        builds = ShadowIndices(live.prefix, live.tenant_id, "*").documents.removesuffix(
            "~documents"
        )
        for index in _indices(self._server, builds):
            if index not in kept:
                self._server.ask("DELETE", path_of(index), allow={404})
        self._server.ask("DELETE", f"/_index_template/{builds}", allow={404})


def freeze(server: SearchServer, names: TenantIndices, *, frozen: bool) -> None:
    """Refuse every write to a tenant's live indices, or take writes again.

    When it returns, no write is under way any more.
    """
    indices = [
        index
        for name in (names.documents, names.watermarks, names.dead_letters)
        for index in _indices(server, name)
    ]
    for index in indices:
        if frozen:
            server.ask("PUT", path_of(index, "/_block/write"))
        else:
            path = path_of(index, "/_settings")
            server.ask("PUT", path, {"index.blocks.write": False}, allow={404})


def _indices(server: SearchServer, name: str) -> list[str]:
    """Return the indices that a name or pattern leads to."""
    answer = server.ask("GET", f"/{name}/_alias?ignore_unavailable=true", allow={404})
    return [] if answer.status == 404 else sorted(answer.decode(dict[str, Any]))


def _lane(mark: Watermark) -> Lane:
    return Lane(mark.epoch, mark.partition_id, mark.lane)
