"""Projecting one process instance again, from what the stream has of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from phee.errors import InvalidState
from phee.importers.batch import Sorter
from phee.projections.dead_letter import DeadLetter as NewLetter
from phee.projections.documents import DocumentFold
from phee.projections.relational import RelationalFold
from phee.projections.routing import Route
from phee.records import Record
from phee.stores.relational.models import DeadLetter
from phee.stream.history import History, LogIncomplete, up_to
from phee.stream.port import Lane

CLOCK_SLACK_MS = 60_000
"""How far before the start of an instance its records are looked for: clocks can be set back."""
Fold = RelationalFold | DocumentFold


class OneInstance:
    """A fold that takes the records of one process instance (or one record) and no others."""

    def __init__(self, fold: Fold, letter: DeadLetter) -> None:
        self.fold = fold
        self._key = letter.process_instance_key
        self._position = letter.position

    def apply(self, record: Record, route: Route) -> None:
        """Fold one record in, if it is one of these."""
        wanted = (
            record.position == self._position
            if self._key is None
            else getattr(record.value, "process_instance_key", None) == self._key
        )
        if wanted:
            self.fold.apply(record, route)

    def changes(self) -> Any:
        """See Changes."""
        return self.fold.changes()


class Projection:
    """Folds the records that a letter is about, in as many reads as it takes.

    Attributes:
        folds: what they mean, one fold for each lane, for a store applies a lane at a time.
        letters: what still cannot be projected.
    """

    def __init__(
        self, letter: DeadLetter, tenant_id: str, sorter: Sorter[Any], history: History
    ) -> None:
        self.folds: dict[Lane, OneInstance] = {}
        self.letters: list[NewLetter] = []
        self._letter = letter
        self._tenant_id = tenant_id
        self._sorter = sorter
        self._history = history
        self._after: dict[Lane, int] = {}
        self._since_ms: int | None = None

    def begin(self, started_at: int | None) -> None:
        """Say when the instance began (ms since 1970 UTC); None when nobody knows."""
        if started_at is not None:
            self._since_ms = max(started_at - CLOCK_SLACK_MS, 0)

    def read_on(self, upto: Mapping[Lane, int]) -> None:
        """Read on up to these positions; nothing, where that was reached.

        Raises:
            InvalidState: the stream no longer has the records.
        """
        ours = self._history.lanes(upto)
        wanted = {lane: at for lane, at in upto.items() if lane in ours}
        if not wanted:
            raise self._gone("the stream does not have the records of this letter's time any more")
        try:
            for chunk in self._history.read(self._start(wanted), wanted, since_ms=self._since_ms):
                self._take(chunk.lane, up_to(chunk, wanted[chunk.lane]))
        except LogIncomplete as error:
            raise self._gone(f"the stream no longer has the records: {error.what}") from error
        for lane, position in wanted.items():
            self._after[lane] = max(position, self._after.get(lane, 0))

    def refused(self, letter: DeadLetter) -> NewLetter | None:
        """Return what is still wrong with a letter's record; None when it is a row by now."""
        return next((each for each in self.letters if each.position == letter.position), None)

    def _start(self, wanted: Mapping[Lane, int]) -> dict[Lane, int]:
        letter = self._letter
        only_one = letter.process_instance_key is None and len(wanted) == 1
        first = letter.position - 1 if only_one else 0
        return {lane: self._after.get(lane, first) for lane in wanted}

    def _take(self, lane: Lane, chunk: Any) -> None:
        one = self.folds.get(lane)
        if one is None:
            one = self.folds[lane] = OneInstance(
                self._sorter.new_fold(self._letter.epoch), self._letter
            )
        after = self._after.get(lane, 0)
        fold = one
        sorter: Sorter[Any] = replace(self._sorter, new_fold=lambda _: fold, owners=None)
        batch = sorter.sort(
            chunk, after=after, applied=lambda _: -1, only=frozenset((self._tenant_id,))
        )
        for work in batch.tenants.values():
            self.letters += work.letters
        self._after[lane] = max(batch.last_position, after)

    def _gone(self, what: str) -> InvalidState:
        return InvalidState(
            what,
            where=f"dead letter {self._letter.id}, position {self._letter.position}",
            fix="Discard the letter with a reason, or restore the stream from a backup",
        )


def still_refused(letter: DeadLetter, refused: NewLetter) -> InvalidState:
    """Return the error for a record that the present mapping cannot use either."""
    return InvalidState(
        f"the record still cannot be projected: {refused.reason}",
        where=f"dead letter {letter.id}",
        fix="Correct the mapping and start the hub with it, or discard the letter",
    )
