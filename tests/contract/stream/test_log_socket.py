"""The socket of the embedded stream: who may connect, restarts, long paths, broken peers."""

from __future__ import annotations

import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from record_stream import Instance, RecordWriter
from stream_runtimes import ServedLog

from phee.errors import InvalidInput, NotSupported, Unavailable
from phee.stream import LogStream, stream_path, wire
from phee.stream.address import socket_address
from phee.stream.memory import MemoryLog
from phee.stream.port import Lane

LANE = Lane(1, 1)


@pytest.fixture
def log() -> MemoryLog:
    log = MemoryLog()
    log.append(Instance(RecordWriter()).start(transactionId="t"))
    return log


@pytest.fixture
def served(log: MemoryLog, tmp_path: Path) -> Iterator[ServedLog]:
    served = ServedLog(log, stream_path(tmp_path))
    served.start()
    yield served
    served.close()


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[LogStream]:
    stream = LogStream(stream_path(tmp_path), "relational")
    yield stream
    stream.close()


def read(stream: LogStream) -> int:
    (chunk,) = stream.fetch({LANE: 0}, max_bytes=1 << 20, timeout_s=0)
    return len(chunk.blocks)


@pytest.mark.usefixtures("served")
def test_only_the_owner_may_connect(tmp_path: Path) -> None:
    mode = stream_path(tmp_path).stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


def test_without_a_hub_the_error_says_what_to_do(stream: LogStream) -> None:
    with pytest.raises(Unavailable, match="Start the hub"):
        stream.lanes()


def test_a_consumer_survives_the_hubs_restart(served: ServedLog, stream: LogStream) -> None:
    assert stream.lanes() == {LANE}
    served.stop()
    with pytest.raises(Unavailable):
        read(stream)
    served.start()
    assert read(stream) == 1


def test_a_socket_left_by_a_dead_hub_is_replaced(
    log: MemoryLog, tmp_path: Path, stream: LogStream
) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(stream_path(tmp_path)))
    dead.close()
    served = ServedLog(log, stream_path(tmp_path))
    served.start()
    assert read(stream) == 1
    served.close()


def test_a_long_data_path_gets_a_short_socket(
    log: MemoryLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = tmp_path / "t"
    short.mkdir()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(short))
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    address = socket_address(stream_path(deep))
    assert len(str(address)) < 100 + len(str(tmp_path))
    assert stat.S_IMODE(address.parent.stat().st_mode) == 0o700
    served = ServedLog(log, stream_path(deep))
    served.start()
    stream = LogStream(stream_path(deep), "relational")
    assert read(stream) == 1
    stream.close()
    served.close()


def test_another_data_directory_behind_the_socket_is_noticed(
    served: ServedLog, stream: LogStream
) -> None:
    stream.lanes()
    with pytest.raises(InvalidInput, match="now serves"):
        stream.fetch({Lane(99, 1): 0}, max_bytes=1, timeout_s=0)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">I", 1 << 31),
        struct.pack(">I", 3) + b"\xc1\xc1\xc1",
        wire.frame(wire.Fetch(0, 1, 1)),
        b"",
    ],
)
def test_nonsense_closes_that_connection_only(
    nonsense: bytes, served: ServedLog, stream: LogStream, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(5)
        peer.connect(str(stream_path(tmp_path)))
        peer.sendall(nonsense)
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(10) == b""
    assert read(stream) == 1


def test_another_version_is_told_so(
    served: ServedLog, stream: LogStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = wire.check_version
    monkeypatch.setattr(wire, "check_version", lambda hello: check(wire.Hello(99, "")))
    with pytest.raises(NotSupported, match="version 99"):
        stream.lanes()


def test_an_answer_over_the_limit_is_refused() -> None:
    with pytest.raises(InvalidInput, match="over the limit"):
        wire.frame_length(struct.pack(">I", wire.ANSWER_BYTES_MAX + 1),
                          bytes_max=wire.ANSWER_BYTES_MAX)  # fmt: skip


def test_frames_keep_their_content() -> None:
    answer = wire.Blocks(1, 9, [(9, b"\x00\xff")])
    framed = wire.frame(answer)
    assert wire.read_answer(framed[4:]) == answer
    with pytest.raises(msgspec.DecodeError):
        wire.read_request(framed[4:])
