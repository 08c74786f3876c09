"""Watermarks of a tenant: how far each lane was imported, and who may say so.

A watermark is one document. It is only ever changed over the version that was last read or written
(compare and set), so of two importers one loses every race, sees the other's name, and stops.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from phee.errors import Unavailable
from phee.stores.search.opensearch.bulk import Version, Write, write_all
from phee.stores.search.opensearch.indices import TenantIndices, path_of
from phee.stores.search.opensearch.paging import refresh
from phee.stores.search.opensearch.server import SearchServer
from phee.stores.writing import Fenced, Replaced, rebuilt_by
from phee.stream.port import Lane

LANES_MAX = 10_000
_ROUNDS_MAX = 20


class Watermark(msgspec.Struct, frozen=True):
    """The source of a watermark."""

    consumer: str
    lane: str
    epoch: int
    partition_id: int
    position: int
    owner: str


class _Found(msgspec.Struct, rename={"seq_no": "_seq_no", "primary_term": "_primary_term"}):
    found: bool = True
    seq_no: int = -1
    primary_term: int = -1
    source: Watermark | None = msgspec.field(default=None, name="_source")


class _Hit(msgspec.Struct):
    source: Watermark = msgspec.field(name="_source")


class _Hits(msgspec.Struct):
    hits: list[_Hit]


class _All(msgspec.Struct):
    hits: _Hits


def read_all(server: SearchServer, index: str, consumer: str) -> list[Watermark]:
    """Return every watermark of a consumer, as of now.

    Raises:
        Unavailable: there is no such index, or the server does not answer.
    """
    refresh(server, index)
    body = {"query": {"term": {"consumer": consumer}}, "size": LANES_MAX}
    found = server.ask("POST", path_of(index, "/_search"), body).decode(_All)
    return [hit.source for hit in found.hits.hits]


def mark_id(consumer: str, lane: Lane) -> str:
    """Return the id of a lane's watermark."""
    # A lane's name is a topic's and may hold anything; as hexadecimal it fits into a path.
    name = lane.name.encode().hex()
    return f"{consumer}-{lane.epoch:x}-{lane.partition_id}-{name}"


class Watermarks:
    """The watermarks of one consumer in one tenant."""

    def __init__(self, server: SearchServer, names: TenantIndices, consumer: str) -> None:
        self._server = server
        self._names = names
        self._consumer = consumer
        self._owner = ""
        self._versions: dict[Lane, Version] = {}

    def claim(self, lane: Lane, owner: str, *, start: int) -> int:
        """Take ``lane`` over for ``owner``; return its position (``start`` when it is new)."""
        self._owner = owner
        for _ in range(_ROUNDS_MAX):
            stored = self._read(lane)
            position = stored.position if stored else start
            # Ours already, when the answer to an earlier round got lost.
            if (stored and stored.owner == owner) or self._put(lane, position):
                return position
        raise Unavailable("another importer keeps claiming this watermark", where=str(lane))

    def position(self, lane: Lane) -> int | None:
        """Return the position of ``lane``; None when it was never claimed."""
        stored = self._read(lane)
        return None if stored is None else stored.position

    def move(self, positions: Mapping[Lane, int]) -> None:
        """Set the positions of lanes.

        Raises:
            Fenced: another owner has claimed one, or it is further already; others may be set.
            Replaced: the indices were rebuilt; the watermarks are claimed anew.
        """
        lanes = {self._id(lane): lane for lane in positions if lane in self._versions}
        written = write_all(
            self._server,
            [
                Write(
                    self._names.watermarks,
                    name,
                    msgspec.json.encode(self._mark(lane, positions[lane])),
                    self._versions[lane],
                )
                for name, lane in lanes.items()
            ],
        ).written
        self._versions.update((lanes[name], version) for name, version in written.items())
        for lane, position in positions.items():
            if self._id(lane) not in written:
                self._move_again(lane, position)

    def _move_again(self, lane: Lane, position: int) -> None:
        # Not the version we knew. Ours all the same, when an answer of ours got lost.
        for _ in range(_ROUNDS_MAX):
            stored = self._read(lane)
            if stored is not None and stored.owner == rebuilt_by(self._owner):
                self._take_back()
                raise Replaced("the indices were rebuilt", where=self._names.watermarks)
            if stored is None or stored.owner != self._owner or stored.position > position:
                break
            if stored.position == position or self._put(lane, position):
                return
        raise Fenced(
            "another importer has taken over this store",
            where=f"{self._names.watermarks}, {lane}",
            fix="Let only one importer of each kind run on a tenant's store",
        )

    def _take_back(self) -> None:
        """Claim what was rebuilt while it was ours, at the positions it has now."""
        for lane in list(self._versions):
            stored = self._read(lane)
            if stored is not None and stored.owner == rebuilt_by(self._owner):
                self._put(lane, stored.position)

    def _read(self, lane: Lane) -> Watermark | None:
        path = path_of(self._names.watermarks, f"/_doc/{self._id(lane)}")
        answer = self._server.ask("GET", path, allow={404})
        found = answer.decode(_Found)
        if answer.status == 404 or found.source is None:
            self._versions.pop(lane, None)
            return None
        self._versions[lane] = Version(found.seq_no, found.primary_term)
        return found.source

    def _put(self, lane: Lane, position: int) -> bool:
        version = self._versions.get(lane)
        condition = (
            f"if_seq_no={version.seq_no}&if_primary_term={version.primary_term}"
            if version
            else "op_type=create"
        )
        path = path_of(self._names.watermarks, f"/_doc/{self._id(lane)}?{condition}")
        answer = self._server.ask("PUT", path, self._mark(lane, position), allow={409})
        if answer.status == 409:
            return False
        written = answer.decode(_Found)
        self._versions[lane] = Version(written.seq_no, written.primary_term)
        return True

    def _mark(self, lane: Lane, position: int) -> Watermark:
        return Watermark(
            self._consumer, lane.name, lane.epoch, lane.partition_id, position, self._owner
        )

    def _id(self, lane: Lane) -> str:
        return mark_id(self._consumer, lane)
