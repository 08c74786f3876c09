"""A live store beside the fold of what it was given: equal row by row.

A database stands still in a snapshot. A search server goes on, so the fold follows it, and what
differs is looked at again until both are at the same position.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from phee.upkeep.comparing import Differences, TableComparison, Totals, add_to_totals
from phee.upkeep.folding import Shadow
from phee.upkeep.letters import compare_letters
from phee.upkeep.pruned import Pruned
from phee.upkeep.report import StoreReport, totals_of
from phee.upkeep.settling import Pair, settle
from phee.upkeep.snapshot import Key, Snapshot, projected_tables

NEAR_POSITIONS = 2_000
"""A fold so near to a moving store can be compared with it."""
NEAR_ROUNDS_MAX = 20


def compare_live(
    live: Snapshot,
    shadow: Shadow,
    follow: Callable[[], None],
    epochs: Collection[int],
    differences: Differences,
) -> StoreReport:
    """Compare a live store with its fold; ``follow`` folds on to where a moving store is now."""
    if live.is_moving:
        for _ in range(NEAR_ROUNDS_MAX):
            before = sum(shadow.slot.marks.values())
            follow()
            if sum(shadow.slot.marks.values()) - before <= NEAR_POSITIONS:
                break
    folded = shadow.snapshot()
    try:
        report, unsettled = compare_store(live, folded, epochs, differences)
    finally:
        folded.close()
    for table, keys in unsettled.items():
        _settle(live, shadow, follow, table, keys, differences)
    return report


def _settle(
    live: Snapshot,
    shadow: Shadow,
    follow: Callable[[], None],
    table_name: str,
    keys: Sequence[Key],
    differences: Differences,
) -> None:
    (table,) = (each for each in projected_tables(live.kind) if each.name == table_name)

    def look(waiting: Collection[Key]) -> Mapping[Key, Pair]:
        follow()
        found = live.find(table, list(waiting))
        folded = shadow.snapshot()
        try:
            expected = folded.find(table, list(waiting))
        finally:
            folded.close()
        pruned = Pruned(live)
        lacking = expected.keys() - found.keys()
        gone = {key for key in lacking if pruned.covers(table, expected[key])}
        return {
            key: (None, None) if key in gone else (found.get(key), expected.get(key))
            for key in waiting
        }

    for key, (row, expected) in settle(keys, look).items():
        differences.add_row(live.kind, table_name, key, row, expected)


def compare_store(
    live: Snapshot, folded: Snapshot, epochs: Collection[int], differences: Differences
) -> tuple[StoreReport, dict[str, list[Key]]]:
    """Compare every table of a store with its fold.

    Returns the report, and by table the keys of what must be looked at again.
    """
    totals: Totals = {}
    rows: dict[str, int] = {}
    unsettled: dict[str, list[Key]] = {}
    payments = "transfers" if live.kind == "relational" else "documents"
    pruned = Pruned(live, folded)
    for table in projected_tables(live.kind):
        comparison = TableComparison(live.kind, table, differences)
        if table.name == payments:
            comparison.observe = lambda row: (
                add_to_totals(totals, row) if row.get("kind", "payment") == "payment" else None
            )
        comparison.compare(live, folded, epochs=epochs, may_lack=pruned.covers)
        rows[str(table.name)] = comparison.rows
        unsettled[str(table.name)] = comparison.unsettled
    letters = compare_letters(live, folded, epochs, differences, may_lack=pruned.covers)
    position = max((p for lane, p in live.positions.items() if lane.epoch in epochs), default=0)
    return StoreReport(live.kind, position, rows, totals_of(totals), letters), unsettled
