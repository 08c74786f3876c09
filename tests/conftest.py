"""Real components that several folders of tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from kafka_world import RealKafka
from started_component import started

HERE = Path(__file__).parent
LONG = "PHEE_TEST_LONG"
"""Set to 1 by `make test-long`, which runs the tests that `make test` has no time for."""


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Leave out, and say so, what runs for minutes on real components."""
    if os.environ.get(LONG) == "1":
        return
    left_out = pytest.mark.skip(reason=f"long: set {LONG}=1, or run `make test-long`")
    for item in items:
        if is_long(item):
            item.add_marker(left_out)


def is_long(item: pytest.Item) -> bool:
    """Fault cases, whole mixes, upkeep on servers, and the second kind of search server."""
    where = item.path.relative_to(HERE).as_posix()
    if where.startswith("e2e/faults/") or where == "e2e/test_real_mixes.py":
        return True
    if where.startswith("contract/upkeep/"):
        return "servers" in item.name
    return where.startswith("contract/stores/") and "elasticsearch" in item.name


@pytest.fixture(scope="session")
def real_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka]:
    """One Kafka broker for the whole run."""
    kafka = RealKafka(tmp_path_factory.mktemp("kafka"))
    with started(kafka, kafka.stop, "Kafka cannot be had"):
        yield kafka
