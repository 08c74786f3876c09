"""Who was erased, tenant by tenant: a list and a key beside each tenant's stores.

The list holds keyed digests, so it names nobody; it is what keeps a replay, a rebuild or a late
importer from bringing an erased party back. Invariants:

- whoever projects records does it inside :meth:`ErasureLists.reading`, from the moment it asks for
  an eraser until what it projected is in the store;
- the list changes only while nobody is inside. So when :meth:`ErasureLists.add` returns, everything
  that was projected with the older list is in the stores, and all that follows has the newer one;
- the list is replaced whole, and is on disk before anything is erased.

The locks are files of the data directory, let go by the system when a process ends in any way.
"""

from __future__ import annotations

import contextlib
import fcntl
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from phee.durable_files import replace_durably
from phee.errors import InvalidInput, Unavailable
from phee.projections.erasing import Eraser, Erasure, erasure_of
from phee.projections.masking import ERASED_BYTES, KEY_BYTES, erased_token
from phee.stores.masking_keys import personal_data_rules, read_key, write_new_key
from phee.stores.paths import tenant_directory

KEY_NAME = "erasure.key"
LIST_NAME = "erasures.json"
WAIT_S = 20.0
"""A transaction of an importer takes much less."""
_PAUSE_S = 0.01
_NEVER = threading.Event()

Touched = dict[str, dict[str, int]]
"""By store and table (or kind of document), how many rows were changed."""
Stamp = tuple[int, int] | None
"""Tells two states of a list apart; None: there is none."""


class KeptErasure(Erasure, frozen=True, kw_only=True):
    """An erasure as it is kept, with what was done; ``touched`` is None until all was.

    Attributes:
        party_type: of the identifier, as it was given.
        erased_at: when it was asked for, in ms since 1970 UTC.
        erased_by: the user of the operating system who asked.
    """

    party_type: str
    erased_at: int
    erased_by: str
    touched: Touched | None = None


class _File(msgspec.Struct):
    version: Literal[1] = 1
    erasures: list[KeptErasure] = []


class ErasureLists:
    """The lists of all tenants of a data directory. Safe in several threads and processes."""

    def __init__(self, data: Path) -> None:
        """Prepare; the rules of what is personal are those of masking.

        Raises:
            InvalidInput: the file with the rules cannot be read.
        """
        self._data = data
        self._rules = personal_data_rules()
        self._known: dict[tuple[str, bool], tuple[Stamp, Eraser]] = {}

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Keep every list as it is; others may read meanwhile."""
        with contextlib.ExitStack() as held:
            with self._locked("turn", fcntl.LOCK_SH):  # lets one who waits to write go first
                held.enter_context(self._locked("lists", fcntl.LOCK_SH))
            yield

    def stamp(self, tenant_id: str) -> Stamp:
        """Return what tells the list of now from any other."""
        try:
            found = self._path(tenant_id, LIST_NAME).stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    def eraser(self, tenant_id: str, *, is_masked: bool = False) -> Eraser | None:
        """Return what applies a tenant's list; None when nobody was erased.

        Raises:
            InvalidInput: the list or its key cannot be read.
        """
        stamp = self.stamp(tenant_id)
        if stamp is None:
            return None
        known = self._known.get((tenant_id, is_masked))
        if known is None or known[0] != stamp:
            key, erasures = self._key(tenant_id), self.kept(tenant_id)
            known = stamp, Eraser(key, erasures, self._rules, is_masked=is_masked)
            self._known[tenant_id, is_masked] = known
        return known[1]

    def eraser_of(self, tenant_id: str, *tokens: tuple[str, str]) -> Eraser:
        """Return what puts a token in place of each text, in what is stored already."""
        key = self._key(tenant_id)
        return Eraser(key, [erasure_of(key, *pair) for pair in tokens], self._rules)

    def kept(self, tenant_id: str) -> list[KeptErasure]:
        """Return a tenant's erasures in the order in which they were asked for.

        Raises:
            InvalidInput: the list cannot be read.
        """
        path = self._path(tenant_id, LIST_NAME)
        try:
            return msgspec.json.decode(path.read_bytes(), type=_File).erasures
        except FileNotFoundError:
            return []
        except msgspec.MsgspecError as error:
            raise InvalidInput(
                f"the list of erased parties cannot be read: {error}",
                where=str(path),
                fix="Restore it from a backup; without it a replay brings erased parties back",
            ) from error

    def add(
        self, tenant_id: str, identifier: str, *, party_type: str, before_ms: int, erased_by: str
    ) -> KeptErasure:
        """Add a party to the list; one that was erased before keeps its token.

        Raises:
            Unavailable: an importer does not come to the end of a transaction.
        """
        with self._writing():
            erasures = self.kept(tenant_id)
            token = erased_token(secrets.token_bytes(ERASED_BYTES))
            new = erasure_of(self._key(tenant_id), identifier, token, before_ms)
            token = next((e.token for e in erasures if e.digest == new.digest), token)
            kept = KeptErasure(
                digest=new.digest,
                length=new.length,
                token=token,
                before_ms=before_ms,
                party_type=party_type,
                erased_at=time.time_ns() // 1_000_000,
                erased_by=erased_by,
            )
            self._write(tenant_id, [*erasures, kept])
        return kept

    def finish(self, tenant_id: str, erasure: KeptErasure, touched: Touched) -> None:
        """Note what an erasure changed, and that it is done; so are earlier ones of this party."""

        def done(each: KeptErasure) -> KeptErasure:
            if each.digest != erasure.digest or each.touched is not None:
                return each
            return msgspec.structs.replace(each, touched=touched if each == erasure else {})

        with self._writing():
            self._write(tenant_id, [done(each) for each in self.kept(tenant_id)])

    def is_done(self, tenant_id: str) -> bool:
        """Return whether every erasure of a tenant was done to its end."""
        return all(each.touched is not None for each in self.kept(tenant_id))

    def make_key(self, tenant_id: str) -> None:
        """Make a tenant's key, when there is none."""
        path = self._path(tenant_id, KEY_NAME)
        if not path.exists():
            write_new_key(path, secrets.token_bytes(KEY_BYTES))

    def _key(self, tenant_id: str) -> bytes:
        path = self._path(tenant_id, KEY_NAME)
        try:
            return read_key(path)
        except FileNotFoundError as error:
            raise InvalidInput(
                "the key of the list of erased parties is gone",
                where=str(path),
                fix="Restore it from a backup; without it a replay brings erased parties back",
            ) from error

    def _write(self, tenant_id: str, erasures: list[KeptErasure]) -> None:
        content = msgspec.json.encode(_File(erasures=erasures))
        replace_durably(self._path(tenant_id, LIST_NAME), content, mode=0o600)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with (
            self._locked("turn", fcntl.LOCK_EX | fcntl.LOCK_NB),
            self._locked("lists", fcntl.LOCK_EX | fcntl.LOCK_NB),
        ):
            yield

    @contextlib.contextmanager
    def _locked(self, name: str, how: int) -> Iterator[None]:
        path = self._data / "upkeep" / f"erasures.{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("ab") as file:
            deadline = time.monotonic() + WAIT_S
            while True:
                try:
                    fcntl.flock(file, how)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > deadline:
                        raise Unavailable(
                            "an importer, a rebuild or a retry does not come to an end",
                            where=str(path),
                            fix="See why, and try again; nothing was erased",
                        ) from error
                _NEVER.wait(_PAUSE_S)
            yield

    def _path(self, tenant_id: str, name: str) -> Path:
        return tenant_directory(self._data, tenant_id) / name
