"""A real Zeebe, its own Kafka exporter and a real Kafka feed our importers."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import grpc
import pytest
from importing import new_importer, prepare, store_path
from kafka_world import kafka_stream
from real_components import process
from real_components.kafka import Kafka
from real_components.operate import free_ports, start_component
from real_components.zeebe import TOPIC, Zeebe

from phee.gateway.proto import gateway_pb2 as pb
from phee.importers.process import KINDS
from phee.stream.kafka import KafkaAddress

SWITCH = "PHEE_TEST_ZEEBE"
EPOCH = 20_260_101
INSTANCES = 40
PROCESS = "Greeting-rhino"
DRAWING = f"""<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="http://phee/t">
  <process id="{PROCESS}" isExecutable="true">
    <startEvent id="start"/>
    <sequenceFlow id="flow" sourceRef="start" targetRef="end"/>
    <endEvent id="end"/>
  </process>
</definitions>"""

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]


@pytest.fixture
def zeebe(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A fresh Zeebe that exports to a fresh Kafka: (gateway, brokers)."""
    if os.environ.get(SWITCH, "0") == "0":
        pytest.skip(f"set {SWITCH}=1 to run a real Zeebe (2.5 GB of memory)")
    with ExitStack() as stack:
        ports: dict[str, dict[str, int]] = {}
        for component in (Kafka(), Zeebe()):
            folder = tmp_path / component.name
            running = start_component(component, folder, free_ports(component), ports)
            stack.callback(process.stop, running)
            ports[component.name] = dict(running.ports)
        yield f"127.0.0.1:{ports['zeebe']['grpc']}", f"127.0.0.1:{ports['kafka']['kafka']}"


def call(channel: grpc.Channel, method: str, request: object, answer: type) -> object:
    unary = channel.unary_unary(
        f"/gateway_protocol.Gateway/{method}",
        request_serializer=type(request).SerializeToString,  # type: ignore[attr-defined]
        response_deserializer=answer.FromString,  # type: ignore[attr-defined]
    )
    return unary(request, timeout=30)


def test_a_real_zeebe_feeds_both_importers(zeebe: tuple[str, str], tmp_path: Path) -> None:
    gateway, brokers = zeebe
    keys = []
    with grpc.insecure_channel(gateway) as channel:
        resource = pb.Resource(name="greeting.bpmn", content=DRAWING.encode())
        request = pb.DeployResourceRequest(resources=[resource])
        call(channel, "DeployResource", request, pb.DeployResourceResponse)
        for number in range(INSTANCES):
            create = pb.CreateProcessInstanceRequest(
                bpmnProcessId=PROCESS, version=-1, variables=f'{{"number": {number}}}'
            )
            made = call(channel, "CreateProcessInstance", create, pb.CreateProcessInstanceResponse)
            keys.append(made.processInstanceKey)  # type: ignore[attr-defined]
    data = tmp_path / "data"
    prepare(data, "rhino")
    address = KafkaAddress(brokers=brokers, topic=TOPIC, epoch=EPOCH)
    for kind in KINDS:
        importer = new_importer(kind, data, kafka_stream(address, kind))
        query = {
            "relational": "SELECT workflow_instance_key, value FROM variables WHERE name='number'",
            "search": "SELECT 1",
        }[kind]
        steps = 0
        while steps < 600:
            steps += 1
            importer.step()
            if importer.positions and not importer.progress.lag_records and steps > 20:
                break
        importer.stop()
        importer.run()
        with closing(sqlite3.connect(store_path(kind, data, "rhino"))) as connection:
            rows = connection.execute(query).fetchall()
            if kind == "relational":
                assert sorted(rows) == sorted((key, str(n)) for n, key in enumerate(keys))
                ended = connection.execute(
                    "SELECT epoch, process_instance_key FROM process_instances"
                    " WHERE state = 'COMPLETED'"
                ).fetchall()
                assert sorted(ended) == sorted((EPOCH, key) for key in keys)
            else:
                (count,) = connection.execute("SELECT count(*) FROM documents").fetchone()
                assert count >= INSTANCES
