"""What a store's watermarks mean together: up to which position it has everything."""

from __future__ import annotations

from collections.abc import Iterable


def position_reached(marks: Iterable[tuple[str, int]]) -> int:
    """Return up to where a store has every record of one engine's partition; -1: nothing yet.

    ``marks`` are the (lane name, position) of that partition. A stream that spreads its records
    (``topic/number``) is as far as its slowest lane; of several streams, one after the other, the
    one that came furthest counts. The engine's own log has one lane, without a name.
    """
    streams: dict[str, int] = {}
    for lane, position in marks:
        stream = lane.partition("/")[0]
        streams[stream] = min(position, streams.get(stream, position))
    return max(streams.values(), default=-1)
