"""Dead letters in a proof: what a store could not use must be what the fold could not use either.

A letter that somebody has dealt with is left out on both sides: what was retried is a row by now,
and what was discarded is known to be missing. What a search server itself refused is known to the
server alone. A letter that is newer than the watermarks of a moving store says nothing yet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import Table

from phee.projections import dead_letter
from phee.upkeep.comparing import Difference, Differences
from phee.upkeep.snapshot import Row, Snapshot, table_named

Key = tuple[Any, ...]


def compare_letters(
    live: Snapshot,
    folded: Snapshot,
    epochs: Collection[int],
    differences: Differences,
    *,
    may_lack: Callable[[Table, Row], bool],
) -> int:
    """Note every open dead letter that only one side has; return how many the store has open."""
    table = table_named(live.kind, "dead_letters")
    ours = {
        _key(row): row["state"] for row in live.rows(table, epochs=epochs) if _is_its(live, row)
    }
    theirs = {_key(row): row for row in folded.rows(table, epochs=epochs)}
    is_open = {key for key, state in ours.items() if state == "OPEN"}
    for key in sorted(theirs.keys() - ours.keys()):
        if not may_lack(table, theirs[key]):
            differences.add(Difference(live.kind, str(table.name), _text(key), "missing"))
    for key in sorted(is_open - theirs.keys()):
        if not _is_of_server(live, key):
            differences.add(Difference(live.kind, str(table.name), _text(key), "unexpected"))
    return len(is_open)


def _is_its(live: Snapshot, row: Row) -> bool:
    if not live.is_moving:
        return True
    marks = (
        at
        for lane, at in live.positions.items()
        if (lane.epoch, lane.partition_id) == (row["epoch"], row["partition_id"])
    )
    return bool(row["position"] <= max(marks, default=0))


def _is_of_server(live: Snapshot, key: Key) -> bool:
    return live.is_moving and key[-1] == dead_letter.REFUSED


def _key(row: Row) -> Key:
    return (row["epoch"], row["partition_id"], row["position"], row["reason_code"])


def _text(key: Key) -> str:
    return " ".join(str(part) for part in key)
