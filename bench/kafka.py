"""How fast records go into Kafka and out of it again: ``python bench/kafka.py [--payments N]``.

A synthetic log of payments (as in ``bench/importers.py``) goes through the exporter into a real
Kafka (one broker, acks=all), and from there through both importers, one
after the other. Rates count exported records, not the commands that stay behind; ``per_cpu_s`` is
by processor time of this process alone. Median of the runs. ``--brokers`` uses a running Kafka,
else one is started on free ports and stopped at the end.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
for folder in ("tests/support", "scripts", "bench"):
    sys.path.insert(0, str(ROOT / folder))

from importers import (  # noqa: E402
    Stopwatch,
    build_log,
    data_directory,
    finish,
    medians,
    print_figures,
)
from kafka_world import RealKafka, exporting, settings_for  # noqa: E402

from phee.exporter.kafka.settings import TopicSettings  # noqa: E402
from phee.importers.process import KINDS, ImporterSettings, make_importer  # noqa: E402
from phee.monitoring import configure_logging, new_registry  # noqa: E402
from phee.stream.kafka import KafkaAddress  # noqa: E402
from phee.stream.kafka.stream import KafkaStream  # noqa: E402
from phee.stream.memory import MemoryLog  # noqa: E402

PARTITIONS = 6
RUNS = 3


@contextmanager
def brokers_of(given: str) -> Iterator[str]:
    if given:
        yield given
        return
    kafka = RealKafka(Path(tempfile.mkdtemp(prefix="phee-bench-kafka-")))
    kafka.start()
    try:
        yield kafka.brokers
    finally:
        kafka.stop()


def measure_export(log: MemoryLog, address: KafkaAddress) -> tuple[int, float, float]:
    """Export the whole log; return the records sent, and rates from the first one on."""
    data = Path(tempfile.mkdtemp(prefix="phee-bench-"))
    topics = TopicSettings(partitions=PARTITIONS)
    settings = settings_for(data, address, topics=topics, acknowledge_s=0.5, mark_s=0.25)
    with exporting(log, settings) as running:
        while not running.exporter.progress.unconfirmed_records and not running.position:
            time.sleep(0.001)
        watch = Stopwatch()
        while running.position < log.durable_position:
            time.sleep(0.005)
        sent = running.registry.get_sample_value(
            "phee_kafka_exporter_records_total", {"exporter": "kafka"}
        )
        wall, cpu = watch.rates(int(sent or 0))
        time.sleep(0.6)  # the marks
    return int(sent or 0), wall, cpu


def measure_import(
    kind: Any, address: KafkaAddress, records: int, last: int
) -> tuple[float, float]:
    data = data_directory()
    stream = KafkaStream(address, f"{kind}-{time.time_ns()}")
    importer = make_importer(kind, ImporterSettings(data=data), stream, new_registry())
    while not importer.positions:
        importer.step()  # joining the group
    watch = Stopwatch()
    while len(importer.positions) < PARTITIONS or min(importer.positions.values()) < last:
        importer.step()
    importer.housekeep()
    rates = watch.rates(records)
    importer.stop()
    importer.run()
    return rates


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--payments", type=int, default=300)
    parser.add_argument("--brokers", default="")
    parser.add_argument("--output", type=Path, help="write JSON there")
    arguments = parser.parse_args()
    configure_logging(level="ERROR")
    log = build_log(arguments.payments)
    measured: dict[str, list[tuple[float, float]]] = {}
    with brokers_of(arguments.brokers) as brokers:
        for run in range(RUNS):
            address = KafkaAddress(brokers=brokers, topic=f"bench-{time.time_ns()}-{run}")
            records, *rates = measure_export(log, address)
            measured.setdefault("exported", []).append((rates[0], rates[1]))
            for kind in KINDS:
                found = measure_import(kind, address, records, log.durable_position)
                measured.setdefault(f"imported_{kind}", []).append(found)
    print(f"{arguments.payments} payments, {log.durable_position} in the log, {records} exported")
    results = medians(measured)
    print_figures(results)
    finish(results, arguments.output)


if __name__ == "__main__":
    main()
