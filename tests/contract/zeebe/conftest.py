"""A real Zeebe for the tests that want one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from real_components import process
from real_components.component import Component
from real_components.kafka import Kafka
from real_components.operate import free_ports, start_component
from real_components.zeebe import Zeebe
from zeebe_compare.kafka_feed import KafkaFeed
from zeebe_compare.record import zeebe_records

SWITCH = "PHEE_TEST_ZEEBE"


@pytest.fixture(scope="session")
def real_zeebe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, KafkaFeed]]:
    """A fresh Zeebe that exports to a fresh Kafka: (gateway address, its records)."""
    if os.environ.get(SWITCH, "0") == "0":
        pytest.skip(f"set {SWITCH}=1 to compare with a real Zeebe (2.5 GB of memory, 5 minutes)")
    folder = tmp_path_factory.mktemp("real-zeebe")
    with ExitStack() as stack:
        kafka = _started(Kafka(), folder, {}, stack)
        zeebe = _started(Zeebe(), folder, {"kafka": kafka.ports}, stack)
        feed = stack.enter_context(zeebe_records(kafka.ports["kafka"]))
        yield f"127.0.0.1:{zeebe.ports['grpc']}", feed


def _started(
    component: Component, folder: Path, peers: dict[str, dict[str, int]], stack: ExitStack
) -> process.Running:
    running = start_component(component, folder / component.name, free_ports(component), peers)
    stack.callback(process.stop, running)
    return running
