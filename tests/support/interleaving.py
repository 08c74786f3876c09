"""Payments that run at the same time, and the ways in which a stream may bring them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
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
    mixed = mixed_commits(RecordWriter(), range(payments), random.Random(seed), tenants)
    return [record for commit in mixed for record in commit]


def mixed_commits(
    writer: RecordWriter, numbers: Sequence[int], rng: random.Random, tenants: Sequence[str]
) -> Iterator[Sequence[Record]]:
    """The commits of payments with these numbers, those of each in order."""
    flows = [
        payment(writer, number, tenant_id=tenants[number % len(tenants)], rng=rng, echoes=1)
        for number in numbers
    ]
    while flows:
        flow = rng.choice(flows)
        commit = next(flow, None)
        if commit is None:
            flows.remove(flow)
        else:
            yield commit


def by_value_type(records: list[Record], seed: int) -> list[list[Record]]:
    """Lanes as of a stream with one topic per value type, in any order."""
    types = sorted({record.value_type for record in records})
    random.Random(seed).shuffle(types)
    return [[record for record in records if record.value_type == kind] for kind in types]


def in_any_order(records: list[Record], seed: int) -> list[list[Record]]:
    """Lanes that have records of the same payment, the later ones perhaps first."""
    shuffled = records.copy()
    random.Random(seed).shuffle(shuffled)
    size = len(shuffled) // 12 + 1
    parts = [shuffled[first : first + size] for first in range(0, len(shuffled), size)]
    return [sorted(part, key=lambda record: record.position) for part in parts]


def write_lanes(
    kind: Kind,
    data: Path,
    open_store: Callable[[str], Any],
    lanes: list[list[Record]],
    *,
    at_once: int = 1,
    tenants: Sequence[str] = ("gorilla", "rhino"),
) -> None:
    """Write the records of so many lanes together, those of others after them."""
    sorter = make_sorter(kind, RegisteredTenants(data), default_mapping())
    last = max(lane[-1].position for lane in lanes)
    batches = []
    for number, records in enumerate(lanes):
        content = msgspec.msgpack.encode((1, 1, 1, records))
        chunk = Chunk(Lane(1, 1, f"lane-{number}"), [(records[-1].position, content)], 1, last)
        batches.append(sorter.sort(chunk, after=0, applied=lambda _: 0))
    for tenant in tenants:
        its = [batch for batch in batches if tenant in batch.tenants]
        store = open_store(tenant)
        for batch in its:
            store.claim(batch.lane, "test", start=0)
        for first in range(0, len(its), at_once):
            store.write([batch.work_of(tenant) for batch in its[first : first + at_once]])
        store.close()
