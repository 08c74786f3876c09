"""The real components, one engine's log, and the processes between them, for tests of faults.

:class:`Components` live for the whole run; a :class:`Scene` is one case: empty stores, a consumer
group and processes of its own. Every scene ends with :meth:`Scene.settle`: whatever still runs
finishes its work, what does not run is started, and the stores must equal the fold of the log.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from child_nursery import Child, Nursery
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from engine_log import EngineLog
from failpoints import Failpoint
from fault_stores import Stores
from faulty_tcp import FaultyTcp
from fold_check import (
    Expected,
    check_documents,
    check_letters,
    check_rows,
    fold,
    wait_until,
)
from kafka_world import RealKafka
from mariadb_server import MariaDbServer
from payment_engine import TENANTS
from real_components.component import Ports
from real_components.kafka import Kafka
from real_components.missing import Missing
from real_components.process import Launch
from search_node import SearchNode

from phee.exporter.kafka import control
from phee.importers.process import KINDS, Kind

SEED = int(os.environ.get("PHEE_SEED", time.time_ns() % 1_000_000))
ROUNDS = int(os.environ.get("PHEE_FAULT_ROUNDS", "1"))
"""How often a step is met by a fault in one case; from the second time on, at a random moment."""
PARTITIONS = 3
PAYMENTS = 40
SHARED = "shared"
_NUMBERS = count(1)

STARTED = "importer started"
SMALL_STEPS: Mapping[str, Any] = {
    "phee.importers.importer:BATCH_BYTES": 60_000,
    "phee.importers.importer:HOUSEKEEPING_S": 0.1,
    "phee.importers.slots:RETRY_S_MAX": 0.5,
}
"""So that a little data goes in many steps, and a stalled tenant is tried again soon."""
SMALL_SENDS: Mapping[str, Any] = {
    "phee.exporter.kafka.run:FETCH_BYTES": 30_000,
    "phee.exporter.kafka.run:FLIGHT_RECORDS": 50,
    "phee.exporter.kafka.exporter:RETRY_S_MAX": 0.5,
    "phee.exporter.kafka.settings:KafkaExporterSettings.__init__.__kwdefaults__.acknowledge_s": 0.02,  # noqa: E501
    "phee.exporter.kafka.settings:KafkaExporterSettings.__init__.__kwdefaults__.mark_s": 0.05,
}


def rng_of(case: str) -> Random:
    """A source of moments that a case and the seed determine together."""
    print(f"PHEE_SEED={SEED} {case}")
    return Random(SEED ^ zlib.crc32(case.encode()))


_PROTOCOLS = "PLAINTEXT:PLAINTEXT,BEHIND:PLAINTEXT,CONTROLLER:PLAINTEXT"


class _KafkaBehindProxy(Kafka):
    """A broker that also listens where only a proxy connects, and sends clients to that proxy."""

    ports: ClassVar[Ports] = {**Kafka.ports, "behind": 9094}
    ready_timeout_s = 180.0

    def __init__(self) -> None:
        self.proxy_port = 0

    def launch(self, folder: Path, ports: Ports, peers: Mapping[str, Ports]) -> Launch:
        launch = super().launch(folder, ports, peers)
        kafka, behind, controller = (
            f"127.0.0.1:{ports[name]}" for name in ("kafka", "behind", "controller")
        )
        lines = (
            f"listeners=PLAINTEXT://{kafka},BEHIND://{behind},CONTROLLER://{controller}",
            f"advertised.listeners=PLAINTEXT://{kafka},BEHIND://127.0.0.1:{self.proxy_port}",
            f"listener.security.protocol.map={_PROTOCOLS}",
        )
        with (folder / "server.properties").open("a", encoding="utf-8") as properties:
            properties.write("\n".join(lines) + "\n")
        return launch


class Components:
    """Kafka, MariaDB and OpenSearch, each behind a proxy too; an engine, and its exported log."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        component = _KafkaBehindProxy()
        self.kafka = RealKafka(folder / "kafka", component)
        self.kafka_proxy = FaultyTcp(self.kafka.ports["behind"], "kafka")
        component.proxy_port = self.kafka_proxy.port
        self.mariadb = MariaDbServer()
        self.database_proxy = FaultyTcp(self.mariadb.port, "mysql")
        self.search = SearchNode(folder / "search")
        self.search_proxy = FaultyTcp(self.search.port)
        self.engine = EngineLog(folder / "hub")
        self._running = ExitStack()

    def start(self) -> None:
        """Start everything and export the log; raises ``Missing``."""
        running = self._running
        for close in (self.mariadb.close, self.kafka.stop, self.search.close):
            running.callback(close)
        with ThreadPoolExecutor() as threads:
            list(threads.map(_start, (self.search, self.kafka, self.mariadb)))
        for proxy in (self.kafka_proxy, self.database_proxy, self.search_proxy):
            running.enter_context(proxy)
        self.nursery = Nursery(
            "phee.importers.process",
            "phee.exporter.kafka.process",
            "phee.stores.mysql.opening",
            "phee.stores.search.opensearch.store",
            "phee.stream.kafka.stream",
            PHEE_MASKING="off",  # tokens depend on a key of the data directory; the fold has none
        )
        running.callback(self.nursery.close)
        self.engine.start()
        running.callback(self.engine.close)
        self.engine.pay(PAYMENTS)
        self.expected = fold(self.engine.copy(), TENANTS)
        self.exported = export(self, self.engine, SHARED, self._folder)

    def close(self) -> None:
        self._running.close()

    def quiet(self) -> None:
        """No fault is left over from a case, also one that failed."""
        for proxy in (self.kafka_proxy, self.database_proxy, self.search_proxy):
            proxy.disarm()
        self.nursery.kill_all()
        for component in (self.kafka, self.mariadb, self.search):
            if not component.is_running:
                _start(component)


def _start(component: SearchNode | RealKafka | MariaDbServer) -> None:
    """Start a component; once more when it gave up, as it may on a busy machine."""
    try:
        component.start()
    except Missing:
        component.start()


def export(components: Components, engine: EngineLog, topic: str, folder: Path) -> str:
    """Export the log of ``engine`` to a topic without any fault; return its address."""
    exporting = Exporting(components, engine, topic, folder)
    child = exporting.start()
    exporting.wait_done()
    child.end()
    return exporting.address


class Exporting:
    """Kafka exporter processes of one name, and the topic they write."""

    def __init__(
        self,
        components: Components,
        engine: EngineLog,
        topic: str,
        folder: Path,
        *,
        brokers: str = "",
        replication: int = 1,
        in_sync: int = 1,
    ) -> None:
        self._components = components
        self._engine = engine
        self.brokers = brokers or components.kafka.brokers
        self.topic = topic
        self.name = f"to-{topic}"
        self.address = f"kafka://{self.brokers}/{topic}"
        self._log = folder / f"exporter-{topic}.log"
        self._copies = ("--replication", str(replication), "--min-in-sync-replicas", str(in_sync))

    def start(
        self,
        failpoint: Failpoint | None = None,
        *,
        brokers: str = "",
        constants: Mapping[str, Any] | None = None,
    ) -> Child:
        arguments = [
            "kafka", "--data", str(self._engine.data), "--name", self.name,
            "--stream", f"kafka://{brokers or self.brokers}/{self.topic}",
            "--partitions", str(PARTITIONS), *self._copies,
        ]  # fmt: skip
        return self._components.nursery.start(
            "phee.exporter", arguments, self._log,
            failpoint=failpoint, constants={**SMALL_SENDS, **(constants or {})},
        )  # fmt: skip

    @property
    def position(self) -> int:
        """Up to here everything is confirmed by Kafka."""
        return control.status(self._engine.data, self.name).position

    def wait_done(self) -> None:
        """Return once the whole log is in Kafka, and every partition says so."""
        wait_until(self._is_done, f"{self.topic} has the log", self.said)

    def _is_done(self) -> bool:
        end = self._engine.position
        return self.position >= end and lowest_mark(self.brokers, self.topic) >= end

    def said(self) -> str:
        return self._log.read_text(errors="replace")


def lowest_mark(brokers: str, topic: str) -> int:
    """The lowest position that the last messages of the partitions have."""
    return min(last_positions(brokers, topic))


def last_positions(brokers: str, topic: str) -> list[int]:
    """The position of the last message of each partition; 0: it has none."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "marks", "log_level": 2})
    with closing(consumer):
        return [_last_position(consumer, topic, number) for number in range(PARTITIONS)]


def _last_position(consumer: Consumer, topic: str, number: int) -> int:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=5)
    if high == low:
        return 0
    consumer.assign([TopicPartition(topic, number, high - 1)])
    message = consumer.poll(5)
    assert message is not None
    assert message.error() is None, message.error()
    return int(dict(message.headers() or ())["position"])


class Scene:
    """One case: stores that begin empty, processes, and what must be true in the end."""

    def __init__(self, components: Components, folder: Path, stores: Stores, data: Path) -> None:
        self.components = components
        self.folder = folder
        self.topic = f"case-{next(_NUMBERS)}"
        self.data = data
        self.stores = stores
        self.stream = components.exported
        self.expected = components.expected
        self.lanes = PARTITIONS
        self.kinds: tuple[Kind, ...] = KINDS
        self._importers: list[tuple[Kind, Child]] = []

    # --- doors behind which a proxy stands ---

    @property
    def proxied_brokers(self) -> str:
        return f"127.0.0.1:{self.components.kafka_proxy.port}"

    @property
    def proxied_stream(self) -> str:
        return f"kafka://{self.proxied_brokers}/{SHARED}"

    @property
    def proxied_database(self) -> str:
        there, here = self.components.mariadb.port, self.components.database_proxy.port
        return self.stores.database.replace(f":{there}/", f":{here}/") + "&tls=off"

    @property
    def proxied_search(self) -> str:
        return self.behind(f"http://127.0.0.1:{self.components.search_proxy.port}")

    def behind(self, url: str) -> str:
        """The search stores, reached by another address."""
        return self.stores.search.replace(self.components.search.url, url)

    # --- processes ---

    def exporting(self, engine: EngineLog | None = None, **options: Any) -> Exporting:
        """Exporters of an engine's log to a topic of this scene, which its importers read too."""
        engine = engine or self.components.engine
        made = Exporting(self.components, engine, self.topic, self.folder, **options)
        self.stream = made.address
        return made

    def start(
        self,
        kind: Kind,
        failpoint: Failpoint | None = None,
        *,
        member: str = "a",
        group: str = "",
        stream: str = "",
        database: str = "",
        search: str = "",
        constants: Mapping[str, Any] | None = None,
    ) -> Child:
        """Start an importer; ``member`` is its lasting name in its group (empty: none)."""
        group = group or f"{self.topic}-{kind}"
        address = stream or self.stream
        if address.startswith("kafka://"):
            address += f"?group={group}" + (f"&instance={member}" if member else "")
        arguments = [
            kind, "--data", str(self.data), "--stream", address,
            "--database", database or self.stores.database,
            "--search", search or self.stores.search,
        ]  # fmt: skip
        child = self.components.nursery.start(
            "phee.importers", arguments, self.folder / f"{kind}-{member}.log",
            failpoint=failpoint, constants={**SMALL_STEPS, **(constants or {})},
        )  # fmt: skip
        self._importers.append((kind, child))
        return child

    # --- the end of a case ---

    def settle(self, expected: Expected | None = None) -> None:
        """Let the importers finish, and compare what they wrote with the fold."""
        self.expected = expected or self.expected
        for kind in self.kinds:
            if not self.running(kind):
                self.start(kind)
        for kind in self.kinds:
            wait_until(lambda kind=kind: self.has_all(kind), f"{kind} is done", self.story)
        for kind in self.kinds:
            for child in self.running(kind):
                # It may have nothing to do, so everything is there before it listens to signals.
                wait_until(lambda child=child: child.has_said(STARTED), "it runs", child.said)
                child.end()
        self.check()

    def running(self, kind: Kind) -> list[Child]:
        return [child for of, child in self._importers if of == kind and child.state() == "runs"]

    def check(self) -> None:
        """Everything is there, once, and nothing else."""
        if "relational" in self.kinds:
            check_rows(self.stores.rows(), self.expected)
        if "search" in self.kinds:
            check_documents(self.stores.documents(), self.expected)
        for kind in self.kinds:
            check_letters(self.stores.letters(kind), kind, self.expected)

    def has_all(self, kind: Kind) -> bool:
        """Whether every watermark of every tenant has reached the end of the log."""
        return all(self._is_at_end(kind, tenant) for tenant in TENANTS)

    def has_caught_up(self, kind: Kind, brokers: str) -> bool:
        """Whether every tenant has what each partition holds now."""
        ends = last_positions(brokers, self.topic)
        lanes = {f"{self.topic}/{number}": end for number, end in enumerate(ends)}
        return all(
            {name: at for name, _, at in self.stores.marks(kind, tenant)}.get(lane, 0) >= end
            for tenant in TENANTS
            for lane, end in lanes.items()
        )

    def _is_at_end(self, kind: Kind, tenant: str) -> bool:
        reached: dict[int, list[int]] = {epoch: [] for epoch in self.expected.positions}
        for _, epoch, position in self.stores.marks(kind, tenant):
            if epoch in reached:  # what has no place of its own has lanes of its own
                reached[epoch].append(position)
        return all(
            len(positions) == self.lanes and min(positions) >= self.expected.positions[epoch]
            for epoch, positions in reached.items()
        )

    def story(self) -> str:
        """What the processes of this case said last."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(
            f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in logs
        )


def delete_offsets(brokers: str, group: str) -> None:
    """Forget how far a consumer group is, once its last member is gone for good."""
    admin = AdminClient({"bootstrap.servers": brokers})

    def is_deleted() -> bool:
        try:
            admin.delete_consumer_groups([group])[group].result(20)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
                raise  # done, though an answer was late
        return True

    wait_until(is_deleted, f"the group {group} is deleted")
