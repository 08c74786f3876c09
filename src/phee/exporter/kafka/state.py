"""What an exporter must not forget: how far it is, which keys and partitions it uses, its orders.

One small SQLite file in the data directory. The position in it is the truth: it is on disk before
the log hears of it, so the log never forgets what is not in Kafka. Other processes read it and put
wishes into it; only the exporter, which holds the lock beside it, writes the rest.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal, Self

import msgspec

from phee.errors import AlreadyExists, Unavailable
from phee.exporter.kafka.layout import Layout, Step

_SCHEMA = """
CREATE TABLE IF NOT EXISTS place (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL, partition_id INTEGER NOT NULL, position INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS roots (child INTEGER PRIMARY KEY, root INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS layouts (
    topic TEXT NOT NULL, after INTEGER NOT NULL, partitions INTEGER NOT NULL,
    PRIMARY KEY (topic, after)
);
CREATE TABLE IF NOT EXISTS wishes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, action TEXT NOT NULL, position INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS report (id INTEGER PRIMARY KEY CHECK (id = 1), content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS pause (id INTEGER PRIMARY KEY CHECK (id = 1));
"""

Action = Literal["pause", "resume", "skip", "reset"]


class Place(msgspec.Struct, frozen=True):
    """Everything up to ``position`` of one life of the log is in Kafka, confirmed."""

    epoch: int
    partition_id: int
    position: int


class Wish(msgspec.Struct, frozen=True):
    """What the exporter was told to do; ``position`` belongs to skip and reset."""

    number: int
    action: Action
    position: int


class Report(msgspec.Struct, kw_only=True, frozen=True):
    """How an exporter did when it last looked."""

    at_ms: int
    position: int
    lag_records: int
    unconfirmed_records: int
    connected: bool
    trouble: str = ""


def state_path(data: Path, name: str) -> Path:
    """Return where the exporter ``name`` keeps its state."""
    return data / "exporter" / f"{name}.db"


class State:
    """The state file of one exporter; one connection, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock: int | None = None
        self._turn = threading.Lock()  # one connection has one transaction at a time
        self._connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=10
        )
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def lock(self) -> None:
        """Be the one exporter of this name until :meth:`close`.

        Raises:
            AlreadyExists: another process is.
        """
        descriptor = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise AlreadyExists(
                "this exporter runs already",
                where=str(self._path),
                fix="Stop the other process, or give this one another --name",
            ) from error
        self._lock = descriptor

    def is_locked(self) -> bool:
        """Whether an exporter of this name runs (in another process)."""
        try:
            self.lock()
        except AlreadyExists:
            return True
        self._unlock()
        return False

    def place(self) -> Place | None:
        """Return how far the exporter is; None when it never ran."""
        row = self._one("SELECT epoch, partition_id, position FROM place")
        return Place(*row) if row else None

    def roots(self) -> dict[int, int]:
        """Return the root of every instance that a call activity started."""
        with closing(self._connection.execute("SELECT child, root FROM roots")) as rows:
            return dict(rows.fetchall())

    def move(self, place: Place, fresh: Mapping[int, int], gone: Iterable[int]) -> None:
        """Make a new place durable, with the roots learnt and forgotten on the way.

        Raises:
            Unavailable: the disk does not take it; the place is the one before.
        """
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO place VALUES (1, ?, ?, ?)",
                (place.epoch, place.partition_id, place.position),
            )
            connection.executemany("INSERT OR REPLACE INTO roots VALUES (?, ?)", fresh.items())
            connection.executemany("DELETE FROM roots WHERE child = ?", ((one,) for one in gone))

    def layout(self, topic: str) -> Layout:
        """Return which partitions of a topic are used; without steps when it never was."""
        with closing(
            self._connection.execute(
                "SELECT after, partitions FROM layouts WHERE topic = ? ORDER BY after", (topic,)
            )
        ) as rows:
            return Layout(Step(*row) for row in rows)

    def keep_layout(self, topic: str, layout: Layout) -> None:
        """Make the layout of a topic durable.

        Raises:
            Unavailable: the disk does not take it; the layout is the one before.
        """
        steps = [(topic, step.after, step.partitions) for step in layout.steps]
        with self._writing() as connection:
            connection.execute("DELETE FROM layouts WHERE topic = ?", (topic,))
            connection.executemany("INSERT INTO layouts VALUES (?, ?, ?)", steps)

    def begin_life(self, place: Place) -> None:
        """Begin another life of the log: nothing of the one before counts."""
        with self._writing() as connection:
            connection.execute("DELETE FROM roots")
            connection.execute("DELETE FROM layouts")
        self.move(place, {}, ())

    def is_paused(self) -> bool:
        """Whether the exporter is to send nothing."""
        return self._one("SELECT 1 FROM pause") is not None

    def set_paused(self, paused: bool) -> None:
        """Remember whether to send, also after a restart."""
        with self._writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO pause VALUES (1)" if paused else "DELETE FROM pause"
            )

    def wish(self, action: Action, position: int = 0) -> None:
        """Tell the exporter something; it obeys within a second, or when it starts."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO wishes (action, position) VALUES (?, ?)", (action, position)
            )

    def wishes(self) -> list[Wish]:
        """Return what was told and not done yet, in order."""
        with closing(
            self._connection.execute("SELECT id, action, position FROM wishes ORDER BY id")
        ) as rows:
            return [Wish(*row) for row in rows.fetchall()]

    def fulfil(self, wish: Wish) -> None:
        """Forget a wish that was done."""
        with self._writing() as connection:
            connection.execute("DELETE FROM wishes WHERE id = ?", (wish.number,))

    def tell(self, report: Report) -> None:
        """Leave word of how things are."""
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO report VALUES (1, ?)", (msgspec.json.encode(report),)
            )

    def report(self) -> Report | None:
        """Return the last word that was left."""
        row = self._one("SELECT content FROM report")
        return msgspec.json.decode(row[0], type=Report) if row else None

    def close(self) -> None:
        """Let go of the file and the lock."""
        self._unlock()
        self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction; a disk that does not take it may have room later."""
        try:
            with self._turn, self._connection as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
        except sqlite3.OperationalError as error:
            raise Unavailable(
                f"the exporter's state cannot be written: {error}",
                where=str(self._path),
                fix="Make room on the disk; the exporter goes on by itself",
            ) from error

    def _one(self, query: str) -> tuple[Any, ...] | None:
        with closing(self._connection.execute(query)) as rows:
            row: tuple[Any, ...] | None = rows.fetchone()
            return row

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
