"""Deciding about dead letters that are on a search server.

There is no transaction, so a document is replaced over the version that was read, by a projection
that is at least as far as that version: what the importer writes meanwhile makes the replacement
fail, and it is projected again. Letters are marked at last: a retry that dies is repeated whole.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import msgspec

from phee.errors import InvalidState, Unavailable
from phee.projections.dead_letter import DeadLetter as NewLetter
from phee.projections.documents import DocumentFold
from phee.projections.exported import masked_letter
from phee.projections.masking import Masker
from phee.stores.masking_keys import MaskingKeys
from phee.stores.relational.models import DeadLetter
from phee.stores.search.opensearch.address import parse_address
from phee.stores.search.opensearch.bulk import Write, write_all
from phee.stores.search.opensearch.document import (
    StoredDocument,
    changes_of,
    merge,
    new_document,
)
from phee.stores.search.opensearch.indices import TenantIndices, create, path_of
from phee.stores.search.opensearch.letters import OPEN, ServerLetters
from phee.stores.search.opensearch.paging import Found, Hit, search
from phee.stores.search.opensearch.server import SearchServer
from phee.stores.search.opensearch.watermarks import read_all
from phee.stores.search.store import CONSUMER
from phee.stream.port import Lane
from phee.upkeep.projecting import Projection, still_refused
from phee.upkeep.sql_letters import dealt_with

ROUNDS_MAX = 20
PAUSE_S = 0.1
_AT_ONCE = 500
_Hit = Hit[StoredDocument]


class ServerLetterBook:
    """A :class:`phee.upkeep.deadletters.LetterBook` of a tenant's indices."""

    def __init__(
        self, server: SearchServer, names: TenantIndices, masker: Masker | None = None
    ) -> None:
        """Take ``server``, which is closed with the book; ``masker`` masks new letters."""
        self._server = server
        self._masker = masker
        self._names = names
        self._letters = ServerLetters(server, names)
        self._never = threading.Event()

    def open_letter(self, letter_id: int) -> DeadLetter:
        """See LetterBook."""
        letter = self._letters.find(letter_id).source.shown()
        if letter.state != OPEN:
            raise dealt_with(letter)
        return letter

    def started_at(self, letter: DeadLetter) -> int | None:
        """See LetterBook."""
        if letter.process_instance_key is None:
            return None
        started = (hit.source.started_at for hit in self._documents(letter))
        return min((at for at in started if at is not None), default=None)

    def marks(self, letter: DeadLetter) -> dict[Lane, int]:
        """See LetterBook."""
        return {
            Lane(mark.epoch, mark.partition_id, mark.lane): mark.position
            for mark in read_all(self._server, self._names.watermarks, CONSUMER)
            if (mark.epoch, mark.partition_id) == (letter.epoch, letter.partition_id)
        }

    def replace(self, letter: DeadLetter, again: Projection, *, is_own: bool) -> int:
        """See LetterBook."""
        for _ in range(ROUNDS_MAX):
            if is_own:
                self.open_letter(letter.id)  # nobody else was faster
            before = self._documents(letter)
            marks = self.marks(letter)
            if _newest(before) > max(marks.values(), default=0):
                self._never.wait(PAUSE_S)  # the importer is between documents and watermark
                continue
            again.read_on(marks)
            refused = again.refused(letter)
            if refused is not None:
                raise still_refused(letter, refused)
            if self._write(before, _projected(again)):
                self._letters.write(self._masked(again.letters))
                return self._settle(letter, again)
        raise Unavailable(
            "the instance goes on all the time, or its importer does not run",
            where=f"dead letter {letter.id}",
            fix="Try again in a moment",
        )

    def decide(self, letter_id: int, action: str, outcome: str, reason: str | None) -> None:
        """See LetterBook."""
        self.open_letter(letter_id)
        self._letters.decide(self._letters.find(letter_id), action, outcome, reason)

    def settle_instance(self, letter: DeadLetter) -> int:
        """See LetterBook."""
        return self._settle(letter, None)

    def close(self) -> None:
        """See LetterBook."""
        self._server.close()

    def _settle(self, letter: DeadLetter, again: Projection | None) -> int:
        still = {(each.position, each.reason_code) for each in again.letters} if again else set()
        if letter.process_instance_key is None:
            found = [self._letters.find(letter.id)]
        else:
            found = self._letters.of_instance(letter.epoch, letter.process_instance_key)
        settled = [f for f in found if (f.source.position, f.source.reason_code) not in still]
        for each in settled:
            self._letters.decide(each, "RETRY", "REPLAYED", None)
        return len(settled)

    def _masked(self, letters: list[NewLetter]) -> list[NewLetter]:
        if self._masker is None:
            return letters
        return [masked_letter(letter, self._masker) for letter in letters]

    def _documents(self, letter: DeadLetter) -> list[_Hit]:
        """Return everything about the instance of a letter, with the versions that were read."""
        if letter.process_instance_key is None:
            return []
        index = self._names.documents
        self._server.ask("POST", path_of(index, "/_refresh"))
        same = {"epoch": letter.epoch, "process_instance_key": letter.process_instance_key}
        body: dict[str, Any] = {
            "query": {"bool": {"filter": [{"term": {n: v}} for n, v in same.items()]}},
            "size": _AT_ONCE,
        }
        hits = search(self._server, path_of(index, "/_search"), body, Found[StoredDocument])
        if len(hits) == _AT_ONCE:
            raise InvalidState(
                f"the instance has {_AT_ONCE} documents or more",
                where=str(letter.process_instance_key),
                fix="Rebuild the tenant's search store instead",
            )
        return hits

    def _write(self, before: list[_Hit], after: dict[str, StoredDocument]) -> bool:
        """Replace documents over what was read; return False when somebody was faster."""
        known = {hit.source.id: hit for hit in before}
        writes = []
        for name, document in after.items():
            hit = known.get(name)
            index = self._names.generation(document.epoch, document.process_instance_key)
            if hit is None:
                create(self._server, index)
            version = hit.version if hit else None
            place = hit.index if hit else index
            writes.append(Write(place, name, msgspec.json.encode(document), version))
        outcome = write_all(self._server, writes)
        if outcome.refused:
            raise InvalidState(
                f"the server still refuses a document: {sorted(set(outcome.refused.values()))}",
                fix="Correct the mapping, or discard the letter with a reason",
            )
        return not outcome.conflicts and all(
            self._delete(hit) for name, hit in known.items() if name not in after
        )

    def _delete(self, hit: _Hit) -> bool:
        version = f"if_seq_no={hit.seq_no}&if_primary_term={hit.primary_term}"
        path = path_of(hit.index, f"/_doc/{hit.source.id}?{version}")
        return self._server.ask("DELETE", path, allow={404, 409}).status != 409


def open_book(line: str, data: Path, tenant_id: str) -> ServerLetterBook:
    """Open the letters of a tenant on the server that ``line`` names."""
    address = parse_address(line)
    names = TenantIndices(address.prefix, tenant_id)
    return ServerLetterBook(SearchServer(address), names, MaskingKeys(data).masker(tenant_id))


def open_server_letters(line: str, tenant_id: str) -> ServerLetters:
    """Return a reader of the letters of a tenant on the server that ``line`` names."""
    address = parse_address(line)
    names = TenantIndices(address.prefix, tenant_id)
    return ServerLetters(SearchServer(address), names, owns_server=True)


def _newest(documents: list[_Hit]) -> int:
    """Return the position of the newest record that a document has."""
    return max(
        (
            max(
                hit.source.instance_position,
                hit.source.variables_position,
                hit.source.jobs_position,
                *(abs(mark) for mark in hit.source.incidents.values()),
                -1,
            )
            for hit in documents
        ),
        default=-1,
    )


def _projected(again: Projection) -> dict[str, StoredDocument]:
    """Return the documents of a projection as if nothing had been stored before."""
    folds = [one.fold for one in again.folds.values() if isinstance(one.fold, DocumentFold)]
    changes = changes_of(folds)
    assert len(folds) == len(again.folds), "documents are made of folds of documents"
    return {name: merge(new_document(rows), rows) for name, rows in changes.items()}
