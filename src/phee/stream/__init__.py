"""The event stream: how committed records leave the orchestrator.

:mod:`phee.stream.port` has the contracts; :class:`LogServer` and :class:`LogStream` are the
embedded runtime (a Unix socket in the data directory); :mod:`phee.stream.kafka` is the other.
:func:`open_stream` chooses by address.
"""

from phee.stream.address import stream_path
from phee.stream.choice import open_stream
from phee.stream.client import LogStream
from phee.stream.port import Chunk, EventStream, Lane, RecordLog
from phee.stream.server import LogServer

__all__ = [
    "Chunk",
    "EventStream",
    "Lane",
    "LogServer",
    "LogStream",
    "RecordLog",
    "open_stream",
    "stream_path",
]
