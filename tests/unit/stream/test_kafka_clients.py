"""What consumers of Kafka are told."""

from __future__ import annotations

import pytest

from phee.stream.kafka import parse_kafka_address
from phee.stream.kafka.clients import consumer_settings


@pytest.mark.parametrize("line", ["kafka://h:1/t", "kafka://h:1/t?group=mine"])
def test_each_kind_of_importer_gets_every_record(line: str) -> None:
    """One line of configuration serves all of them; in one group each would get a part."""
    address = parse_kafka_address(line, {})
    kinds = ("relational", "search")
    groups = {str(consumer_settings(address, kind)["group.id"]) for kind in kinds}
    assert len(groups) == len(kinds)


def test_a_group_is_named_after_what_was_asked_for() -> None:
    settings = consumer_settings(parse_kafka_address("kafka://h:1/t?group=mine", {}), "search")
    assert settings["group.id"] == "mine-search"
    assert consumer_settings(parse_kafka_address("kafka://h:1/t", {}), "search")["group.id"] == (
        "phee-search"
    )
