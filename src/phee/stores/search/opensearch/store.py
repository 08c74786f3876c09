"""A tenant's search store on a server, for its importer.

**Why the effect of a record is exactly once, without transactions.** What was one transaction
becomes three steps in this order: documents, dead letters, watermarks.

- Each step can be repeated: merging is monotonic by position (:mod:`.document`), a dead letter has
  the id of its record, the watermark is a position.
- The watermark moves only after everything below it was confirmed, and the server confirms what is
  on its disk. A kill between two steps leaves a watermark that is too low; the importer begins
  there, and what it repeats changes nothing.
- A watermark that is too low hides nothing: readers see a document earlier than its position says,
  never later.
- Two importers at once: every document is written over the version it was merged into, so whoever
  comes second reads and merges again; and the watermark belongs to the newest owner alone, so the
  older one learns that it is fenced before it acknowledges anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import msgspec

from phee.errors import PheeError
from phee.projections import dead_letter
from phee.projections.dead_letter import DeadLetter
from phee.projections.documents import DocumentFold
from phee.projections.exported import RecordFold, masked_letter
from phee.projections.masking import Masker
from phee.records import Record
from phee.stores.search.opensearch.document import Change
from phee.stores.search.opensearch.documents import Documents
from phee.stores.search.opensearch.indices import TenantIndices, prepare
from phee.stores.search.opensearch.letters import ServerLetters
from phee.stores.search.opensearch.records import Records
from phee.stores.search.opensearch.retention import Retention
from phee.stores.search.opensearch.server import Frozen, SearchServer
from phee.stores.search.opensearch.watermarks import Watermarks
from phee.stores.search.store import CONSUMER
from phee.stores.writing import LaneWork
from phee.stream.port import Lane

FROZEN_S_MAX = 60.0
"""Indices that refuse writes for so long were left so by a rebuild that died."""


class ServerSearchStore:
    """A :class:`phee.stores.writing.TenantStore` of documents; makes its indices when opened."""

    def __init__(
        self,
        server: SearchServer,
        tenant_id: str,
        *,
        masker: Callable[[], Masker | None] = lambda: None,
        names: TenantIndices | None = None,
    ) -> None:
        self._masker = masker
        self._server = server
        self._tenant_id = tenant_id
        self._names = names or TenantIndices(server.prefix, tenant_id)
        self._frozen_since: float | None = None
        self._refused_codes: list[str] = []
        prepare(server, self._names)
        self._retention = (
            None
            if server.keep_days is None and server.address.raw_keep_days is None
            else Retention(server, self._names, server.keep_days)
        )
        self._documents = Documents(server, self._names)
        self._letters = ServerLetters(server, self._names)
        self._letters.prepare()
        address = server.address
        self._records = Records(server, address.raw_prefix, tenant_id) if address.raw else None
        self._watermarks = Watermarks(server, self._names, CONSUMER)

    def claim(self, lane: Lane, owner: str, *, start: int) -> int:
        """See TenantStore."""
        self._documents.open_epoch(lane.epoch)
        return self._watermarks.claim(lane, owner, start=start)

    def position(self, lane: Lane) -> int | None:
        """See TenantStore."""
        return self._watermarks.position(lane)

    def write(self, works: Sequence[LaneWork[DocumentFold]]) -> int:
        """See TenantStore; a document that the server refuses becomes a dead letter by itself.

        Raises:
            Fenced: another owner has claimed a lane. Documents may have been written; its own
                are the same.
            Replaced: the indices were rebuilt; what this was to write must be read again.
        """
        try:
            changes = self._write(works)
        except PheeError as error:
            # What was written may be gone, or was never written: nothing is remembered of it.
            self._documents.forget()
            if isinstance(error, Frozen):
                self._thaw_when_due()
            raise
        self._frozen_since = None
        return changes

    def _write(self, works: Sequence[LaneWork[DocumentFold]]) -> int:
        changes = 0
        # What the store refused was masked before, or is made of rows that are.
        refused = [letter for work in works for letter in self._write_records(work)]
        for partition, lanes in groupby(sorted(works, key=_partition_of), key=_partition_of):
            applied = self._documents.apply([work.fold for work in lanes if work.fold is not None])
            changes += applied.changes
            refused += [
                self._refused(partition, rows, reason) for rows, reason in applied.refused.values()
            ]
        self._server.refresher.written(self._names.documents, changes)
        letters = self._masked(letter for work in works for letter in work.letters)
        self._letters.write([*letters, *refused])
        self._watermarks.move({work.lane: work.position for work in works})
        self._refused_codes += [letter.reason_code for letter in refused]
        return changes

    def _write_records(self, work: LaneWork[DocumentFold]) -> list[DeadLetter]:
        """Write what is to be kept as it came; return what the server refuses of it."""
        if self._records is None or not isinstance(work.fold, RecordFold):
            return []
        return self._masked(
            self._refused_record(work.lane, record, reason)
            for record, reason in self._records.write(work.lane, work.fold)
        )

    def _thaw_when_due(self) -> None:
        """Take writes again when a rebuild died before it could."""
        now = time.monotonic()
        if self._frozen_since is None:
            self._frozen_since = now
        elif now - self._frozen_since > FROZEN_S_MAX:
            from phee.stores.search.opensearch.shadow import freeze

            freeze(self._server, self._names, frozen=False)
            self._frozen_since = None

    def process_id(self, epoch: int, process_definition_key: int) -> str | None:
        """See TenantStore; only relational stores know."""
        del epoch, process_definition_key
        return None

    def take_refused(self) -> Sequence[str]:
        """See TenantStore."""
        taken, self._refused_codes = self._refused_codes, []
        return taken

    def make_durable(self) -> None:
        """See TenantStore. The server has what it confirmed on disk (translog, synced).

        Called about once a second, so this is also when old documents are looked for.
        """
        if self._retention is not None:
            self._retention.run_when_due()

    def close(self) -> None:
        """See TenantStore. The connections belong to whoever made them."""

    def _masked(self, letters: Iterable[DeadLetter]) -> list[DeadLetter]:
        masker = self._masker()
        if masker is None:
            return list(letters)
        return [masked_letter(letter, masker) for letter in letters]

    def _refused_record(self, lane: Lane, record: Record, reason: str) -> DeadLetter:
        return dead_letter.of_record(
            record,
            epoch=lane.epoch,
            partition_id=lane.partition_id,
            code=dead_letter.REFUSED,
            reason=f"the search server refused the record: {reason}",
            tenant_id=self._tenant_id,
        )

    def _refused(
        self, partition: tuple[int, int], changes: Sequence[Change], reason: str
    ) -> DeadLetter:
        newest = max((row for _, row in changes), key=lambda row: int(row.position))
        epoch, partition_id = partition
        return DeadLetter(
            epoch=epoch,
            partition_id=partition_id,
            position=newest.position,
            reason_code=dead_letter.REFUSED,
            reason=f"the search server refused the document: {reason}",
            tenant_id=self._tenant_id,
            record=_text_of([row for _, row in changes]),
        )


def _partition_of(work: LaneWork[DocumentFold]) -> tuple[int, int]:
    """Return the epoch and the engine's partition that the work is about."""
    return work.lane.epoch, work.lane.partition_id


def _text_of(rows: Sequence[object]) -> str:
    return msgspec.json.encode(rows, enc_hook=str).decode()
