"""Dead letters of a tenant, and of the operator: look, retry, discard.

A retry projects the whole process instance again, from the stream, with the present mapping, and
puts the result in place of what the store has of it. So it comes out as if the record had never
been refused, whatever came after it, and doing it twice changes nothing. Every letter of the
instance that is no longer one is marked with it. Each decision is kept.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from phee.errors import InvalidState, NotFound
from phee.importers.batch import Sorter
from phee.importers.process import KINDS, Kind, RegisteredTenants, make_sorter
from phee.projections.mapping import TransferMapping
from phee.records.json_form import read_json
from phee.stores.erasures import ErasureLists
from phee.stores.letters import DeadLetterReader
from phee.stores.masking_keys import MaskingKeys
from phee.stores.mysql.names import OPERATOR
from phee.stores.relational.models import DeadLetter
from phee.stores.relational.stores import relational_stores
from phee.stores.search.runtime import EMBEDDED
from phee.stream.history import History
from phee.stream.port import Lane
from phee.upkeep.projecting import Projection
from phee.upkeep.runtimes import Runtimes
from phee.upkeep.sql_letters import SqlLetterBook

__all__ = ["OPERATOR", "DeadLetterDesk", "Decision", "LetterBook"]


class Decision(msgspec.Struct, frozen=True, rename="camel"):
    """What became of a letter. ``settled`` counts the letters of the same instance, with it."""

    id: int
    store: str
    state: str
    settled: int


class LetterBook(Protocol):
    """The letters of one store, with its rows or documents, for whoever decides about them."""

    def open_letter(self, letter_id: int) -> DeadLetter:
        """Return a letter that nobody has dealt with.

        Raises:
            NotFound: there is none with this id.
            InvalidState: it was dealt with already.
        """

    def started_at(self, letter: DeadLetter) -> int | None:
        """Return when the instance of a letter began, as the store knows it."""

    def marks(self, letter: DeadLetter) -> dict[Lane, int]:
        """Return how far the store is in the lanes that the letter's records may be in."""

    def replace(self, letter: DeadLetter, again: Projection, *, is_own: bool) -> int:
        """Put a new projection in place of what there is; return how many letters it settled.

        ``is_own`` says that the letter is one of this book.

        Raises:
            InvalidState: the record still cannot be projected, or somebody else was faster.
        """

    def decide(self, letter_id: int, action: str, outcome: str, reason: str | None) -> None:
        """Keep a decision about an open letter."""

    def settle_instance(self, letter: DeadLetter) -> int:
        """Mark the open letters of the same instance as replayed; return how many."""

    def close(self) -> None:
        """Let go of the store."""


class DeadLetterDesk:
    """The dead letters of a hub's stores, whatever runtimes they are on."""

    def __init__(self, runtimes: Runtimes, mapping: TransferMapping) -> None:
        self._runtimes = runtimes
        self._erasures = ErasureLists(runtimes.data)
        tenants = RegisteredTenants(runtimes.data)
        self._sorters: dict[Kind, Sorter[Any]] = {
            kind: make_sorter(
                kind, tenants, mapping, MaskingKeys(runtimes.data).masker, self._erasures
            )
            for kind in KINDS
        }

    def reader(self, tenant_id: str, store: Kind) -> DeadLetterReader:
        """Return a reader of the letters of a store; ``OPERATOR`` has those of no tenant."""
        if tenant_id == OPERATOR:
            runtimes = self._runtimes
            return relational_stores(runtimes.database, runtimes.data).open_operator_reader()
        return self._runtimes.open_letters(store, tenant_id)

    def retry(self, tenant_id: str, letter_id: int, *, store: Kind, history: History) -> Decision:
        """Project the record of a letter again, with the present mapping.

        Raises:
            NotFound: the tenant has no such letter.
            InvalidState: it was dealt with already, or still cannot be projected.
            Unavailable: the stream or the store does not answer.
        """
        if tenant_id == OPERATOR:
            return self._retry_of_operator(letter_id, history)
        book = self._open(tenant_id, store)
        try:
            letter = book.open_letter(letter_id)
            settled = self._project(book, letter, tenant_id, store, history, is_own=True)
        finally:
            book.close()
        return Decision(letter_id, store, "REPLAYED", settled)

    def discard(self, tenant_id: str, letter_id: int, *, store: Kind, reason: str) -> Decision:
        """Give up a record for good; ``reason`` says why and is kept.

        Raises:
            NotFound: the tenant has no such letter.
            InvalidState: it was dealt with already.
        """
        book = self._open(tenant_id, store)
        try:
            book.decide(letter_id, "DISCARD", "DISCARDED", reason)
        finally:
            book.close()
        return Decision(letter_id, store, "DISCARDED", 1)

    def _project(
        self,
        book: LetterBook,
        letter: DeadLetter,
        tenant_id: str,
        store: Kind,
        history: History,
        *,
        is_own: bool,
    ) -> int:
        with self._erasures.reading():
            again = Projection(letter, tenant_id, self._sorters[store], history)
            again.begin(book.started_at(letter))
            again.read_on(book.marks(letter))
            return book.replace(letter, again, is_own=is_own)

    def _retry_of_operator(self, letter_id: int, history: History) -> Decision:
        """Give a record to the tenant that it belongs to by now."""
        book = self._open(OPERATOR, "relational")
        try:
            letter = book.open_letter(letter_id)
            store = next(kind for kind in KINDS if kind == letter.consumer)
            theirs = self._open(self._owner_of(letter, store), store)
            try:
                tenant_id = self._owner_of(letter, store)
                self._project(theirs, letter, tenant_id, store, history, is_own=False)
            finally:
                theirs.close()
            settled = book.settle_instance(letter)
        finally:
            book.close()
        return Decision(letter_id, store, "REPLAYED", settled)

    def _owner_of(self, letter: DeadLetter, store: Kind) -> str:
        """Return the tenant that a letter's record belongs to.

        Raises:
            InvalidState: there is still none, or the record cannot be read.
        """
        try:
            _, stored = read_json((letter.record or "").encode())
            value: Any = stored.decoded().value
            route = self._sorters[store].router.route(value.bpmn_process_id, value.tenant_id)
        except (msgspec.DecodeError, ValueError, AttributeError) as error:
            raise InvalidState(
                "the record cannot be read, so nobody knows whose it is",
                where=f"dead letter {letter.id}",
                fix="Discard the letter with a reason",
            ) from error
        if route is None:
            raise InvalidState(
                "the record still belongs to no known tenant",
                where=f"dead letter {letter.id}, tenant {letter.tenant_id}",
                fix="Onboard the tenant, or discard the letter with a reason",
            )
        return route.tenant_id

    def _open(self, tenant_id: str, store: Kind) -> LetterBook:
        runtimes = self._runtimes
        if tenant_id != OPERATOR and not runtimes.has_store(store, tenant_id):
            raise NotFound(
                f"this tenant has no {store} store",
                where=tenant_id,
                fix="Name an onboarded tenant; its importer makes its stores",
            )
        if store == "search" and runtimes.search != EMBEDDED and tenant_id != OPERATOR:
            from phee.upkeep.server_letters import open_book

            return open_book(runtimes.search, runtimes.data, tenant_id)
        if tenant_id == OPERATOR:
            return SqlLetterBook.of_operator(runtimes)
        return SqlLetterBook.of_tenant(runtimes, store, tenant_id)
