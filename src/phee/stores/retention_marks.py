"""How far retention has come: before which moment a store may lack what had ended by then.

The marks lie beside the watermarks of the importer, under a consumer of their own, so they live
and die with the store: one that was rebuilt from the stream has everything again, and no marks.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from phee.stores.relational.tables import watermarks
from phee.stream.port import Lane

CONSUMER = "retention"
HISTORY, BUSINESS = "history", "business"


@dataclass(frozen=True, slots=True)
class Cuts:
    """Moments (ms since 1970 UTC): what had ended before them is to go, or has gone.

    ``history_ms`` is about process instances, ``business_ms`` about business rows and documents;
    None keeps them.
    """

    history_ms: int | None = None
    business_ms: int | None = None

    def is_past(self, moment_ms: int | None, *, is_business: bool = False) -> bool:
        """Return whether what ended at this moment is before the cut."""
        cut = self.business_ms if is_business else self.history_ms
        return cut is not None and moment_ms is not None and moment_ms < cut

    def by_name(self) -> dict[str, int]:
        """Return the cuts that there are."""
        named = {HISTORY: self.history_ms, BUSINESS: self.business_ms}
        return {name: moment for name, moment in named.items() if moment is not None}


def mark_lane(name: str) -> Lane:
    """Return where a mark lies; no engine's partition has the number 0."""
    return Lane(0, 0, name)


def read_cuts(connection: Connection) -> Cuts:
    """Return how far retention has come in a store in a database."""
    query = select(watermarks.c.lane, watermarks.c.position).where(
        watermarks.c.consumer == CONSUMER
    )
    found = {row.lane: row.position for row in connection.execute(query)}
    return Cuts(found.get(HISTORY), found.get(BUSINESS))


def raise_marks(connection: Connection, cuts: Cuts) -> None:
    """Say that retention has come to ``cuts``; a mark never goes back."""
    known = read_cuts(connection).by_name()
    for name, moment in cuts.by_name().items():
        if name not in known:
            values = {"consumer": CONSUMER, "lane": name, "epoch": 0, "partition_id": 0}
            connection.execute(
                watermarks.insert().values(**values, position=moment, owner=CONSUMER)
            )
        elif known[name] < moment:
            here = (watermarks.c.consumer == CONSUMER, watermarks.c.lane == name)
            connection.execute(watermarks.update().where(*here).values(position=moment))
