"""Payments that run at the same time, and the ways in which a stream may bring them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from record_stream import RecordWriter, payment

from phee.importers.process import Kind, RegisteredTenants, make_sorter
from phee.projections.mapping import default_mapping
from phee.records import Record
from phee.stream.port import Chunk, Lane


def interleaved(
    payments: int, seed: int, tenants: Sequence[str] = ("gorilla", "rhino")
) -> list[Record]:
    """Payments of the tenants in turn, with failures and incidents, their commits mixed."""
    rng, writer = random.Random(seed), RecordWriter()
    flows = [
        payment(writer, n, tenant_id=tenants[n % len(tenants)], rng=rng, echoes=1)
        for n in range(payments)
    ]
    records: list[Record] = []
    while flows:
        flow = rng.choice(flows)
        commit = next(flow, None)
        if commit is None:
            flows.remove(flow)
        else:
            records += commit
    return records


def write_by_value_type(
    kind: Kind,
    data: Path,
    open_store: Callable[[str], Any],
    records: list[Record],
    seed: int,
    tenants: Sequence[str] = ("gorilla", "rhino"),
) -> None:
    """Write as from a stream with one topic per value type: each in order, none after another."""
    types = sorted({record.value_type for record in records})
    random.Random(seed).shuffle(types)
    sorter = make_sorter(kind, RegisteredTenants(data), default_mapping())
    stores = {tenant: open_store(tenant) for tenant in tenants}
    for value_type in types:
        lane = Lane(1, 1, f"topic-{value_type}")
        of_type = [record for record in records if record.value_type == value_type]
        content = msgspec.msgpack.encode((1, 1, 1, of_type))
        chunk = Chunk(lane, [(of_type[-1].position, content)], 1, records[-1].position)
        batch = sorter.sort(chunk, after=0, applied=lambda _: 0)
        for tenant, work in batch.tenants.items():
            stores[tenant].claim(lane, "test", start=0)
            stores[tenant].write(lane, batch.last_position, work.fold, work.letters)
    for store in stores.values():
        store.close()
