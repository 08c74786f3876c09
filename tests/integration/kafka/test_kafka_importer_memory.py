"""An importer stays small whatever waits for it in Kafka."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import pytest
from importing import prepare
from kafka_world import RealKafka, export, settings_for
from record_stream import RecordWriter, payment

from phee.importers.process import KINDS, Kind
from phee.stores.relational.stores import relational_stores
from phee.stores.search.runtime import search_runtime
from phee.stream.kafka import KafkaAddress
from phee.stream.memory import MemoryLog

pytestmark = [pytest.mark.services, pytest.mark.slow]
TENANT = "rhino"
PAYMENTS = 400
GROUP = 20
"""Payments whose commits are mixed, so that records of many are near each other."""
PEAK_MB_MAX = 150


@pytest.fixture(scope="module")
def backlog(
    real_kafka: RealKafka, tmp_path_factory: pytest.TempPathFactory
) -> tuple[MemoryLog, KafkaAddress]:
    """About 100,000 messages, 65 MB of JSON that travels as four."""
    log, writer = MemoryLog(), RecordWriter()
    for start in range(0, PAYMENTS, GROUP):
        numbers = range(start, start + GROUP)
        flows = [payment(writer, number, tenant_id=TENANT) for number in numbers]
        while commits := [commit for flow in flows if (commit := next(flow, None)) is not None]:
            log.append(list(chain.from_iterable(commits)))
    address = real_kafka.address()
    export(log, settings_for(tmp_path_factory.mktemp("exporter"), address))
    return log, address


@contextmanager
def importing(kind: Kind, data: Path, address: KafkaAddress) -> Iterator[int]:
    """An importer in a process of its own; yields its process id."""
    line = f"kafka://{address.brokers}/{address.topic}"
    command = [sys.executable, "-m", "phee.importers", kind, "--data", str(data), "--stream", line]
    process = subprocess.Popen([*command, "--log-level", "ERROR"])
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_backlog_does_not_make_an_importer_grow(
    kind: Kind, backlog: tuple[MemoryLog, KafkaAddress], tmp_path: Path
) -> None:
    log, address = backlog
    prepare(tmp_path, TENANT)
    stores = {
        "relational": relational_stores("sqlite", tmp_path),
        "search": search_runtime("sqlite", tmp_path),
    }
    reader = stores[kind].open_reader(TENANT)  # type: ignore[attr-defined]
    with importing(kind, tmp_path, address) as process_id:
        place = (log.epoch, log.partition_id, log.durable_position)
        await reader.wait_for_position(*place, timeout_s=240)
        status = Path(f"/proc/{process_id}/status").read_text()
    reader.close()
    peak_kb = next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)
    assert peak_kb < PEAK_MB_MAX << 10, f"{peak_kb >> 10} MB"
