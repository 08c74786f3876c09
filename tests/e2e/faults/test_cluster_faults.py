"""Nodes of a Kafka cluster that are killed: every record three times, two must confirm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from child_nursery import Child
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient
from failpoints import step
from fault_cases import CLUSTER, Case, table
from fault_world import Exporting, Scene, rng_of
from real_components.kafka_cluster import NODES, KafkaCluster
from started_component import started

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    made = KafkaCluster(tmp_path_factory.mktemp("cluster"))
    with started(made, made.stop, "NO FAULTS OF A CLUSTER TESTED"):
        yield made


def leader(cluster: KafkaCluster, topic: str) -> int:
    """The node that leads the first partition of a topic."""
    admin = AdminClient({"bootstrap.servers": cluster.brokers})
    return int(admin.list_topics(topic, timeout=20).topics[topic].partitions[0].leader)


def coordinator(cluster: KafkaCluster, group: str) -> int:
    """The node that coordinates a group."""
    admin = AdminClient({"bootstrap.servers": cluster.brokers})
    described = admin.describe_consumer_groups([group])[group].result(20)
    assert described.state != ConsumerGroupState.UNKNOWN
    return int(described.coordinator.id)


@table(CLUSTER)
def test_nodes_killed(scene: Scene, cluster: KafkaCluster, case: Case) -> None:
    rng_of(case.name)
    exporting = scene.exporting(brokers=cluster.brokers, replication=3, in_sync=2)
    point = step(case.step, action="pause", skip=case.skip)
    if case.options.startswith("exporter"):
        child = exporting.start(point)
        child.wait_paused()
        lost = [leader(cluster, scene.topic)]
    else:
        child = exported(exporting)
        child = scene.start("relational", point)
        child.wait_paused()
        group = f"{scene.topic}-relational"
        of_group = case.options == "coordinator"
        lost = [coordinator(cluster, group) if of_group else leader(cluster, scene.topic)]
    if case.options == "exporter twice":
        lost.append(next(node for node in NODES if node not in lost))
    confirmed = exporting.position
    for node in lost:
        cluster.kill_node(node)
    child.resume()
    if len(lost) == 1:
        work(scene, exporting, child, case)
    for node in lost:
        cluster.start_node(node)
    if len(lost) > 1:
        work(scene, exporting, child, case)
    assert exporting.position >= confirmed
    scene.settle()


def exported(exporting: Exporting) -> Child:
    child = exporting.start()
    exporting.wait_done()
    child.end()
    return child


def work(scene: Scene, exporting: Exporting, child: Child, case: Case) -> None:
    """Let the process finish with the nodes that are left."""
    if case.options.startswith("exporter"):
        exporting.wait_done()
        child.end()
    else:
        scene.kinds = ("relational",)
        scene.settle()
        scene.kinds = ("relational", "search")
