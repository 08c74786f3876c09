"""Forgetting a person: a party's identifier is erased from both stores of a tenant, for good.

First the party goes on the tenant's list (:mod:`phee.stores.erasures`); from then on nobody can
project it any more. Then what is stored is gone through until nothing of it is left. A run that
is killed anywhere is repeated whole. The stream is not touched: it forgets by its own retention.
"""

from __future__ import annotations

import getpass
import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Protocol

import msgspec
from sqlalchemy.exc import DBAPIError

from phee.errors import Unavailable
from phee.importers.process import KINDS, Kind
from phee.projections.erasing import Eraser, read_identifier
from phee.projections.masking import ERASED_BYTES, erased_token
from phee.stores.erasures import ErasureLists, KeptErasure, Touched
from phee.stores.masking_keys import MaskingKeys
from phee.stores.writing import Replaced
from phee.upkeep.runtimes import Runtimes
from phee.upkeep.sql_erasing import SqlSweeper

CLOCK_SLACK_MS = 60_000
"""Records up to so long after the command are erased, too: clocks of machines differ. So nothing
that is stored when it runs can be of a later moment than the erasure."""
ROUNDS_MAX = 20
Counts = Counter[str]
_NOTHING = erased_token(bytes(ERASED_BYTES))


class Sweeper(Protocol):
    """Erases in one store of a tenant what is there; beside its importer."""

    def sweep(self, eraser: Eraser, texts: list[str], *, dry_run: bool) -> Counts:
        """Go through the store once; return how many rows or documents changed, by table.

        ``texts`` are what is to be erased, in the forms that the store may have.

        Raises:
            Unavailable: the store does not answer; what was erased stays so.
        """

    def finish(self) -> None:
        """Let go of what is only left on the disk, as far as the store can."""

    def close(self) -> None:
        """Let go of the store."""


class Erased(msgspec.Struct, frozen=True, rename="camel"):
    """What was erased (or would be) from one store of a tenant: rows or documents by table."""

    tenant: str
    store: Kind
    erased: dict[str, int]


class PartyEraser:
    """Erases parties of one hub's tenants."""

    def __init__(self, runtimes: Runtimes, *, clock: Callable[[], float] = time.time) -> None:
        """Prepare; ``clock`` tells the time, in seconds since 1970 UTC."""
        self._runtimes = runtimes
        self._clock = clock
        self._lists = ErasureLists(runtimes.data)
        self._maskers = MaskingKeys(runtimes.data)

    def kept(self, tenant_id: str) -> list[KeptErasure]:
        """Return the erasures of a tenant in the order in which they were asked for."""
        return self._lists.kept(tenant_id)

    def erase(
        self, tenant_id: str, party_type: str, party: str, *, dry_run: bool = False
    ) -> list[Erased]:
        """Erase a party from both stores of a tenant; a dry run only counts.

        Raises:
            InvalidInput: ``party`` cannot be an identifier.
            Unavailable: a store does not answer, or an importer does not end its transaction. The
                party may be on the list; ask again to go through the rest.
        """
        identifier = read_identifier(party)
        self._lists.make_key(tenant_id)
        if dry_run:
            return self._sweep_all(tenant_id, identifier, _NOTHING, dry_run=True)
        kept = self._lists.add(
            tenant_id,
            identifier,
            party_type=party_type,
            before_ms=int(self._clock() * 1000) + CLOCK_SLACK_MS,
            erased_by=_user(),
        )
        found = self._sweep_all(tenant_id, identifier, kept.token, dry_run=False)
        touched: Touched = {each.store: each.erased for each in found}
        self._lists.finish(tenant_id, kept, touched)
        return found

    def _sweep_all(
        self, tenant_id: str, identifier: str, token: str, *, dry_run: bool
    ) -> list[Erased]:
        found = []
        for kind in KINDS:
            counts: Counts = Counter()
            if self._runtimes.has_store(kind, tenant_id):
                try:
                    counts = self._sweep(kind, tenant_id, identifier, token, dry_run=dry_run)
                except DBAPIError as error:
                    raise Unavailable(
                        f"the {kind} store cannot be written: {type(error.orig).__name__}",
                        where=tenant_id,
                        fix="Ask again; what was erased stays so",
                    ) from None  # the statement's parameters name the party
            found.append(Erased(tenant_id, kind, dict(sorted(counts.items()))))
        return found

    def _sweep(
        self, kind: Kind, tenant_id: str, identifier: str, token: str, *, dry_run: bool
    ) -> Counts:
        texts = self._forms(kind, tenant_id, identifier)
        eraser = self._lists.eraser_of(tenant_id, *((text, token) for text in texts))
        counts: Counts = Counter()
        with closing(self._open(kind, tenant_id)) as sweeper:
            for _ in range(ROUNDS_MAX):
                try:
                    changed = sweeper.sweep(eraser, texts, dry_run=dry_run)
                except Replaced:
                    continue  # rebuilt meanwhile; the new one is opened by now
                counts += changed
                if dry_run or not changed:
                    break
            else:
                raise Unavailable(
                    "the store is never the same twice", where=tenant_id, fix="Ask again"
                )
            if not dry_run:
                sweeper.finish()
        return counts

    def _forms(self, kind: Kind, tenant_id: str, identifier: str) -> list[str]:
        """Return what the identifier may have become in a store: itself, or tokens of masking."""
        masker = self._maskers.masker(tenant_id) if kind == "search" else None
        if masker is None:
            return [identifier]
        return [identifier, masker.token(identifier), masker.token(f"+{identifier}")]

    def _open(self, kind: Kind, tenant_id: str) -> Sweeper:
        if kind == "search" and not self._runtimes.is_embedded(kind):
            from phee.upkeep.server_erasing import open_sweeper

            return open_sweeper(self._runtimes.search, tenant_id)
        return SqlSweeper(self._runtimes, kind, tenant_id)


def _user() -> str:
    """Return who runs this process: a name, or in a container perhaps a number alone."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
