"""The dead letters of a tenant on a search server, and what was decided about them.

A letter is one document with everything about it, so a decision is one write over the version
that was read: of two people who decide at once, the second is told. Its number, for people and
addresses, follows from its place in the stream; it is the same after a rebuild.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import msgspec

from phee.errors import InvalidInput, InvalidState, NotFound, Unavailable
from phee.projections.dead_letter import DeadLetter
from phee.stores.relational import models
from phee.stores.search.opensearch.bulk import Write, write_all
from phee.stores.search.opensearch.indices import LETTER_FIELDS, TenantIndices, path_of
from phee.stores.search.opensearch.paging import Hit, pages, refresh
from phee.stores.search.opensearch.server import SearchServer
from phee.stores.search.store import CONSUMER

OPEN = "OPEN"
_AT_ONCE = 500
_NUMBER_BITS = 52
"""Numbers stay exact in every JSON reader."""
_SORT = ("epoch", "partition_id", "position", "reason_code")


class Decision(msgspec.Struct, frozen=True):
    """See :class:`phee.stores.relational.models.DeadLetterDecision`."""

    action: str
    outcome: str
    reason: str | None
    decided_by: str | None
    decided_at: int


class StoredLetter(DeadLetter, frozen=True, kw_only=True, omit_defaults=True):
    """The source of a letter."""

    consumer: str = ""
    number: int = 0
    state: str = OPEN
    decisions: list[Decision] = msgspec.field(default_factory=list)

    def shown(self) -> models.DeadLetter:
        """Return the letter for readers."""
        names = set(models.DeadLetter.__struct_fields__) - {"id"}
        fields = {name: getattr(self, name) for name in names}
        return models.DeadLetter(id=self.number, **fields)


class _Total(msgspec.Struct):
    value: int


class _Hits(msgspec.Struct):
    total: _Total
    hits: list[Hit[StoredLetter]]


class _Answer(msgspec.Struct):
    hits: _Hits


def letter_id(letter: DeadLetter) -> str:
    """Return the id of a letter's document."""
    place = f"{letter.epoch:x}-{letter.partition_id}-{letter.position}"
    return f"{CONSUMER}-{place}-{letter.reason_code}"


def stored(letter: DeadLetter) -> StoredLetter:
    """Return what is kept of a new letter."""
    digest = hashlib.sha256(letter_id(letter).encode()).digest()
    number = int.from_bytes(digest[:8], "big") >> (64 - _NUMBER_BITS) or 1
    return StoredLetter(consumer=CONSUMER, number=number, **msgspec.structs.asdict(letter))


class ServerLetters:
    """Reads and decides the letters of one tenant; see :class:`phee.stores.letters`."""

    def __init__(
        self, server: SearchServer, names: TenantIndices, *, owns_server: bool = False
    ) -> None:
        """Prepare; with ``owns_server`` the connections end with :meth:`close`."""
        self._server = server
        self._index = names.dead_letters
        self._owns_server = owns_server

    def close(self) -> None:
        """See DeadLetterReader."""
        if self._owns_server:
            self._server.close()

    def write(self, letters: Iterable[DeadLetter]) -> None:
        """Write new letters; one that is there already stays as it is.

        Raises:
            Unavailable: the server does not answer, or refuses one.
        """
        self._put({letter_id(each): stored(each) for each in letters})

    def _put(self, letters: dict[str, StoredLetter]) -> None:
        writes = [Write(self._index, i, msgspec.json.encode(s)) for i, s in letters.items()]
        refused = write_all(self._server, writes).refused if writes else {}
        if refused:
            raise Unavailable(
                "the search server refuses a dead letter", where=", ".join(set(refused.values()))
            )

    def prepare(self) -> None:
        """Let an index that an earlier version made take what letters have since then."""
        path = path_of(self._index, "/_mapping")
        self._server.ask("PUT", path, {"properties": LETTER_FIELDS}, allow={404})

    # --- reading ---

    def dead_letters(
        self, *, state: str | None = OPEN, page: int = 0, size: int = 20, cursor: str = ""
    ) -> models.Page[models.DeadLetter]:
        """See DeadLetterReader; pages go by number only, and no cursor is ever given out."""
        if cursor:
            raise InvalidInput(
                "the dead letters of a search server have no cursors",
                where="cursor",
                fix="Ask for them by page",
            )
        newest = [{name: {"order": "desc"}} for name in ("epoch", "position", "reason_code")]
        body = {"query": _in_state(state), "sort": newest, "from": page * size, "size": size}
        hits = self._search(body)
        return models.Page(hits.total.value, [found.source.shown() for found in hits.hits])

    def dead_letter(self, letter_id: int) -> models.DeadLetter:
        """See DeadLetterReader."""
        return self.find(letter_id).source.shown()

    def decisions(self, letter: models.DeadLetter) -> list[models.DeadLetterDecision]:
        """See DeadLetterReader."""
        found = self.find(letter.id).source.decisions
        return [models.DeadLetterDecision(**msgspec.structs.asdict(each)) for each in found]

    def find(self, number: int) -> Hit[StoredLetter]:
        """Return a letter by its number.

        Raises:
            NotFound: there is none.
        """
        found = self._search({"query": {"term": {"number": number}}, "size": 1}).hits
        if not found:
            raise NotFound(
                "no dead letter of this tenant has this id",
                where=str(number),
                fix="Take the id from the list of dead letters of the same store",
            )
        return found[0]

    def of_instance(self, epoch: int, process_instance_key: int) -> list[Hit[StoredLetter]]:
        """Return the open letters of a process instance."""
        terms = {"epoch": epoch, "process_instance_key": process_instance_key}
        same = [{"term": {name: value}} for name, value in terms.items()]
        query = {"bool": {"filter": [*same, _in_state(OPEN)]}}
        return self._search({"query": query, "size": _AT_ONCE}).hits

    def all(self) -> Iterator[Hit[StoredLetter]]:
        """Return every letter in the order of its place in the stream."""
        sort = [{name: {"order": "asc"}} for name in _SORT]
        body = {"query": {"match_all": {}}, "size": _AT_ONCE, "sort": sort}
        return chain.from_iterable(pages(lambda page: self._search(page).hits, body))

    def _search(self, body: dict[str, Any]) -> _Hits:
        refresh(self._server, self._index)
        asked = {"seq_no_primary_term": True, "track_total_hits": True, **body}
        return (
            self._server.ask("POST", path_of(self._index, "/_search"), asked).decode(_Answer).hits
        )

    # --- deciding ---

    def decide(
        self, found: Hit[StoredLetter], action: str, outcome: str, reason: str | None
    ) -> None:
        """Keep a decision and the state that follows from it, over the version that was read.

        Raises:
            InvalidState: somebody else has decided meanwhile.
        """
        self.prepare()
        decision = Decision(action, outcome, reason, None, time.time_ns() // 1_000_000)
        letter = msgspec.structs.replace(
            found.source, state=outcome, decisions=[*found.source.decisions, decision]
        )
        write = Write(self._index, found.id, msgspec.json.encode(letter), found.version)
        result = write_all(self._server, [write])
        if result.conflicts:
            raise InvalidState(
                "somebody else has decided about the dead letter",
                where=str(letter.number),
                fix="Look at it again",
            )
        if result.refused:
            raise Unavailable(
                "the search server does not take the decision", where=str(result.refused)
            )

    def carry_over(self, others: ServerLetters) -> int:
        """Take over what was decided in ``others``; return how many decisions that were."""
        count = 0
        decided = {}
        for found in others.all():
            if found.source.decisions or found.source.state != OPEN:
                decided[letter_id(found.source)] = found.source
                count += len(found.source.decisions)
        for name, letter in decided.items():
            path = path_of(self._index, f"/_doc/{name}")
            self._server.ask("PUT", path, msgspec.json.encode(letter))
        return count


def _in_state(state: str | None) -> dict[str, Any]:
    if state is None:
        return {"match_all": {}}
    if state != OPEN:
        return {"term": {"state": state}}
    # A letter of an earlier version has no state: it is open.
    return {"bool": {"should": [{"term": {"state": OPEN}}, _STATELESS], "minimum_should_match": 1}}


_STATELESS: dict[str, Sequence[Any] | dict[str, Any]] = {
    "bool": {"must_not": [{"exists": {"field": "state"}}]}
}
