"""Faults between importers and Kafka, within a group, and in what the stream holds."""

from __future__ import annotations

import json
import time
from collections import Counter

import pytest
from child_nursery import Child
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions
from failpoints import step
from fault_cases import STREAM_CONTENT, STREAM_GROUPS, STREAM_NETWORK, Case, named, table
from fault_stores import ServerStores
from fault_world import PARTITIONS, Scene, delete_offsets, rng_of
from faulty_tcp import FETCH, JOIN_GROUP, OFFSET_COMMIT, Fault, kafka_request
from fold_check import fold, together, wait_until
from kafka_world import write
from payment_engine import TENANTS
from record_stream import RecordWriter, payment

from phee.importers.process import Kind
from phee.stream.kafka import KafkaAddress
from phee.stream.kafka.message import record_headers
from phee.stream.memory import MemoryLog

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(600)]
REQUESTS = {"fetch": FETCH, "commit": OFFSET_COMMIT, "join": JOIN_GROUP}
SOON_IDLE = {"phee.stores.mysql.connections:_SESSION": "SET SESSION wait_timeout=2"}
"""The database ends what a suspended process has begun after 2 s instead of a minute."""


@table(STREAM_NETWORK)
def test_network(scene: Scene, case: Case) -> None:
    kind, times, request = case.options
    proxy = scene.components.kafka_proxy
    matches = kafka_request(REQUESTS[request])
    proxy.arm(Fault(kind, matches, case.skip, times, 3 if kind == "stall" else 2))
    for one in scene.kinds:
        scene.start(one, stream=scene.proxied_stream)
    scene.settle()
    assert proxy.struck == times, "the fault did not happen as often as it should"


# --- groups ---


def of_groups(name: str) -> Case:
    rng_of(name)
    return named(STREAM_GROUPS, name)


def paused(scene: Scene, kind: Kind, case: Case, **options: object) -> Child:
    """An importer that has come to the step of the case and waits there."""
    point = step(case.step, action="pause", skip=case.skip)
    child = scene.start(kind, point, **options)  # type: ignore[arg-type]
    child.wait_paused()
    return child


def test_rebalance_in_mid_batch(scene: Scene) -> None:
    scene.kinds = ("relational",)
    case = of_groups("stream/rebalance-in-mid-batch")
    first = paused(scene, "relational", case, member="")
    second = scene.start("relational", member="second")
    wait_until(lambda: "importer started" in second.said(), "the second one is there")
    time.sleep(1)  # the group learns of it
    first.resume()
    wait_until(lambda: "partition taken" in second.said(), "it takes over", scene.story)
    scene.settle()


def test_member_killed_in_mid_batch(scene: Scene) -> None:
    scene.kinds = ("relational",)
    case = of_groups("stream/member-killed-in-mid-batch")
    first = paused(scene, "relational", case, member="")
    scene.start("relational", member="second")
    first.kill()
    scene.settle()


def test_started_twice_in_a_group(scene: Scene) -> None:
    of_groups("stream/started-twice-in-a-group")
    for kind in scene.kinds:
        for member in ("first", "second"):
            scene.start(kind, member=member)
    scene.settle()


def test_started_twice_with_one_name(scene: Scene) -> None:
    scene.kinds = ("relational",)
    of_groups("stream/started-twice-with-one-name")
    older = scene.start("relational")
    wait_until(lambda: scene.has_all("relational"), "it is idle", older.said)
    newer = scene.start("relational")
    assert older.wait("ended") == 1
    assert "another process" in older.said()
    assert newer.state() == "runs"
    scene.settle()


def test_twins_of_two_groups(scene: Scene) -> None:
    of_groups("stream/twins-of-two-groups")
    for kind in scene.kinds:
        older = scene.start(kind, step("after fetch", action="pause", skip=6), group=f"{kind}-one")
        older.wait_paused()
        newer = scene.start(kind, group=f"{scene.topic}-{kind}-two")
        wait_until(
            lambda newer=newer: newer.has_said("import begins", PARTITIONS),
            "every partition is the newer one's",
            scene.story,
        )
        older.resume()
        assert older.wait("ended") == 1
        assert "another importer has taken over" in older.said()
    scene.settle()


def test_twins_restarted_again_and_again(scene: Scene) -> None:
    """What a supervisor does with two importers that must not be two."""
    scene.kinds = ("relational",)
    of_groups("stream/twins-restarted-again-and-again")
    groups = {name: f"{scene.topic}-{name}" for name in ("one", "two")}
    twins = {name: scene.start("relational", group=group) for name, group in groups.items()}
    fenced = 0
    while not scene.has_all("relational") or not fenced:
        for name, twin in twins.items():
            if twin.state() == "ended":
                assert twin.status == 1, twin.said()
                fenced += 1
                twins[name] = scene.start("relational", group=groups[name])
        time.sleep(0.05)
    for twin in twins.values():
        twin.kill()
    scene.settle()


def test_paused_relational_twin(scene: Scene) -> None:
    scene.kinds = ("relational",)
    case = of_groups("stream/paused-relational-twin")
    first = paused(scene, "relational", case, member="", constants=SOON_IDLE)
    taken_over(scene, first, "relational")


def test_paused_search_twin(scene: Scene) -> None:
    scene.kinds = ("search",)
    case = of_groups("stream/paused-search-twin")
    first = paused(scene, "search", case, member="")
    taken_over(scene, first, "search")


def taken_over(scene: Scene, first: Child, kind: Kind) -> None:
    """A twin does the work of one that is suspended; then that one wakes."""
    second = scene.start(kind, member="second")
    wait_until(lambda: scene.has_all(kind), "the twin does it all", scene.story)
    before = scene.stores.marks(kind, TENANTS[0])
    first.resume()
    wait_until(
        lambda: first.state() == "ended" or "partition given up" in first.said(),
        "the one that woke notices",
        first.said,
    )
    if first.state() == "ended":
        assert first.status == 1
        assert "another importer has taken over" in first.said()
    assert second.state() == "runs"
    assert scene.stores.marks(kind, TENANTS[0]) == before
    scene.settle()


def test_broker_killed_in_mid_batch(scene: Scene) -> None:
    case = of_groups("stream/broker-killed-in-mid-batch")
    scene.start("search")
    first = paused(scene, "relational", case)
    scene.components.kafka.kill()
    first.resume()
    time.sleep(0.5)
    scene.components.kafka.start()
    scene.settle()


# --- what the stream holds ---


def of_content(name: str) -> Case:
    rng_of(name)
    return named(STREAM_CONTENT, name)


def test_replayed_from_zero(scene: Scene) -> None:
    of_content("stream/replayed-from-zero")
    scene.settle()
    for kind in scene.kinds:
        delete_offsets(scene.components.kafka.brokers, f"{scene.topic}-{kind}")
    scene.settle()


def test_watermarks_set_back(scene: Scene) -> None:
    scene.kinds = ("relational",)
    of_content("stream/watermarks-set-back")
    scene.settle()
    assert isinstance(scene.stores, ServerStores)
    for tenant in TENANTS:
        scene.stores.ask(tenant, "UPDATE watermarks SET position = 0")
    assert not scene.has_all("relational")
    scene.settle()


def test_partitions_added(scene: Scene) -> None:
    of_content("stream/partitions-added")
    exporting = scene.exporting()
    exporting.start(step("after position saved", skip=3)).wait_killed()
    for kind in scene.kinds:
        scene.start(kind)
        wait_until(
            lambda kind=kind: scene.has_caught_up(kind, exporting.brokers),
            "the importers have caught up",
            scene.story,
        )
    admin = AdminClient({"bootstrap.servers": exporting.brokers})
    scene.lanes = PARTITIONS + 2
    admin.create_partitions([NewPartitions(scene.topic, scene.lanes)])[scene.topic].result(20)
    child = exporting.start()
    scene.settle()
    child.end()


def test_another_epoch(scene: Scene) -> None:
    rng = rng_of(named(STREAM_CONTENT, "stream/another-epoch").name)
    exporting = scene.exporting()
    first = exporting.start(step("after send", action="pause", skip=1_200))
    first.wait_paused()
    for kind in scene.kinds:
        scene.start(kind)
    log, writer = MemoryLog(epoch=7), RecordWriter()
    for number in range(4):
        tenant = TENANTS[number % 2]
        for commit in payment(writer, 900 + number, tenant_id=tenant, rng=rng, echoes=1):
            log.append(commit)
    write(KafkaAddress(brokers=exporting.brokers, topic=scene.topic), log)
    write_marks(exporting.brokers, scene.topic, log)
    first.resume()
    exporting.wait_done()
    first.end()
    scene.settle(together(scene.expected, fold(log, TENANTS)))


def write_marks(brokers: str, topic: str, log: MemoryLog) -> None:
    """Say in every partition that a log that was written without an exporter has ended."""
    producer = Producer({"bootstrap.servers": brokers, "log_level": 2})
    mark = [
        ("epoch", b"%d" % log.epoch), ("partition", b"%d" % log.partition_id),
        ("position", b"%d" % log.durable_position), ("kind", b"mark"),
    ]  # fmt: skip
    for number in range(PARTITIONS):
        producer.produce(topic, None, b"mark", number, headers=mark)
    assert producer.flush(20) == 0


def test_poison(scene: Scene) -> None:
    of_content("stream/poison")
    exporting = scene.exporting()
    first = exporting.start(step("after send", action="pause", skip=1_200))
    first.wait_paused()
    for kind in scene.kinds:
        scene.start(kind)
    letters = send_poison(exporting.brokers, scene.topic)
    first.resume()
    exporting.wait_done()
    first.end()
    scene.settle(fold(scene.components.engine.copy(), TENANTS, more_letters=letters))


def send_poison(brokers: str, topic: str) -> Counter[str]:
    """Send what no exporter would; return the dead letters that it must become."""
    good = {
        "partitionId": 1, "position": 5, "key": 1, "timestamp": 1, "intent": "CREATED",
        "recordType": "EVENT", "valueType": "VARIABLE", "sourceRecordPosition": -1,
        "rejectionType": "NULL_VAL", "rejectionReason": "",
        "value": {"name": "x", "value": "1", "scopeKey": 1, "processInstanceKey": 1,
                  "processDefinitionKey": 1, "bpmnProcessId": "p", "tenantId": "rhino"},
    }  # fmt: skip
    foreign = 99  # an epoch of its own, so that its positions are nobody's
    unreadable: list[bytes | None] = [
        b"not JSON at all",
        b"{" * 20_000,
        b"\xff" * 900_000,
        None,
        json.dumps({"position": 1}).encode(),
        json.dumps(good | {"position": "seven"}).encode(),
        json.dumps(good | {"valueType": 17}).encode(),
        json.dumps(good | {"position": -3}).encode(),
    ]
    placed = {
        "unreadable-record": good | {"value": {"name": 7}},
        "unknown-tenant": good | {"position": 7, "value": good["value"] | {"tenantId": "else"}},  # type: ignore[operator]
    }
    producer = Producer({"bootstrap.servers": brokers, "log_level": 2})
    for content in unreadable:
        producer.produce(topic, content, b"poison")
    for number, content in enumerate(placed.values(), start=5):
        value = json.dumps(content | {"position": number}).encode()
        headers = record_headers(foreign, 1, number, "rhino")
        producer.produce(topic, value, b"poison", headers=headers)
    assert producer.flush(20) == 0
    return Counter({"unreadable-record": len(unreadable)}) + Counter(placed.keys())
