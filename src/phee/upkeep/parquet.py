"""Parquet files, written in groups of rows: exact decimals, and timestamps in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

from sqlalchemy import BigInteger, Column, Integer, SmallInteger

from phee.extras import require_extra
from phee.projections.money import MINOR_DIGITS, WHOLE_DIGITS
from phee.stores.relational.types import Money, Timestamp

GROUP_ROWS = 5_000
"""A row may hold a drawing or a variable of megabytes; usually it has a few hundred bytes."""
GROUP_CHARACTERS = 16 << 20


class ParquetWriter:
    """A :class:`phee.upkeep.exporting.RowWriter`; needs the package pyarrow."""

    def __init__(self, output: BinaryIO, columns: Sequence[Column[Any]]) -> None:
        """Begin a file with one field for each column.

        Raises:
            NotSupported: pyarrow is not installed.
        """
        require_extra("parquet", where="--format parquet")
        import pyarrow as pa
        from pyarrow import parquet

        self._arrow: Any = pa
        self._schema = pa.schema(
            [pa.field(c.name, _type(pa, c), nullable=bool(c.nullable)) for c in columns]
        )
        self._moments = [isinstance(column.type, Timestamp) for column in columns]
        self._rows: list[Sequence[Any]] = []
        self._characters = 0
        self._file = parquet.ParquetWriter(_Counting(output), self._schema, compression="zstd")

    def write(self, values: Sequence[Any]) -> None:
        """See RowWriter."""
        self._rows.append(values)
        self._characters += sum(len(value) for value in values if isinstance(value, str))
        if len(self._rows) >= GROUP_ROWS or self._characters >= GROUP_CHARACTERS:
            self._flush()

    def close(self) -> None:
        """See RowWriter."""
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        if not self._rows:
            return
        arrays = [
            self._array(field, values, is_moment)
            for field, values, is_moment in zip(
                self._schema, zip(*self._rows, strict=True), self._moments, strict=True
            )
        ]
        self._file.write_batch(self._arrow.record_batch(arrays, schema=self._schema))
        self._rows, self._characters = [], 0

    def _array(self, field: Any, values: Sequence[Any], is_moment: bool) -> Any:
        if is_moment:
            values = [None if value is None else value * 1000 for value in values]
        return self._arrow.array(values, field.type)


class _Counting:
    """A file that can say how far it is, also when it is a pipe."""

    closed = False

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._count = 0

    def write(self, content: Any) -> int:
        """Write everything."""
        size = memoryview(content).nbytes
        self._output.write(content)
        self._count += size
        return size

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._count

    def writable(self) -> bool:
        """It is for writing."""
        return True

    def readable(self) -> bool:
        """It is not for reading."""
        return False

    def seekable(self) -> bool:
        """It only goes on."""
        return False

    def flush(self) -> None:
        """Write what waits."""
        self._output.flush()

    def close(self) -> None:
        """Leave the file underneath open: it is another's."""


def _type(arrow: Any, column: Column[Any]) -> Any:
    kind = column.type
    if isinstance(kind, Money):
        return arrow.decimal128(WHOLE_DIGITS + MINOR_DIGITS, MINOR_DIGITS)
    if isinstance(kind, Timestamp):
        return arrow.timestamp("us", tz="UTC")
    for sql, own in ((SmallInteger, "int16"), (BigInteger, "int64"), (Integer, "int32")):
        if isinstance(kind, sql):
            return getattr(arrow, own)()
    return arrow.string()
