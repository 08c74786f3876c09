"""The operator's dead letters: records that belong to no known tenant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from phee.projections.dead_letter import DeadLetter
from phee.stores.letters import DeadLetterReader
from phee.stores.paths import operator_dead_letters_path
from phee.stores.relational.queries import RelationalReader
from phee.stores.relational.tables import dead_letter_decisions, dead_letters
from phee.stores.sqlite import make_durable, reader_engine, writer_engine
from phee.stores.writing import write_dead_letters


class OperatorLetters(Protocol):
    """Writes dead letters of one consumer; several processes may do so at once."""

    def write(self, letters: Sequence[DeadLetter]) -> None:
        """Write ``letters``; those that are there already stay as they are."""

    def make_durable(self) -> None:
        """Make everything written so far survive a power loss."""

    def close(self) -> None:
        """Close the store."""


class SqliteOperatorLetters:
    """The operator's dead letters in a file of the data directory."""

    def __init__(self, path: Path, consumer: str) -> None:
        self._path = path
        self._consumer = consumer
        self._engine = writer_engine(path)
        with self._engine.begin() as connection:
            for table in (dead_letters, dead_letter_decisions):
                table.create(connection, checkfirst=True)

    def write(self, letters: Sequence[DeadLetter]) -> None:
        """See OperatorLetters."""
        with self._engine.begin() as connection:
            write_dead_letters(connection, self._consumer, letters)

    def make_durable(self) -> None:
        """See OperatorLetters."""
        make_durable(self._path)

    def close(self) -> None:
        """See OperatorLetters."""
        self._engine.dispose()


def open_operator_reader(data: Path) -> DeadLetterReader:
    """Return a reader of the operator's dead letters."""
    return RelationalReader(reader_engine(operator_dead_letters_path(data)))
