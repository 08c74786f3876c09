"""``python -m phee.exporter kafka --data DIR --stream kafka://host:port/topic``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from phee.errors import PheeError
from phee.exporter.kafka.selection import LEFT_OUT, Selection
from phee.exporter.kafka.settings import KafkaExporterSettings, TopicSettings
from phee.extras import require_extra
from phee.monitoring.logs import LEVEL_VARIABLE
from phee.stream.choice import STREAM_VARIABLE
from phee.stream.kafka import parse_kafka_address

DATA_VARIABLE = "PHEE_DATA"


def main(arguments: Sequence[str] | None = None, *, name: str = "python -m phee.exporter") -> int:
    """Run one exporter; return its exit status. ``name`` is what the help calls this program."""
    options = _parser(name).parse_args(arguments)
    try:
        settings = _settings(options)
        require_extra("kafka", where=STREAM_VARIABLE)
        from phee.exporter.kafka.process import run_exporter

        run_exporter(settings)
    except PheeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _settings(options: argparse.Namespace) -> KafkaExporterSettings:
    address = f"kafka://{options.brokers}" if options.brokers else options.stream
    return KafkaExporterSettings(
        data=options.data,
        address=parse_kafka_address(address),
        name=options.name,
        selection=Selection(options.records, options.include, options.exclude),
        topics=TopicSettings(
            partitions=options.partitions,
            replication=options.replication,
            retention_hours=options.retention_hours,
            min_in_sync_replicas=options.min_in_sync_replicas,
        ),
        marks=not options.no_marks,
        message_bytes_max=options.message_bytes_max,
        http_host=options.http_host,
        http_port=options.http_port,
        log_level=options.log_level,
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=name, description="Export the record log into Kafka, until Ctrl-C or SIGTERM."
    )
    parser.add_argument("kind", choices=("kafka",))
    parser.add_argument(
        "--data",
        type=Path,
        default=os.environ.get(DATA_VARIABLE),
        required=DATA_VARIABLE not in os.environ,
        help=f"the hub's data directory (default: {DATA_VARIABLE})",
    )
    stream = os.environ.get(STREAM_VARIABLE, "")
    is_kafka = stream.startswith("kafka://")
    where = parser.add_mutually_exclusive_group(required=not is_kafka)
    where.add_argument(
        "--stream",
        default=stream if is_kafka else None,
        help=f"kafka://host:port/topic?... (default: {STREAM_VARIABLE})",
    )
    where.add_argument("--brokers", help="host:port,host:port, for the usual topic")
    parser.add_argument("--name", default="kafka", help="who this exporter is to the log")
    parser.add_argument("--records", type=_names, default=["EVENT"], help="record types")
    parser.add_argument(
        "--include",
        type=_names,
        default=[],
        help="VALUE_TYPE, VALUE_TYPE.INTENT, or PROJECTED: only what rows and documents come from",
    )
    parser.add_argument("--exclude", type=_names, default=list(LEFT_OUT), help="the same, left out")
    topics = TopicSettings()
    parser.add_argument("--partitions", type=int, default=topics.partitions)
    parser.add_argument("--replication", type=int, default=topics.replication)
    parser.add_argument("--min-in-sync-replicas", type=int, default=topics.min_in_sync_replicas)
    parser.add_argument("--retention-hours", type=int, default=topics.retention_hours)
    parser.add_argument("--message-bytes-max", type=int, default=0, help="0: the topics' own limit")
    parser.add_argument("--no-marks", action="store_true", help="only messages that are records")
    parser.add_argument("--http-host", default="127.0.0.1", help="address of health and metrics")
    parser.add_argument("--http-port", type=int, default=0, help="health and metrics (0: any)")
    level = os.environ.get(LEVEL_VARIABLE, "INFO")
    parser.add_argument("--log-level", default=level, help=f"(default: {LEVEL_VARIABLE}, or INFO)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
