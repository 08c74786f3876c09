"""The way of Payment Hub EE's importer: one transaction for each record.

What upstream does, without what slows it down besides: no window, no entity manager, no second
query. A record that means something for the tables is projected (not timed), then written with the
same statements into the same database in a transaction of its own, on one connection.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from phee.records import decode_block, encode_block
from phee.stream.port import Chunk

RECORDS_MAX = 2_000


def measure_record_at_a_time(target: Any, parts: list[Chunk]) -> float:
    """Return records/s into the tables of ``target`` (a target of ``bench/relational.py``)."""
    stores = target.open()
    connections = {tenant: store._engine.connect() for tenant, store in stores.items()}  # noqa: SLF001
    written, began = 0, 0.0
    for tenant, fold in _folds(target, parts):
        store, connection = stores[tenant], connections[tenant]
        started = time.perf_counter()
        with connection.begin():
            for kind, rows in fold.changes():
                store._upserts[kind].apply(connection, rows)  # noqa: SLF001
        began += time.perf_counter() - started
        written += 1
    for connection in connections.values():
        connection.close()
    for store in stores.values():
        store.close()
    return written / began


def _folds(target: Any, parts: list[Chunk]) -> Iterator[tuple[str, Any]]:
    """Yield the tenant and the fold of one record after the other."""
    sorter, left = target.sorter(), RECORDS_MAX
    for part in parts:
        lane = part.lane
        for _, data in part.blocks:
            for stored in decode_block(data).records:
                block = encode_block(lane.epoch, lane.partition_id, [stored.decoded()])
                chunk = Chunk(lane, [(stored.position, block)], 1, stored.position)
                batch = sorter.sort(chunk, after=0, applied=lambda _: 0)
                for tenant, work in batch.tenants.items():
                    if not left:
                        return
                    left -= 1
                    yield tenant, work.fold
