"""Bulk requests: many writes in one, and what became of each.

A bulk request has no all-or-nothing: every item succeeds or fails by itself. Items that the server
was too busy for are sent again, alone, with growing pauses; an item that was written although its
answer got lost fails the second time as a conflict, which the caller resolves by reading.

Many writes go in several requests, of which AT_ONCE are under way at the same time: the server has
more than one core, and the caller makes the next while it works. All of them are answered, or given
up, before a call ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice

import msgspec

from phee.errors import Unavailable
from phee.stores.search.opensearch.server import BLOCKED, BUSY, SearchServer, frozen

BYTES_MAX = 4 << 20
"""A request holds about as much; a single larger document travels alone."""
ITEMS_MAX = 250
"""Of a request. With more, the first would be sent later."""
AT_ONCE = 3
_LATER = BUSY | {401, 403}
"""Not the document's fault: the index is blocked for writing, or our rights were taken away."""
_CONFLICT = 409
_TOO_LARGE = 413
_PATH = "/_bulk?filter_path=items.*.status,items.*._seq_no,items.*._primary_term,items.*.error.type"


class Version(msgspec.Struct, frozen=True):
    """Which state of a document was read or written: the server's sequence number and term."""

    seq_no: int
    primary_term: int


class Write(msgspec.Struct, frozen=True):
    """One document to write: over ``version`` of it, or only if there is none.

    With an ``external`` version it is written only over a lower one.
    """

    index: str
    id: str
    source: bytes
    version: Version | None = None
    external: int | None = None
    routing: int | None = None


@dataclass(slots=True)
class Outcome:
    """What became of the writes of one bulk."""

    written: dict[str, Version] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)
    """Somebody else wrote these documents, or we did and the answer got lost."""
    refused: dict[str, str] = field(default_factory=dict)
    """The server will never take these; its name for the reason."""

    def add(self, other: Outcome) -> None:
        """Take in what became of other writes."""
        self.written |= other.written
        self.conflicts += other.conflicts
        self.refused |= other.refused


class _Error(msgspec.Struct):
    type: str = ""


class _Item(msgspec.Struct, rename={"seq_no": "_seq_no", "primary_term": "_primary_term"}):
    status: int
    seq_no: int = -1
    primary_term: int = -1
    error: _Error | None = None


class _BulkAnswer(msgspec.Struct):
    items: list[dict[str, _Item]] = []


def write_all(server: SearchServer, writes: Iterable[Write]) -> Outcome:
    """Send ``writes`` (of different documents) until each is written, refused or in conflict.

    Raises:
        Unavailable: the server stayed busy or away; some of them may have been written.
    """
    parts = _parts(writes)
    first = list(islice(parts, 2))
    if len(first) < 2:
        return _write_part(server, first[0]) if first else Outcome()
    outcome = Outcome()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="phee-bulk") as senders:
        under_way: deque[Future[Outcome]] = deque()
        for part in chain(first, parts):
            if len(under_way) == AT_ONCE:
                outcome.add(under_way.popleft().result())
            under_way.append(senders.submit(_write_part, server, part))
        for sent in under_way:
            outcome.add(sent.result())
    return outcome


def _write_part(server: SearchServer, part: list[Write]) -> Outcome:
    outcome = Outcome()
    waiting = part
    for attempt in server.patience.rounds():
        with attempt:
            waiting = _round(server, waiting, outcome)
            if waiting:
                raise Unavailable(f"the search server was too busy for {len(waiting)} documents")
    return outcome


def _round(server: SearchServer, part: list[Write], outcome: Outcome) -> list[Write]:
    """Send once; return what must be sent again."""
    body = b"".join(_lines(write) for write in part)
    answer = server.ask_once("POST", _PATH, body, allow={_TOO_LARGE})
    if answer.status == _TOO_LARGE:
        return _halves(server, part, outcome)
    items = answer.decode(_BulkAnswer).items
    if len(items) != len(part):
        raise Unavailable("the search server answered a bulk request in part only")
    busy = []
    for write, item in zip(part, items, strict=True):
        (result,) = item.values()
        if result.error is not None and result.error.type == BLOCKED:
            raise frozen(write.index)
        if result.status in _LATER or result.status >= 500:
            busy.append(write)
        elif result.status == _CONFLICT:
            outcome.conflicts.append(write.id)
        elif result.status >= 400:
            outcome.refused[write.id] = result.error.type if result.error else str(result.status)
        else:
            outcome.written[write.id] = Version(result.seq_no, result.primary_term)
    return busy


def _halves(server: SearchServer, part: list[Write], outcome: Outcome) -> list[Write]:
    if len(part) == 1:
        outcome.refused[part[0].id] = "too_large"
        return []
    middle = len(part) // 2
    return [
        *_round(server, part[:middle], outcome),
        *_round(server, part[middle:], outcome),
    ]


def _lines(write: Write) -> bytes:
    action: dict[str, str | int] = {"_index": write.index, "_id": write.id}
    if write.routing is not None:
        action["routing"] = str(write.routing)
    if write.external is not None:
        action["version"], action["version_type"] = write.external, "external"
        head = msgspec.json.encode({"index": action})
    elif write.version is None:
        head = msgspec.json.encode({"create": action})
    else:
        action["if_seq_no"] = write.version.seq_no
        action["if_primary_term"] = write.version.primary_term
        head = msgspec.json.encode({"index": action})
    return b"%b\n%b\n" % (head, write.source)


def _parts(writes: Iterable[Write]) -> Iterator[list[Write]]:
    part: list[Write] = []
    size = 0
    for write in writes:
        if part and (size + len(write.source) > BYTES_MAX or len(part) >= ITEMS_MAX):
            yield part
            part, size = [], 0
        part.append(write)
        size += len(write.source)
    if part:
        yield part
