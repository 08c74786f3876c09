"""The watch over consumers: lag, paused and forgotten ones, and when intake must slow."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from record_stream import START_MS, Instance, RecordWriter

from phee.errors import NotFound
from phee.exporter import ConsumerWatch, IntakeAdvice, WatchLimits
from phee.monitoring import CallbackCollector, log_metrics
from phee.stream.memory import MemoryLog

RECORDS = 10


class Watched:
    def __init__(self, data: Path, *, lag_records_max: int, disk_free_bytes_min: int = 0) -> None:
        self.log = MemoryLog()
        self.writer = RecordWriter()
        self.advice: list[IntakeAdvice] = []
        self.registry = CollectorRegistry()
        limits = WatchLimits(
            lag_records_max=lag_records_max, disk_free_bytes_min=disk_free_bytes_min
        )
        self.watch = ConsumerWatch(
            self.log,
            data,
            on_advice=self.advice.append,
            limits=limits,
            registry=self.registry,
            clock=lambda: START_MS / 1000 + 60,
        )
        self.log.acknowledge("relational", 0)

    def write(self, records: int) -> None:
        instance = Instance(self.writer)
        self.log.append([instance.variable("v", number) for number in range(records)])


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path, lag_records_max=100)


async def test_lag_in_records_and_seconds(watched: Watched) -> None:
    watched.write(10)
    watched.write(10)
    watched.log.acknowledge("relational", 12)
    watched.log.acknowledge("search", 20)
    await watched.watch.look()
    relational, search = watched.watch.lags
    assert (relational.name, relational.position, relational.lag_records) == (
        "relational",
        12,
        8,
    )
    assert relational.lag_seconds == pytest.approx(60 - 0.013)
    assert (search.lag_records, search.lag_seconds) == (0, 0.0)


async def test_intake_falls_with_the_lag_and_recovers(watched: Watched) -> None:
    for _ in range(10):
        watched.write(10)
    await watched.watch.look()
    assert watched.advice == []
    watched.write(50)
    await watched.watch.look()
    watched.write(100)
    await watched.watch.look()
    assert [advice.factor for advice in watched.advice] == [0.5, 0.0]
    assert "relational" in watched.advice[0].reason
    watched.log.acknowledge("relational", 240)
    await watched.watch.look()
    assert watched.advice[-1] == IntakeAdvice(1.0)


async def test_a_nearly_full_disk_stops_intake(tmp_path: Path) -> None:
    watched = Watched(tmp_path, lag_records_max=100, disk_free_bytes_min=1 << 60)
    await watched.watch.look()
    assert watched.advice == [IntakeAdvice(0.0, "the disk is nearly full")]


async def test_a_paused_consumer_neither_pins_the_log_nor_slows_intake(watched: Watched) -> None:
    watched.write(250)
    watched.watch.pause("relational")
    assert watched.log.acknowledged() == {}
    await watched.watch.look()
    assert watched.advice == []
    assert watched.watch.lags[0].paused
    watched.watch.resume("relational")
    assert watched.log.acknowledged() == {"relational": 0}
    await watched.watch.look()
    assert watched.advice[-1].factor == 0.0


async def test_a_paused_consumer_that_reads_on_still_does_not_pin(watched: Watched) -> None:
    watched.write(10)
    watched.watch.pause("relational")
    watched.log.acknowledge("relational", 5)
    await watched.watch.look()
    assert watched.log.acknowledged() == {}
    watched.watch.resume("relational")
    assert watched.log.acknowledged() == {"relational": 5}


async def test_a_forgotten_consumer_is_gone(watched: Watched) -> None:
    watched.watch.pause("relational")
    watched.watch.forget("relational")
    await watched.watch.look()
    assert watched.watch.lags == []


def test_unknown_consumers_are_named(watched: Watched) -> None:
    with pytest.raises(NotFound, match="nobody"):
        watched.watch.pause("nobody")
    with pytest.raises(NotFound):
        watched.watch.resume("relational")


async def test_metrics_have_zeebes_names(watched: Watched) -> None:
    CallbackCollector(log_metrics(watched.log)).register(watched.registry)
    watched.write(RECORDS)
    watched.log.acknowledge("relational", 4)
    await watched.watch.look()
    text = generate_latest(watched.registry).decode()
    label = '{exporter="relational",partition="1"}'
    assert f"zeebe_exporter_last_exported_position{label} 4.0" in text
    assert f"zeebe_exporter_last_updated_exported_position{label} 4.0" in text
    assert f"zeebe_exporter_state{label} 0.0" in text
    assert f"phee_exporter_lag_records{label} 6.0" in text
    assert "phee_intake_factor 1.0" in text
    assert "phee_disk_free_bytes" in text
