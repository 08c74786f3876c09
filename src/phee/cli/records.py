"""``phee records``: the record log as JSON lines, in the form in which Zeebe exports it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from phee.cli.hub_api import HubApi
from phee.cli.settings import load_settings
from phee.records import decode_block, to_json
from phee.stream import LogStream, stream_path

FETCH_BYTES = 1 << 20
FOLLOW_WAIT_S = 1.0


def run_records(*, start: int, follow: bool, data: Path | None, http_port: int | None) -> None:
    """Print every record from position ``start`` on; with ``follow`` go on until interrupted.

    Without ``data``, the hub on ``http_port`` is asked for its data directory. Reading
    acknowledges nothing, so it never changes what the importers get.

    Raises:
        phee.errors.Unavailable: no hub runs there.
    """
    stream = LogStream(stream_path(data or _data_of_hub(http_port)))
    output = sys.stdout.buffer
    try:
        for line in json_lines(stream, start=start, follow=follow):
            output.write(line + b"\n")
            if follow:
                output.flush()
        output.flush()
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # The reader has seen enough; nothing more may be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        stream.close()


def _data_of_hub(http_port: int | None) -> Path:
    api = HubApi(load_settings(http_port=http_port).http_port)
    return Path(api.get("/api/v1/status")["dataDirectory"])


def json_lines(stream: LogStream, *, start: int, follow: bool) -> Iterator[bytes]:
    """Yield each record from position ``start`` on as one line of JSON."""
    (lane,) = stream.lanes()
    position = start - 1
    while True:
        (chunk,) = stream.fetch(
            {lane: position},
            max_bytes=FETCH_BYTES,
            timeout_s=FOLLOW_WAIT_S if follow else 0,
        )
        for _, block in chunk.blocks:
            assert isinstance(block, bytes), "the hub's own log is compact"
            for stored in decode_block(block).records:
                if stored.position > position:
                    position = stored.position
                    yield to_json(stored.decoded(), partition_id=lane.partition_id)
        if not follow and position >= chunk.last_position:
            return
