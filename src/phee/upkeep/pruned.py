"""What a live store may lack, because retention has removed it: no difference in a proof.

A store says how far retention has come in it. Of a row that only the log has, the log's fold says
when its process instance ended; before that moment nobody can expect it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left

from sqlalchemy import Table

from phee.projections.documents import PAYMENT
from phee.stores.relational.happening_tables import messages
from phee.stores.relational.pruning import BUSINESS, instance_column
from phee.stores.relational.tables import dead_letters, process_instances
from phee.upkeep.snapshot import Row, Snapshot


class Pruned:
    """Knows what retention may have removed from a store; 8 bytes for each instance."""

    def __init__(self, live: Snapshot, folded: Snapshot | None = None) -> None:
        """Look how far retention has come in ``live``, and what the fold says had ended by then.

        Without a fold only rows that say themselves when they ended are known.
        """
        self._live = live
        self._ended: dict[int, array[int]] = {}
        if folded is not None and live.kind == "relational" and live.cuts.history_ms is not None:
            for row in folded.rows(process_instances):  # in the order of keys
                if live.cuts.is_past(row["ended_at"]):
                    keys = self._ended.setdefault(row["epoch"], array("q"))
                    keys.append(row["process_instance_key"])

    def covers(self, table: Table, row: Row) -> bool:
        """Return whether the live store may lack this row."""
        cuts = self._live.cuts
        if table.name in BUSINESS:
            return cuts.is_past(row.get("completed_at"), is_business=True)
        if table.name == process_instances.name:
            return cuts.is_past(row["ended_at"])
        if table.name == messages.name:
            return cuts.is_past(max(row["published_at"], row["deadline"] or 0))
        if self._live.kind == "relational":
            column = instance_column(table)
            return column is not None and self._has_ended(row["epoch"], row[str(column.key)])
        if table.name == dead_letters.name:
            return cuts.is_past(row["timestamp"])
        is_payment = row.get("kind") == PAYMENT
        return self._live.is_expired(row) or cuts.is_past(
            row["completed_at"], is_business=is_payment
        )

    def _has_ended(self, epoch: int, key: int | None) -> bool:
        keys = self._ended.get(epoch)
        if keys is None or key is None:
            return False
        place = bisect_left(keys, key)
        return place < len(keys) and keys[place] == key
