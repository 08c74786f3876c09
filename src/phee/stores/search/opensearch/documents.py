"""A tenant's documents, for its importer: read, merge, write; again where somebody was faster.

Every write is conditional on the version that was merged into, so no change is ever lost, not even
to an importer that was fenced and does not know it yet. Documents in work are remembered, so that
most changes need no reading; a memory that is out of date costs a conflict and one more round.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from phee.errors import PheeError, Unavailable
from phee.projections.documents import DocumentFold
from phee.stores.search.opensearch.bulk import Version, Write, write_all
from phee.stores.search.opensearch.document import (
    Change,
    StoredDocument,
    changes_of,
    is_birth,
    merge,
    new_document,
)
from phee.stores.search.opensearch.indices import TenantIndices, create
from phee.stores.search.opensearch.server import SearchServer

REMEMBERED_MAX = 4_000
"""Documents kept in memory for each tenant: about 10 MB at most."""
_ROUNDS_MAX = 50
_READ_AT_ONCE = 500
_READ_PATH = "/_mget?_source_excludes=words,amount_digits"


class _Got(msgspec.Struct, rename={"id": "_id", "seq_no": "_seq_no", "term": "_primary_term"}):
    id: str
    found: bool = False
    seq_no: int = -1
    term: int = -1
    source: StoredDocument | None = msgspec.field(default=None, name="_source")
    error: msgspec.Raw | None = None


class _ReadAnswer(msgspec.Struct):
    docs: list[_Got]


@dataclass(frozen=True, slots=True)
class _Known:
    document: StoredDocument
    version: Version


@dataclass(slots=True)
class Applied:
    """What became of a fold: how many changes were made, and which documents were refused."""

    changes: int = 0
    refused: dict[str, tuple[list[Change], str]] = field(default_factory=dict)
    """Id -> its changes, and the server's name for the reason."""


class Documents:
    """Applies folds to the documents of one tenant. For one thread."""

    def __init__(self, server: SearchServer, names: TenantIndices) -> None:
        self._server = server
        self._names = names
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._indices: set[str] = set()

    def open_epoch(self, epoch: int) -> None:
        """Make the first index of an epoch, so that readers find the tenant."""
        self._index(epoch, 0)

    def forget(self) -> None:
        """Forget every document and index; what is needed is read again."""
        self._known.clear()
        self._indices.clear()

    def apply(self, folds: Iterable[DocumentFold]) -> Applied:
        """Merge everything in; what several folds say of a document is written at once.

        Raises:
            Unavailable: the server does not answer; what is missing must be applied again.
        """
        waiting: Mapping[str, list[Change]] = changes_of(folds)
        applied = Applied(sum(len(changes) for changes in waiting.values()))
        unread = [
            name
            for name, changes in waiting.items()
            if name not in self._known and not is_birth(changes)
        ]
        for _ in range(_ROUNDS_MAX):
            self._read(unread, waiting)
            unread = self._write(waiting, applied)
            if not unread:
                self._forget_old()
                return applied
            waiting = {name: waiting[name] for name in unread}
        raise Unavailable("somebody else keeps writing the same documents")

    def _write(self, waiting: Mapping[str, list[Change]], applied: Applied) -> list[str]:
        """Write what is changed; return the ids that must be read and merged again."""
        merged: dict[str, StoredDocument] = {}
        outcome = write_all(self._server, self._writes(waiting, merged, applied))
        for name, version in outcome.written.items():
            self._remember(name, merged[name], version)
        for name, reason in outcome.refused.items():
            applied.refused[name] = (waiting[name], reason)
        return outcome.conflicts

    def _writes(
        self,
        waiting: Mapping[str, list[Change]],
        merged: dict[str, StoredDocument],
        applied: Applied,
    ) -> Iterator[Write]:
        """Merge one document after the other, while those before it are on their way."""
        for name, changes in waiting.items():
            known = self._known.get(name)
            before = known.document if known else new_document(changes)
            try:
                after = merge(before, changes)
                if after is before and known:
                    continue
                source = msgspec.json.encode(after)
                index = self._index(after.epoch, after.process_instance_key)
            except (PheeError, OverflowError, UnicodeEncodeError, msgspec.EncodeError) as error:
                if isinstance(error, Unavailable):
                    raise
                applied.refused[name] = (changes, type(error).__name__)
                continue
            merged[name] = after
            yield Write(index, name, source, known.version if known else None)

    def _read(self, names: Sequence[str], waiting: Mapping[str, list[Change]]) -> None:
        for start in range(0, len(names), _READ_AT_ONCE):
            part = names[start : start + _READ_AT_ONCE]
            wanted = [{"_index": self._index_of(waiting[name]), "_id": name} for name in part]
            answer = self._server.ask("POST", _READ_PATH, {"docs": wanted}).decode(_ReadAnswer)
            self._take(answer.docs)

    def _take(self, docs: Iterable[_Got]) -> None:
        for got in docs:
            self._known.pop(got.id, None)
            if got.error is not None:
                raise Unavailable("the search server cannot read a document now")
            if got.found and got.source is not None:
                self._known[got.id] = _Known(got.source, Version(got.seq_no, got.term))

    def _remember(self, name: str, document: StoredDocument, version: Version) -> None:
        if document.is_ended:
            self._known.pop(name, None)
        else:
            self._known[name] = _Known(document, version)
            self._known.move_to_end(name)

    def _forget_old(self) -> None:
        while len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)

    def _index_of(self, changes: Sequence[Change]) -> str:
        row = changes[0][1]
        return self._index(row.epoch, row.process_instance_key)

    def _index(self, epoch: int, process_instance_key: int) -> str:
        """Return the name of an index, which is there then."""
        name = self._names.generation(epoch, process_instance_key)
        if name not in self._indices:
            create(self._server, name)
            self._indices.add(name)
        return name
