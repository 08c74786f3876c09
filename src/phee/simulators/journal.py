"""Rows into SQLite, many requests to one commit.

State lives in memory and is changed on the event loop; the rows that describe the change are
added here in the same breath. Whoever answers a request first awaits :meth:`Journal.durable`,
which returns once everything added before is on disk (WAL, synchronous=FULL). While one group is
being committed by a thread, the next one gathers.

Invariant: after a failed commit memory and disk disagree, so the journal refuses everything from
then on, and the process has to be started again.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from phee.errors import Unavailable

Row = tuple[Any, ...]


class Journal:
    """The only writer of one SQLite file."""

    def __init__(self, path: Path, schema: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(schema)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._rows: list[tuple[str, Row]] = []
        self._then: list[Callable[[], None]] = []
        self._wake = asyncio.Event()
        self._group: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._failure: sqlite3.Error | None = None
        self._task = asyncio.create_task(self._commit_groups())

    @property
    def healthy(self) -> bool:
        """Whether what is added can still become durable."""
        return self._failure is None

    def read(self, sql: str, parameters: Row = ()) -> list[Row]:
        """All rows of a query; for loading at start, before anything is added."""
        return self._connection.execute(sql, parameters).fetchall()

    def add(self, sql: str, parameters: Row) -> None:
        """Put a row into the current group.

        Raises:
            Unavailable: an earlier commit failed.
        """
        if self._failure is not None:
            raise self._refusal()
        self._rows.append((sql, parameters))
        self._wake.set()

    def then(self, action: Callable[[], None]) -> None:
        """Call ``action`` on the event loop once everything added before is durable."""
        self._then.append(action)
        self._wake.set()

    async def durable(self) -> None:
        """Wait until everything added before is on disk.

        Raises:
            Unavailable: the commit failed.
        """
        self._wake.set()
        await asyncio.shield(self._group)

    async def close(self) -> None:
        """Commit what was added, then close the file."""
        if self.healthy:
            with suppress(Unavailable):
                await self.durable()
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._thread.shutdown()
        self._connection.close()

    async def _commit_groups(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            rows, self._rows = self._rows, []
            actions, self._then = self._then, []
            group, self._group = self._group, asyncio.get_running_loop().create_future()
            # Nobody may be waiting: an exception nobody fetches is not worth a warning.
            group.add_done_callback(lambda done: done.cancelled() or done.exception())
            try:
                await self._commit(rows)
            except sqlite3.Error as error:
                self._failure = error
            if self._failure is not None:
                group.set_exception(self._refusal())
                continue
            group.set_result(None)
            for action in actions:
                action()

    async def _commit(self, rows: list[tuple[str, Row]]) -> None:
        if not rows or self._failure is not None:
            return
        execute = self._connection.execute
        execute("BEGIN")
        for sql, parameters in rows:
            execute(sql, parameters)
        # Only the disk's part leaves the event loop: row by row, a thread would lose the
        # interpreter lock at every statement and wait for it again.
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._connection.commit)

    def _refusal(self) -> Unavailable:
        return Unavailable(
            f"the disk refused a commit ({self._failure})",
            where="simulator journal",
            fix="Make room or repair the disk, then start the simulators again.",
        )
