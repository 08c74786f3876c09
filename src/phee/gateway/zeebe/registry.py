"""Which attempt won each request: the durable memory of creation at most once.

One SQLite file. The first claim of a request wins, and a claim is answered only when it is on
disk. Claims that wait together share one commit. A file has one owner at a time.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import structlog

from phee.commands import RequestId
from phee.errors import InvalidState, PheeError, Unavailable

FILE_NAME = "zeebe-requests.db"
KEEP_DAYS = 30
UNKNOWN_KEY = -1
"""In place of keys and versions that nobody told yet."""

_GROUP_MAX = 512
_REMEMBERED_MAX = 100_000
_DAY_MS = 24 * 60 * 60 * 1000
_PRUNE_EVERY_MS = 60 * 60 * 1000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS claims (
    tenant_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    attempt TEXT NOT NULL,
    process_instance_key INTEGER NOT NULL,
    process_definition_key INTEGER NOT NULL,
    version INTEGER NOT NULL,
    claimed_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, request_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS claims_by_age ON claims (claimed_ms);
"""
_INSERT = "INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_SELECT = """
SELECT digest, attempt, process_instance_key, process_definition_key, version
FROM claims WHERE tenant_id = ? AND request_id = ?
"""
_COMPLETE = """
UPDATE claims SET process_instance_key = ?, process_definition_key = ?, version = ?
WHERE tenant_id = ? AND request_id = ?
"""

_PRUNE = """
DELETE FROM claims WHERE (tenant_id, request_id) IN
    (SELECT tenant_id, request_id FROM claims WHERE claimed_ms < ? LIMIT ?)
"""
_PRUNED_MAX = 500

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """An attempt that wants to be, or is, the one that counts for a request.

    Keys and version are those of the instance it started, ``UNKNOWN_KEY`` while nobody told them.
    """

    tenant_id: str
    request: RequestId
    attempt: str
    process_instance_key: int = UNKNOWN_KEY
    process_definition_key: int = UNKNOWN_KEY
    version: int = UNKNOWN_KEY

    @property
    def tells_key(self) -> bool:
        """True when the instance is known."""
        return self.process_instance_key != UNKNOWN_KEY


class _Question:
    """Something to look up and, with a claim, to decide."""

    def __init__(self, tenant_id: str, request_id: str, claim: Claim | None = None) -> None:
        self.where = (tenant_id, request_id)
        self.claim = claim
        self.answer: Future[Claim | None] = Future()


class RequestRegistry:
    """The claims in ``folder``; forgets those older than ``keep_days``.

    Raises:
        InvalidState: another process has this registry open.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keep_days: int = KEEP_DAYS,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._path = folder / FILE_NAME
        self._keep_ms = keep_days * _DAY_MS
        self._now_ms = now_ms
        self._remembered: dict[tuple[str, str], Claim] = {}
        self._questions: SimpleQueue[_Question | None] = SimpleQueue()
        self._closed = False
        self._database = self._open(folder)
        self._pruned_ms = 0
        self._thread = threading.Thread(target=self._serve, name="zeebe requests", daemon=True)
        self._thread.start()

    def remembered(self, tenant_id: str, request_id: str) -> Claim | None:
        """Return the winning claim if it is in memory: what it says is durable."""
        return self._remembered.get((tenant_id, request_id))

    async def find(self, tenant_id: str, request_id: str) -> Claim | None:
        """Return the winning claim of a request, if any.

        Raises:
            Unavailable: the registry cannot be read.
        """
        found = self._remembered.get((tenant_id, request_id))
        return found or await self._ask(_Question(tenant_id, request_id))

    async def claim(self, claim: Claim) -> Claim:
        """Return who has the request: this attempt if it was the first, durably.

        Raises:
            Unavailable: the registry cannot be written; whether the claim holds is unknown.
        """
        where = (claim.tenant_id, claim.request.id)
        known = self._remembered.get(where)
        if known is not None and (known.attempt != claim.attempt or known.tells_key):
            return known
        winner = await self._ask(_Question(*where, claim))
        assert winner is not None, "a claim is decided"
        return winner

    def close(self) -> None:
        """Write what waits, and let others open the file."""
        if not self._closed:
            self._closed = True
            self._questions.put(None)
            self._thread.join()

    async def _ask(self, question: _Question) -> Claim | None:
        if self._closed:
            raise Unavailable("The registry of requests is closed", where=self._path.name)
        self._questions.put(question)
        winner = await asyncio.wrap_future(question.answer)
        if winner is not None:
            self._remember(question.where, winner)
        return winner

    def _remember(self, where: tuple[str, str], winner: Claim) -> None:
        if len(self._remembered) >= _REMEMBERED_MAX and where not in self._remembered:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[where] = winner

    def _open(self, folder: Path) -> sqlite3.Connection:
        folder.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=1
        )
        try:
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            database.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            database.close()
            raise InvalidState(
                f"The registry of requests cannot be opened: {error}",
                where=str(self._path),
                fix="Stop the other hub that uses this data directory",
            ) from None
        return database

    # What follows runs in the registry's own thread.

    def _serve(self) -> None:
        while (group := self._next_group()) is not None:
            try:
                answers = self._decide(group)
            except sqlite3.Error as error:
                self._refuse(group, error)
            else:
                for question, answer in zip(group, answers, strict=True):
                    _tell(question.answer, answer)
                self._prune_if_due()
        self._database.close()

    def _next_group(self) -> list[_Question] | None:
        first = self._questions.get()
        if first is None:
            return None
        group = [first]
        while len(group) < _GROUP_MAX and not self._questions.empty():
            question = self._questions.get()
            if question is None:
                self._questions.put(None)  # after this group
                break
            group.append(question)
        return group

    def _decide(self, group: list[_Question]) -> list[Claim | None]:
        """Answer a group of questions in one transaction."""
        self._database.execute("BEGIN IMMEDIATE")
        answers = [self._decide_one(question) for question in group]
        self._database.execute("COMMIT")
        return answers

    def _decide_one(self, question: _Question) -> Claim | None:
        claim = question.claim
        if claim is not None:
            keys = (claim.process_instance_key, claim.process_definition_key, claim.version)
            row = (claim.request.digest, claim.attempt, *keys, self._now_ms())
            self._database.execute(_INSERT, (*question.where, *row))
        winner = self._stored(question.where)
        if claim is None or winner is None or winner.attempt != claim.attempt:
            return winner
        if claim.tells_key and not winner.tells_key:
            self._database.execute(_COMPLETE, (*keys, *question.where))
            return claim
        return winner

    def _stored(self, where: tuple[str, str]) -> Claim | None:
        row = self._database.execute(_SELECT, where).fetchone()
        if row is None:
            return None
        digest, attempt, *keys = row
        return Claim(where[0], RequestId(where[1], digest), attempt, *keys)

    def _refuse(self, group: list[_Question], error: sqlite3.Error) -> None:
        _log.error("request_registry_failed", reason=str(error), questions=len(group))
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")
        refusal = Unavailable(
            f"The registry of requests cannot be written: {error}",
            where=str(self._path),
            fix="Make room on its disk; then repeat the request",
        )
        for question in group:
            _tell(question.answer, refusal)

    def _prune_if_due(self) -> None:
        """Forget some old claims, few at a time: others wait meanwhile."""
        now_ms = self._now_ms()
        if now_ms - self._pruned_ms < _PRUNE_EVERY_MS:
            return
        try:
            pruned = self._database.execute(_PRUNE, (now_ms - self._keep_ms, _PRUNED_MAX))
        except sqlite3.Error as error:
            _log.warning("request_registry_not_pruned", reason=str(error))
        else:
            if pruned.rowcount == _PRUNED_MAX:
                return  # there may be more: go on after the next group
        self._pruned_ms = now_ms


def _tell(answer: Future[Claim | None], content: Claim | PheeError | None) -> None:
    """Answer, unless nobody waits any more."""
    if answer.set_running_or_notify_cancel():
        if isinstance(content, PheeError):
            answer.set_exception(content)
        else:
            answer.set_result(content)
