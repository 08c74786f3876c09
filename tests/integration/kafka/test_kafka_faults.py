"""What goes wrong with Kafka, for real: nothing is lost, nothing doubled, nothing silent."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Literal

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions
from importing import fold_of, new_importer, prepare, rows_of, stores_of
from kafka_world import (
    RealKafka,
    everywhere,
    export,
    exporting,
    import_until,
    kafka_stream,
    read_all,
    records_of,
    settings_for,
    write,
)
from record_stream import Instance, RecordWriter, payment
from started_component import started

from phee.errors import AlreadyExists, InvalidState, Unavailable
from phee.exporter.kafka import control
from phee.exporter.kafka.run import RecordsGone
from phee.exporter.kafka.settings import TopicSettings
from phee.importers.importer import RecordsMissing
from phee.records import Record
from phee.stores.paths import operator_dead_letters_path
from phee.stream.kafka.message import record_headers
from phee.stream.memory import MemoryLog

pytestmark = pytest.mark.services
TENANT = "rhino"
PARTITIONS = 3


def filled(payments: int = 3) -> tuple[MemoryLog, RecordWriter]:
    log, writer = MemoryLog(), RecordWriter()
    add(log, writer, payments)
    return log, writer


def add(log: MemoryLog, writer: RecordWriter, payments: int) -> None:
    for number in range(payments):
        for commit in payment(writer, writer.position + number, tenant_id=TENANT, echoes=1):
            log.append(commit)


@pytest.mark.parametrize("layout", ["one", "per-type"])
def test_topics_that_are_made_later_are_read_soon(
    real_kafka: RealKafka, layout: Literal["one", "per-type"]
) -> None:
    """By itself the client would look again in five minutes."""
    seldom = {"topic.metadata.refresh.interval.ms": "300000"}
    address = real_kafka.address(layout=layout, security=seldom)
    stream = kafka_stream(address, "early")
    for _ in range(10):
        with suppress(Unavailable):
            assert not stream.fetch({}, max_bytes=1024, timeout_s=0.2)
    log, _ = filled(1)
    for name in {address.topic_of(record.value_type) for record in records_of(log)}:
        real_kafka.make_topic(name)
    write(address, log)
    found = read_all(stream, until=lambda found: len(found) == len(records_of(log)))
    stream.close()
    assert sorted(record.position for record in found) == [r.position for r in records_of(log)]


def letters(data: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(operator_dead_letters_path(data))) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM dead_letters")]


def messages_of(kafka: RealKafka, topic: str) -> list[Any]:
    consumer = Consumer(
        {"bootstrap.servers": kafka.brokers, "group.id": "look", "auto.offset.reset": "earliest"}
    )
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    found, quiet_since = [], time.monotonic()
    while time.monotonic() - quiet_since < 1.5:
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            found.append(message)
            quiet_since = time.monotonic()
    consumer.close()
    return found


def steps(importer: Any, count: int) -> None:
    for _ in range(count):
        importer.step()


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[RealKafka]:
    """A broker that this test alone stops and starts."""
    kafka = RealKafka(tmp_path / "kafka")
    with started(kafka, kafka.stop, "Kafka cannot be had"):
        yield kafka


def test_a_broker_that_is_killed_and_comes_back(own_kafka: RealKafka, tmp_path: Path) -> None:
    log, writer = filled()
    address, data = own_kafka.address(), tmp_path / "data"
    prepare(data, TENANT)
    importer = new_importer("relational", data, kafka_stream(address, "relational"))
    with exporting(log, settings_for(tmp_path / "hub", address)) as running:
        running.wait(log.durable_position)
        confirmed = running.position
        while not importer.positions:
            importer.step()
        own_kafka.kill()
        add(log, writer, 3)
        time.sleep(1)
        assert running.position == confirmed, "confirmed without a broker"
        with pytest.raises(Unavailable):
            steps(importer, 100)
        own_kafka.start()
        running.wait(log.durable_position)
        deadline = time.monotonic() + 60
        done = everywhere(PARTITIONS, log.durable_position)
        while not done(importer.positions) and time.monotonic() < deadline:
            try:
                importer.step()
            except Unavailable:
                time.sleep(0.2)
        assert done(importer.positions)
        importer.stop()
        importer.run()
    assert stores_of("relational", data, TENANT) == fold_of(
        "relational", tmp_path / "fold", log, TENANT
    )


def test_kafka_that_is_not_there_is_unavailable_and_says_so(tmp_path: Path) -> None:
    nowhere = RealKafka(tmp_path / "never").address()
    stream = kafka_stream(nowhere, "relational")
    with pytest.raises(Unavailable, match="Kafka does not answer"):
        stream.lanes()
    log, _ = filled(1)
    with exporting(log, settings_for(tmp_path / "hub", nowhere)) as running:
        deadline = time.monotonic() + 30
        while not running.exporter.progress.trouble and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "Kafka does not answer" in running.exporter.progress.trouble
        assert running.position == 0
        assert log.acknowledged()["kafka"] == 0


def test_a_record_too_large_goes_to_the_dead_letters_in_parts(
    real_kafka: RealKafka, tmp_path: Path
) -> None:
    log, writer = filled(1)
    instance = Instance(writer, tenant_id=TENANT)
    huge = "x" * 5_000_000
    log.append([*instance.start(), instance.variable("huge", huge)])
    large = log.durable_position
    add(log, writer, 1)
    address, data = real_kafka.address(), tmp_path / "data"
    export(log, settings_for(tmp_path / "hub", address))

    parts = messages_of(real_kafka, address.dead_letter_topic)
    parts.sort(key=lambda part: int(dict(part.headers())["part"]))
    record = json.loads(b"".join(part.value() for part in parts))
    assert record["value"]["value"] == json.dumps(huge)
    headers = dict(parts[0].headers())
    assert headers["reason"] == b"record-too-large"
    assert headers["tenant"] == TENANT.encode()
    assert int(headers["position"]) == large
    assert int(headers["parts"]) == len(parts) > 4

    prepare(data, TENANT)
    importer = new_importer("relational", data, kafka_stream(address, "large"))
    import_until(importer, everywhere(PARTITIONS, log.durable_position), 60)
    (letter,) = letters(data)
    assert letter["position"] == large
    assert letter["reason_code"] == "unreadable-record"
    assert "record-too-large" in letter["reason"]
    fold = fold_of("relational", tmp_path / "fold", log, TENANT)
    found = stores_of("relational", data, TENANT)
    assert found[TENANT]["transfers"] == fold[TENANT]["transfers"]


def test_poison_messages_become_dead_letters_and_the_rest_goes_on(
    real_kafka: RealKafka, tmp_path: Path
) -> None:
    log, writer = filled(1)
    address, data = real_kafka.address(), tmp_path / "data"
    real_kafka.make_topic(address.topic, 1)
    producer = Producer({"bootstrap.servers": real_kafka.brokers})
    producer.produce(address.topic, b"\x92\x02\xc0")  # a "newer block" by accident
    producer.produce(address.topic, None, "a foreign tombstone")
    write(address, log)
    poisoned = log.durable_position + 1
    headers = record_headers(log.epoch, log.partition_id, poisoned, TENANT)
    producer.produce(address.topic, b'{"position": "seven"}', headers=headers)
    producer.flush(10)
    writer.position += 1
    rest = MemoryLog()
    rest.append([*Instance(writer, tenant_id=TENANT).start()])
    for block in [rest.read(0)[0]]:
        log.append_block(*block)
    write(address, log, after=poisoned)

    prepare(data, TENANT)
    importer = new_importer("relational", data, kafka_stream(address, "poison"))
    import_until(importer, everywhere(1, log.durable_position), 60)
    found = letters(data)
    assert len(found) == 3
    assert {letter["reason_code"] for letter in found} == {"unreadable-record"}
    assert '{"position": "seven"}' in {letter["record"] for letter in found}
    assert len(rows_of(data / "tenants" / TENANT / "relational.db")["process_instances"]) == 2


def test_records_of_an_unknown_tenant_go_to_the_operator(
    real_kafka: RealKafka, tmp_path: Path
) -> None:
    log, writer = MemoryLog(), RecordWriter()
    log.append(Instance(writer, "flow", tenant_id="nobody").start())
    address, data = real_kafka.address(), tmp_path / "data"
    export(log, settings_for(tmp_path / "hub", address))
    prepare(data, TENANT)
    importer = new_importer("relational", data, kafka_stream(address, "strangers"))
    import_until(importer, everywhere(PARTITIONS, log.durable_position), 60)
    assert {letter["reason_code"] for letter in letters(data)} == {"unknown-tenant"}


def test_records_deleted_unread_stop_the_importer(real_kafka: RealKafka, tmp_path: Path) -> None:
    log, writer = filled(2)
    address, data = real_kafka.address(), tmp_path / "data"
    settings = settings_for(tmp_path / "hub", address, topics=TopicSettings(partitions=1))
    export(log, settings)
    prepare(data, TENANT)
    done = everywhere(1, log.durable_position)
    import_until(new_importer("relational", data, kafka_stream(address, "slow")), done, 60)
    add(log, writer, 2)
    export(log, settings)
    admin = AdminClient({"bootstrap.servers": real_kafka.brokers})
    end = len(messages_of(real_kafka, address.topic))
    wanted = TopicPartition(address.topic, 0, end - 5)
    next(iter(admin.delete_records([wanted]).values())).result(20)
    importer = new_importer("relational", data, kafka_stream(address, "slow"))
    with pytest.raises(RecordsMissing, match="the stream begins at"):
        import_until(importer, everywhere(1, log.durable_position), 60)


def test_deleting_what_everybody_has_is_harmless(real_kafka: RealKafka, tmp_path: Path) -> None:
    log, writer = filled(2)
    address, data = real_kafka.address(), tmp_path / "data"
    settings = settings_for(tmp_path / "hub", address, topics=TopicSettings(partitions=1))
    export(log, settings)
    prepare(data, TENANT)
    stream = kafka_stream(address, "done")
    import_until(new_importer("relational", data, stream), everywhere(1, log.durable_position), 60)
    admin = AdminClient({"bootstrap.servers": real_kafka.brokers})
    wanted = TopicPartition(address.topic, 0, len(messages_of(real_kafka, address.topic)) - 2)
    next(iter(admin.delete_records([wanted]).values())).result(20)
    add(log, writer, 1)
    export(log, settings)
    again = new_importer("relational", data, kafka_stream(address, "done"))
    import_until(again, everywhere(1, log.durable_position), 60)
    fold = fold_of("relational", tmp_path / "fold", log, TENANT)
    assert stores_of("relational", data, TENANT) == fold


def test_the_log_that_forgot_unsent_records_stops_the_exporter_until_told(
    real_kafka: RealKafka, tmp_path: Path
) -> None:
    log, _ = filled(1)
    log.drop_before(100)
    first = log.first_position
    settings = settings_for(tmp_path / "hub", real_kafka.address())
    with exporting(log, settings) as running:
        deadline = time.monotonic() + 30
        while running.error is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert isinstance(running.error, RecordsGone)
        assert str(first - 1) in str(running.error)
    control.skip(settings.data, first - 1)
    export(log, settings)
    assert control.status(settings.data).position == log.durable_position


def test_pause_and_resume(real_kafka: RealKafka, tmp_path: Path) -> None:
    log, writer = filled(1)
    settings = settings_for(tmp_path / "hub", real_kafka.address())
    with exporting(log, settings) as running:
        running.wait(log.durable_position)
        control.pause(settings.data)
        deadline = time.monotonic() + 20
        while not control.status(settings.data).paused and time.monotonic() < deadline:
            time.sleep(0.05)
        before = log.durable_position
        add(log, writer, 1)
        time.sleep(1)
        status = control.status(settings.data)
        assert (status.paused, status.running, status.position) == (True, True, before)
        assert log.acknowledged()["kafka"] == before, "the log keeps what was not sent"
        control.resume(settings.data)
        running.wait(log.durable_position)
    status = control.status(settings.data)
    assert (status.running, status.waiting) == (False, [])
    assert status.last_report is not None
    assert status.last_report.lag_records == 0


def test_a_compacted_topic_is_refused(real_kafka: RealKafka, tmp_path: Path) -> None:
    log, _ = filled(1)
    address = real_kafka.address()
    real_kafka.make_topic(address.topic, 1, **{"cleanup.policy": "compact"})
    with exporting(log, settings_for(tmp_path / "hub", address)) as running:
        deadline = time.monotonic() + 30
        while running.error is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert isinstance(running.error, InvalidState)
        assert "compacted" in str(running.error)


def test_two_exporters_of_one_name_are_one_too_many(real_kafka: RealKafka, tmp_path: Path) -> None:
    log, _ = filled(1)
    settings = settings_for(tmp_path / "hub", real_kafka.address())
    with exporting(log, settings), pytest.raises(AlreadyExists), exporting(log, settings):
        pass


def test_a_rebuilt_engine_is_another_lane(real_kafka: RealKafka, tmp_path: Path) -> None:
    address = real_kafka.address()
    settings = settings_for(tmp_path / "hub", address, topics=TopicSettings(partitions=1))
    exported: list[Record] = []
    for epoch in (1, 2):
        log = MemoryLog(epoch=epoch)
        log.append(Instance(RecordWriter(), tenant_id=TENANT).start())
        exported += [record for record in records_of(log) if record.is_event]
        export(log, settings)
    stream = kafka_stream(address, "lives")
    found = read_all(stream, until=lambda found: len(found) >= len(exported))
    assert found == exported
    assert {lane.epoch for lane in stream.lanes()} == {1, 2}
    stream.close()


def partitions_of(kafka: RealKafka, topic: str) -> dict[int, list[int]]:
    """Where each position was sent, every time."""
    found = defaultdict(list)
    for message in messages_of(kafka, topic):
        if message.value() is not None:
            found[int(dict(message.headers())["position"])].append(message.partition())
    return found


def test_what_is_sent_again_goes_where_it_went_though_the_topic_grew(
    real_kafka: RealKafka, tmp_path: Path
) -> None:
    address = real_kafka.address()
    topic, settings = address.topic, settings_for(tmp_path / "hub", address)
    log, writer = filled(6)
    export(log, settings)
    before = partitions_of(real_kafka, topic)
    admin = AdminClient({"bootstrap.servers": real_kafka.brokers})
    admin.create_partitions([NewPartitions(topic, 3 * PARTITIONS)])[topic].result(20)
    control.reset(tmp_path / "hub", 0)
    with exporting(log, settings) as running:
        running.wait(log.durable_position)
        add(log, writer, 12)
        running.wait(log.durable_position)
    after = partitions_of(real_kafka, topic)
    assert {at: after[at] for at in before} == {at: 2 * sent for at, sent in before.items()}
    later = {at: sent for at, sent in after.items() if at not in before}
    assert {len(sent) for sent in later.values()} == {1}
    assert max(sent[0] for sent in later.values()) >= PARTITIONS, "new partitions are used"
