"""A small hub's data side on either mix of runtimes, for tests of what looks after the stores."""

from __future__ import annotations

import contextlib
import random
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer
from importing import import_all, new_importer, onboard, prepare
from kafka_world import RealKafka, everywhere, import_until, kafka_stream, write
from mariadb_server import MariaDbServer
from record_stream import RecordWriter, definition, payment
from relational_runtimes import MysqlRuntime, SqliteRuntime
from search_runtimes import own_indices
from sqlalchemy import BigInteger, Engine, Integer, SmallInteger, Table
from stream_runtimes import ServedLog

from phee.importers.importer import Importer
from phee.importers.process import KINDS, ImporterSettings, Kind, make_importer
from phee.monitoring import new_registry
from phee.projections.mapping import TransferMapping, default_mapping
from phee.records import Record
from phee.stores.paths import search_path
from phee.stores.relational.stores import relational_stores
from phee.stores.relational.types import Money
from phee.stores.search.opensearch.address import parse_address
from phee.stores.search.opensearch.document import document_id
from phee.stores.search.opensearch.indices import TenantIndices, path_of
from phee.stores.search.opensearch.server import SearchServer
from phee.stores.search.runtime import search_runtime
from phee.stores.sqlite import writer_engine
from phee.stream import stream_path
from phee.stream.kafka.message import mark_headers
from phee.stream.local import LocalStream
from phee.stream.memory import MemoryLog
from phee.stream.port import EventStream, Lane
from phee.upkeep.rebuilding import Rebuilder, Rebuilt
from phee.upkeep.report import Verification
from phee.upkeep.runtimes import Runtimes
from phee.upkeep.snapshot import Row, business_key, projected_tables, table_named
from phee.upkeep.verification import Verifier

TENANTS = ("gorilla", "rhino")
PARTITIONS = 3


class UpkeepWorld:
    """A data directory of two tenants, a stream, and importers that run when they are told to."""

    runtimes: Runtimes

    def __init__(self, data: Path) -> None:
        self.data = data
        self.log = MemoryLog()
        self.writer = RecordWriter()

    # --- what happens ---

    def append(self, commits: Iterable[list[Record]]) -> None:
        for records in commits:
            self.log.append(records)

    def pay(self, count: int, *, first: int = 0) -> None:
        """Append some payments and import them."""
        for number in range(first, first + count):
            self.append(payment(self.writer, number, tenant_id=TENANTS[number % 2], echoes=1))
        self.import_all()

    def import_all(self, *kinds: Kind) -> None:
        raise NotImplementedError

    def importer(self, kind: Kind) -> Importer[Any]:
        """A live importer, to be stepped."""
        raise NotImplementedError

    def has_all(self, at: dict[Lane, int]) -> bool:
        """Whether these positions of an importer say that it has everything."""
        return everywhere(1, self.log.durable_position)(at)

    def publish(self) -> None:
        """Make the log's newest records readable in the stream."""

    def catch_up(self, importer: Importer[Any]) -> None:
        """Step a live importer until it has everything and nobody is stalled."""
        self.publish()
        quiet = 0
        for _ in range(600):
            importer.step()
            done = (
                not importer.progress.stalled_tenants
                and not importer.progress.lag_records
                and self.has_all(importer.positions)
            )
            quiet = quiet + 1 if done else 0
            if quiet >= 3:
                return
            importer._stop.wait(0.05)
        raise AssertionError(f"the importer is stuck: {importer.progress}")

    # --- what is done about it ---

    def verify(self, *tenants: str, **options: Any) -> Verification:
        history = self.runtimes.open_history()
        try:
            verifier = Verifier(self.runtimes, history, default_mapping(), **options)
            return verifier.verify(tenants or TENANTS)
        finally:
            history.close()

    def rebuild(self, kind: Kind, mapping: TransferMapping | None = None) -> Rebuilt:
        history = self.runtimes.open_history()
        try:
            return Rebuilder(
                kind, self.runtimes, "rhino", history, mapping or default_mapping()
            ).rebuild()
        finally:
            history.close()

    # --- what there is ---

    def rows(self, kind: Kind, tenant_id: str = "rhino") -> dict[str, list[Row]]:
        """Every row of a store but row numbers."""
        snapshot = self.runtimes.snapshot(kind, tenant_id)
        try:
            tables = [*projected_tables(kind), table_named(kind, "dead_letters")]
            return {
                table.name: [
                    {name: value for name, value in row.items() if name != "id"}
                    for row in snapshot.rows(table)
                ]
                for table in tables
            }
        finally:
            snapshot.close()

    # --- damage ---

    def write_row(self, kind: Kind, table: Table, old: Row | None, new: Row | None) -> None:
        """Put ``new`` in place of ``old`` in rhino's store; None is no row."""
        engine = self.engine(kind)
        try:
            with engine.begin() as connection:
                if old is not None:
                    same = [c == old[str(c.key)] for c in business_key(table)]
                    assert connection.execute(table.delete().where(*same)).rowcount == 1
                if new is not None:
                    values = {name: value for name, value in new.items() if name != "id"}
                    connection.execute(table.insert().values(**values))
        finally:
            engine.dispose()

    def engine(self, kind: Kind) -> Engine:
        raise NotImplementedError


class EmbeddedWorld(UpkeepWorld):
    """SQLite, and the record log over its socket."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        prepare(data, *TENANTS)
        self.runtimes = Runtimes(data=data)
        self._served = ServedLog(self.log, stream_path(data))
        self._served.start()

    def close(self) -> None:
        self._served.close()

    def import_all(self, *kinds: Kind) -> None:
        for kind in kinds or KINDS:
            import_all(kind, self.data, self.log)

    def importer(self, kind: Kind) -> Importer[Any]:
        return new_importer(kind, self.data, LocalStream(self.log, kind))

    def engine(self, kind: Kind) -> Engine:
        if kind == "relational":
            return SqliteRuntime.engine(self, "rhino")  # type: ignore[arg-type]
        return writer_engine(search_path(self.data, "rhino"))


class ServersWorld(UpkeepWorld):
    """MariaDB, a search server, and Kafka."""

    def __init__(self, data: Path, mariadb: MariaDbServer, search: str, kafka: RealKafka) -> None:
        super().__init__(data)
        self._mariadb = mariadb
        self._mysql = MysqlRuntime(data, mariadb)
        self.address = kafka.address()
        kafka.make_topic(self.address.topic, partitions=PARTITIONS)
        self.search = search
        self.runtimes = Runtimes(
            data=data, stream=str(self.address), database=mariadb.database, search=search
        )
        self._published = 0
        self._search_stores = search_runtime(search, data)

    def publish(self) -> None:
        write(self.address, self.log, "phee", after=self._published)
        self._published = self.log.durable_position
        marks = mark_headers(self.log.epoch, self.log.partition_id, self._published)
        producer = Producer({"bootstrap.servers": self.address.brokers, "log_level": 2})
        for number in range(PARTITIONS):
            producer.produce(self.address.topic, None, partition=number, headers=marks)
        assert producer.flush(20) == 0

    def import_all(self, *kinds: Kind) -> None:
        self.publish()
        for kind in kinds or KINDS:
            has_all = everywhere(PARTITIONS, self.log.durable_position)
            import_until(self.importer(kind), has_all, 90)

    def importer(self, kind: Kind) -> Importer[Any]:
        settings = ImporterSettings(
            data=self.data, database=self.runtimes.database, search=self.search
        )
        return make_importer(kind, settings, self._stream(kind), new_registry(), self._stores(kind))

    def has_all(self, at: dict[Lane, int]) -> bool:
        return everywhere(PARTITIONS, self.log.durable_position)(at)

    def _stream(self, kind: Kind) -> EventStream:
        return kafka_stream(replace(self.address, group=f"{self.address.topic}-{kind}"), kind)

    def _stores(self, kind: Kind) -> Any:
        if kind == "relational":
            return relational_stores(self.runtimes.database, self.data)
        return self._search_stores

    def close(self) -> None:
        self._search_stores.close()

    def databases(self) -> list[str]:
        """Every database of the server that is one of a hub."""
        connection = self._mariadb.connect()
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute("SHOW DATABASES LIKE 'phee%'")
            return [name for (name,) in cursor.fetchall()]

    def engine(self, kind: Kind) -> Engine:
        assert kind == "relational"
        return self._mysql.engine("rhino")

    def write_row(self, kind: Kind, table: Table, old: Row | None, new: Row | None) -> None:
        if kind == "relational":
            super().write_row(kind, table, old, new)
            return
        server = SearchServer(parse_address(self.search))
        names = TenantIndices(server.prefix, "rhino")
        try:
            if old is not None:
                identity = document_id(old["epoch"], old["kind"], old["key"])
                query = {"query": {"term": {"id": identity}}}
                path = path_of(names.documents, "/_delete_by_query?refresh=true")
                assert server.ask("POST", path, query).decode(dict)["deleted"] == 1
            if new is not None:
                document = {k: v for k, v in new.items() if v is not None and k != "id"}
                document["id"] = document_id(new["epoch"], new["kind"], new["key"])
                if new["amount"] is not None:
                    document["amount"] = f"{new['amount']:023.4f}"
                index = names.generation(new["epoch"], new["process_instance_key"])
                path = path_of(index, f"/_doc/{document['id']}?refresh=true")
                server.ask("PUT", path, msgspec.json.encode(document))
        finally:
            server.close()


@contextlib.contextmanager
def servers_world(
    data: Path, mariadb: MariaDbServer, url: str, kafka: RealKafka, *, raw: bool = False
) -> Iterator[ServersWorld]:
    """With ``raw`` every record is kept as well, in indices that go with the others."""
    onboard(data, *TENANTS)
    with contextlib.ExitStack() as opened:
        search = opened.enter_context(own_indices(url))
        if raw:
            search += f"&raw=true&raw_prefix={parse_address(search).prefix}"
        world = ServersWorld(data, mariadb, search, kafka)
        yield opened.enter_context(contextlib.closing(world))


@contextlib.contextmanager
def world_on(
    request: pytest.FixtureRequest, folder: Path, *, servers: bool, raw: bool = False
) -> Iterator[UpkeepWorld]:
    """A world on servers, which are started when they are first needed, or embedded."""
    if not servers:
        # Not in pytest's folder: a socket's path is short.
        short = tempfile.TemporaryDirectory(prefix="phee-")
        with short as name, contextlib.closing(EmbeddedWorld(Path(name))) as embedded:
            yield embedded
        return
    mariadb, url, kafka = map(request.getfixturevalue, ("mariadb", "opensearch", "real_kafka"))
    with servers_world(folder, mariadb, url, kafka, raw=raw) as on_servers:
        yield on_servers


def start(world: UpkeepWorld) -> None:
    """Some payments in both tenants."""
    world.log.append([definition(world.writer, "PayerFundTransfer-rhino", tenant_id="rhino")])
    world.pay(6)


def changed(rng: random.Random, table: Table, row: Row) -> tuple[str, Row]:
    """A row with one other value; the name of its column."""
    names = [str(column.key) for column in table.columns if column.key != "id"]
    keys = {str(column.key) for column in business_key(table)}
    name = rng.choice([name for name in names if name not in keys])
    column, value = table.columns[name], row[name]
    if isinstance(column.type, Money):
        new: Any = (value or Decimal(0)) + Decimal("0.0001")
    elif (
        isinstance(column.type, BigInteger | Integer | SmallInteger)
        or isinstance(value, int)
        or column.type.python_type is int
    ):
        new = (value or 0) + 1
    else:
        # Another text of the same length, which fits whatever the column's length is.
        text = value or "x"
        new = ("A" if text[0] != "A" else "B") + text[1:]
    return name, {**row, name: new}
