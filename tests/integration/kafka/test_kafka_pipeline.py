"""Log -> exporter -> Kafka -> importers: the stores equal the fold of the log, whatever happens."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from importing import Rows, fold_of, new_importer, prepare, stores_of
from interleaving import mixed_commits
from kafka_world import (
    Form,
    RealKafka,
    everywhere,
    export,
    exporting,
    import_until,
    kafka_stream,
    settings_for,
    write,
)
from record_stream import RecordWriter

from phee.exporter.kafka.selection import PROJECTED, Selection
from phee.exporter.kafka.settings import TopicSettings
from phee.importers.process import KINDS, Kind
from phee.stream.kafka import KafkaAddress
from phee.stream.memory import MemoryLog

pytestmark = pytest.mark.services
TENANTS = ("gorilla", "rhino")
PARTITIONS = 3
SEED = 11
Stores = dict[str, Rows]


def payments(log: MemoryLog, writer: RecordWriter, count: int, seed: int = SEED) -> None:
    """Append payments of two tenants whose commits interleave."""
    numbers = range(seed * 100, seed * 100 + count)
    for commit in mixed_commits(writer, numbers, random.Random(seed), TENANTS):
        log.append(commit)


@pytest.fixture
def log() -> MemoryLog:
    log = MemoryLog()
    payments(log, RecordWriter(), 6)
    return log


@pytest.fixture
def expected(log: MemoryLog, tmp_path: Path) -> Callable[[Kind], Stores]:
    return lambda kind: fold_of(kind, tmp_path / f"fold-{kind}", log, *TENANTS)


def imported(
    kind: Kind, folder: Path, address: KafkaAddress, done: Callable[[Any], bool]
) -> Stores:
    if not (folder / "tenants.json").exists():
        prepare(folder, *TENANTS)
    importer = new_importer(kind, folder, kafka_stream(address, f"{kind}-{folder.name}"))
    import_until(importer, done, 60)
    return stores_of(kind, folder, *TENANTS)


@pytest.mark.parametrize("selected", [[], [PROJECTED]], ids=["everything", "projected"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_stores_equal_the_fold_of_the_log(
    kind: Kind,
    selected: list[str],
    real_kafka: RealKafka,
    log: MemoryLog,
    tmp_path: Path,
    expected: Callable[[Kind], Stores],
) -> None:
    address = real_kafka.address()
    export(log, settings_for(tmp_path / "hub", address, selection=Selection(include=selected)))
    done = everywhere(PARTITIONS, log.durable_position)
    data = tmp_path / "data"
    assert imported(kind, data, address, done) == expected(kind)
    assert imported(kind, data, address, done) == expected(kind), "a second run changes nothing"


@pytest.mark.parametrize("form", ["zeebe", "mifos"])
def test_foreign_exporters_feed_the_same_projections(
    form: Form,
    real_kafka: RealKafka,
    log: MemoryLog,
    tmp_path: Path,
    expected: Callable[[Kind], Stores],
) -> None:
    address = real_kafka.address(epoch=log.epoch)
    real_kafka.make_topic(address.topic, 1)
    write(address, log, form)
    done = everywhere(1, log.durable_position)
    assert imported("relational", tmp_path / "data", address, done) == expected("relational")


def test_one_topic_per_value_type_gives_the_same(
    real_kafka: RealKafka,
    log: MemoryLog,
    tmp_path: Path,
    expected: Callable[[Kind], Stores],
) -> None:
    address = real_kafka.address(layout="per-type")
    settings = settings_for(
        tmp_path / "hub", address, topics=TopicSettings(partitions=1), mark_s=0.2
    )
    export(log, settings)
    topics = len({address.topic_of(one) for one in settings.selection.value_types})
    done = everywhere(topics, log.durable_position)
    assert topics > 10
    assert imported("relational", tmp_path / "data", address, done) == expected("relational")


def test_the_exporter_started_over_and_over_loses_and_doubles_nothing(
    real_kafka: RealKafka,
    log: MemoryLog,
    tmp_path: Path,
    expected: Callable[[Kind], Stores],
) -> None:
    address = real_kafka.address()
    settings = settings_for(tmp_path / "hub", address)
    rng = random.Random(SEED)
    for _ in range(4):
        with exporting(log, settings) as running:
            running.wait(rng.randrange(log.durable_position))
        with exporting(log, settings) as running:  # what was confirmed is forgotten
            running.state.wish("reset", rng.randrange(max(running.position, 1)))
    export(log, settings)
    done = everywhere(PARTITIONS, log.durable_position)
    assert imported("relational", tmp_path / "data", address, done) == expected("relational")


def test_a_topic_replayed_from_zero_changes_nothing(
    real_kafka: RealKafka,
    log: MemoryLog,
    tmp_path: Path,
    expected: Callable[[Kind], Stores],
) -> None:
    address, data = real_kafka.address(), tmp_path / "data"
    settings = settings_for(tmp_path / "hub", address)
    export(log, settings)
    done = everywhere(PARTITIONS, log.durable_position)
    imported("relational", data, address, done)
    with exporting(log, settings) as running:
        running.state.wish("reset", 0)
        running.wait(log.durable_position)
    assert imported("relational", data, address, done) == expected("relational")
    other = kafka_stream(address, "a group that never read")
    import_until(new_importer("relational", data, other), done, 60)
    assert stores_of("relational", data, *TENANTS) == expected("relational")


def test_two_importers_share_the_partitions_and_one_takes_over(
    real_kafka: RealKafka,
    log: MemoryLog,
    tmp_path: Path,
    expected: Callable[[Kind], Stores],
) -> None:
    address, data = real_kafka.address(), tmp_path / "data"
    settings = settings_for(tmp_path / "hub", address)
    export(log, settings)
    prepare(data, *TENANTS)
    one, two = (new_importer("relational", data, kafka_stream(address, "shared")) for _ in range(2))
    shared, done = 0, everywhere(PARTITIONS, log.durable_position)
    for _ in range(400):
        one.step()
        two.step()
        shared = max(shared, min(len(one.positions), len(two.positions)))
        if shared and done({**one.positions, **two.positions}):
            break
    assert shared, "the second never got a partition"
    one.stop()
    one.run()
    writer = RecordWriter(first_position=log.durable_position + 1)
    writer.next_key += 100_000
    payments(log, writer, 2, seed=12)
    export(log, settings)
    import_until(two, everywhere(PARTITIONS, log.durable_position), 60)
    fold = fold_of("relational", tmp_path / "fold", log, *TENANTS)
    assert stores_of("relational", data, *TENANTS) == fold
