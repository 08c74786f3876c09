"""Real components that several folders of tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kafka_world import RealKafka
from real_components.missing import Missing


@pytest.fixture(scope="session")
def real_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka]:
    """One Kafka broker for the whole run."""
    kafka = RealKafka(tmp_path_factory.mktemp("kafka"))
    try:
        kafka.start()
    except Missing as missing:
        pytest.skip(f"Kafka cannot be had: {missing}")
    yield kafka
    kafka.stop()
