"""How the truth lies in RocksDB: keys, rows and what they mean.

Two column families. ``log`` holds the record log: last position of a block (8 bytes, big endian)
-> the block. ``default`` holds the state, one family per first byte; numbers in keys are 8 bytes
big endian, rows are MessagePack arrays that only ever grow at their end:

====== =============================== ======================================================
family rest of the key                 row
====== =============================== ======================================================
``M``  name                            what the data directory is, and its counters
``I``  instance, ``E``, element        an element instance (token), see :mod:`.instances`
``I``  instance, ``V``, scope, name    a variable: key and JSON text
``K``  element                         the instance that an element instance belongs to
``J``  job                             a job
``T``  timer                           a timer
``S``  subscription                    a message subscription of an element instance
``U``  subscription                    a message subscription of a start event
``B``  message                         a buffered message
``L``  instance                        the correlation key an instance holds exclusively
``N``  incident                        an open incident
``D``  definition                      a deployed process
``R``  MD5                             a deployed drawing
``Q``  tenant, 0, request id           the answer to a repeatable creation
``q``  time, tenant, 0, request id     the same by age, for pruning
``X``  instance                        an instance that is banned after a fault of the engine
``Z``  position                        a follow-up command that is still to be processed
``A``  consumer                        the log position it acknowledged
====== =============================== ======================================================

All rows of a process instance share the prefix ``I`` + instance key, so it loads in one scan.
Rows that begin and end within one commit never reach the disk.
"""

from __future__ import annotations

from struct import Struct
from typing import Any, Protocol

import msgspec

FORMAT_VERSION = 2

INSTANCE = b"I"
ELEMENT_OWNER = b"K"
JOB_ROW = b"J"
TIMER_ROW = b"T"
SUBSCRIPTION_ROW = b"S"
START_SUBSCRIPTION_ROW = b"U"
MESSAGE_ROW = b"B"
CORRELATION_LOCK_ROW = b"L"
INCIDENT_ROW = b"N"
DEFINITION_ROW = b"D"
RESOURCE_ROW = b"R"
REQUEST_ROW = b"Q"
REQUEST_AGE_ROW = b"q"
BANNED_ROW = b"X"
BACKLOG_ROW = b"Z"
ACKNOWLEDGED_ROW = b"A"

_NUMBER = Struct(">Q")
_FAMILY_NUMBER = Struct(">cQ")
_ELEMENT = Struct(">cQcQ")

encode_row = msgspec.msgpack.Encoder().encode
decode_row = msgspec.msgpack.Decoder().decode
pack_number = _NUMBER.pack


def numbered(family: bytes, number: int) -> bytes:
    """Return the key of row ``number`` in ``family``."""
    return _FAMILY_NUMBER.pack(family, number)


def number_of(key: bytes) -> int:
    """Return the number of a key made by :func:`numbered`."""
    return int.from_bytes(key[1:9], "big")


def element_key(instance_key: int, key: int) -> bytes:
    """Return the row key of an element instance."""
    return _ELEMENT.pack(INSTANCE, instance_key, b"E", key)


def variable_key(instance_key: int, scope_key: int, name: str) -> bytes:
    """Return the row key of a variable."""
    return _ELEMENT.pack(INSTANCE, instance_key, b"V", scope_key) + name.encode()


class Entity(Protocol):
    """Something that lies in one row.

    ``stored``: the row is on disk. ``gone``: it must not be there any more.
    """

    stored: bool
    gone: bool

    def row_key(self) -> bytes:
        """Return where it lies."""

    def row(self) -> Any:
        """Return what lies there."""
