"""How long the questions of the operations API take when a tenant has millions of payments.

``python -m bench.queries [--transfers N] [--store sqlite|mariadb|fts5] [--keep DIR] [--json FILE]``

Fills one tenant (deterministic, skewed: bench/many_payments.py), then asks every filter, order and
search through the same readers that the API uses, each many times with other values: p50, p99 and
the slowest, in ms, warm; and the p99 of the time this process worked, which other load on the
machine does not change (all of it for SQLite; for MariaDB the client's, and the mean of the
server's beside it). ``--keep`` keeps what was filled and finds it again; for mariadb its path must
be short (a socket is in it).
"""

# ruff: noqa: ARG005 - all questions are asked alike, many of the same value

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/support"), str(ROOT / "scripts")]

from bench import many_payments as made  # noqa: E402
from mariadb_server import MariaDbServer  # noqa: E402
from sqlalchemy import Engine  # noqa: E402

from phee.collecting import collect_in_small_steps, keep_what_is_there  # noqa: E402
from phee.stores.mysql import connections  # noqa: E402
from phee.stores.mysql.address import parse_address  # noqa: E402
from phee.stores.mysql.names import database_name  # noqa: E402
from phee.stores.order import cursor_text  # noqa: E402
from phee.stores.paths import relational_path, search_path  # noqa: E402
from phee.stores.relational import tables  # noqa: E402
from phee.stores.relational.filters import (  # noqa: E402
    IncidentFilter,
    ProcessInstanceFilter,
    TransferFilter,
)
from phee.stores.relational.queries import RelationalReader  # noqa: E402
from phee.stores.relational.stores import relational_stores  # noqa: E402
from phee.stores.relational.ways import TRANSFERS  # noqa: E402
from phee.stores.search import tables as search_tables  # noqa: E402
from phee.stores.search.fts5 import Fts5Search, open_search  # noqa: E402
from phee.stores.search.query import SearchQuery  # noqa: E402
from phee.stores.sqlite import writer_engine  # noqa: E402
from phee.tenants import Tenant, TenantRegistry  # noqa: E402

TENANT = "rhino"
SEED = 20261123
TIMES = 200
WARMING = 40
BUFFER_POOL_MB = 10_240
SORT_BUFFER_MB = 16
Ask = Callable[[random.Random], Any]
_HURRY = ("synchronous = OFF", "temp_store = FILE", "cache_size = -800000", "threads = 2")
DAY_MS = 86_400_000


def transfer_questions(reader: RelationalReader, count: int) -> dict[str, Ask]:
    """Every filter (rare and common values), order and depth of the transfers."""
    end = made.START_MS + count * made.STEP_MS

    def moment(chance: random.Random) -> int:
        return chance.randrange(made.START_MS, end)

    def number(chance: random.Random) -> int:
        return chance.randrange(1, count)

    def rows(chosen: Callable[[random.Random], dict[str, Any]], **shown: Any) -> Ask:
        return lambda chance: reader.list_transfers(TransferFilter(**chosen(chance)), **shown)

    party = "27700000001"
    filters: dict[str, Callable[[random.Random], dict[str, Any]]] = {
        "nothing": lambda c: {},
        "transactionId": lambda c: {
            "transaction_id": f"tx-{(n := number(c)) * 7919 % 99999989}-{n % 1000}"
        },
        "clientCorrelationId": lambda c: {
            "client_correlation_id": f"order-{number(c) * 104729 % 99999989}"
        },
        "batchId": lambda c: {"batch_id": f"batch-{number(c) // 100000}"},
        "amount=100": lambda c: {"amount": Decimal(100)},
        "amount": lambda c: {"amount": Decimal(number(c) % 1000000) / 100},
        "payerPartyId=largest": lambda c: {"payer_party_id": party},
        "payerPartyId": lambda c: {"payer_party_id": str(27710000000 + c.randrange(900000))},
        "payeePartyId": lambda c: {"payee_party_id": str(27710000000 + c.randrange(900000))},
        "partyId=largest": lambda c: {"party_id": party},
        "partyId": lambda c: {"party_id": str(27710000000 + c.randrange(900000))},
        "partyIdType=ALIAS": lambda c: {"party_id_type": "ALIAS"},
        "partyIdType=MSISDN": lambda c: {"party_id_type": "MSISDN"},
        "payerDfspId": lambda c: {"payer_dfsp_id": c.choice(("rhino", "bank0", "bank29"))},
        "payeeDfspId": lambda c: {"payee_dfsp_id": c.choice(("rhino", "bank0", "bank29"))},
        "currency": lambda c: {"currency": c.choice(("USD", "EUR", "XAF"))},
        "status=COMPLETED": lambda c: {"status": "COMPLETED"},
        "status=FAILED": lambda c: {"status": "FAILED"},
        "status=UNKNOWN": lambda c: {"status": "UNKNOWN"},
        "direction": lambda c: {"direction": c.choice(("INCOMING", "OUTGOING", "UNKNOWN"))},
        "a day": lambda c: {"start_from": (m := moment(c)), "start_to": m + DAY_MS},
        "status, a day": lambda c: {
            "status": "FAILED", "start_from": (m := moment(c)), "start_to": m + DAY_MS
        },
        "status, direction, currency": lambda c: {
            "status": "FAILED", "direction": "INCOMING", "currency": "EUR"
        },
        "status=UNKNOWN, payerDfspId": lambda c: {"status": "UNKNOWN", "payer_dfsp_id": "rhino"},
        "direction, payerDfspId (none has both)": lambda c: {
            "direction": "INCOMING", "payer_dfsp_id": "rhino"
        },
        "batchId, status": lambda c: {
            "batch_id": f"batch-{number(c) // 100000}", "status": "FAILED"
        },
        "payerPartyId=largest, status, a day": lambda c: {
            "payer_party_id": party, "status": "COMPLETED", "start_from": (m := moment(c)),
            "start_to": m + DAY_MS,
        },
    }  # fmt: skip
    asked: dict[str, Ask] = {f"transfers {name}": rows(f) for name, f in filters.items()}
    for name in ("nothing", "status=FAILED", "partyId=largest", "a day"):
        asked[f"transfers {name}, oldest first"] = rows(filters[name], sorted_order="ASC")
    for column in TRANSFERS.indexes:
        asked[f"transfers by {column}"] = rows(filters["nothing"], sorted_by=column)
    for name in ("status=FAILED", "status=UNKNOWN", "payerPartyId=largest", "a day"):
        asked[f"transfers {name}, by amount"] = rows(filters[name], sorted_by="amount")
    asked["transfers page 400"] = rows(filters["nothing"], page=400)
    asked["transfers status=COMPLETED, page 400"] = rows(filters["status=COMPLETED"], page=400)
    asked["transfers size 1000"] = rows(filters["nothing"], size=1000)
    asked["transfers page 10,000 by cursor"] = _far(reader, TransferFilter(), count)
    asked["transfers status=FAILED, far by cursor"] = _far(
        reader, TransferFilter(status="FAILED"), count
    )
    asked["one transfer"] = lambda c: reader.get_transfer(made.FIRST_KEY + number(c))
    asked["one transfer's incidents"] = lambda c: reader.incidents(
        IncidentFilter(process_instance_key=made.FIRST_KEY + number(c)), size=1000
    )
    return asked


def _far(reader: RelationalReader, chosen: TransferFilter, count: int) -> Ask:
    """The page after a place far down, as whoever followed 10,000 cursors would ask."""

    def ask(chance: random.Random) -> Any:
        row = chance.randrange(1, count)
        place = (made.START_MS + row * made.STEP_MS + (row * 31) % 5000, row)
        cursor = cursor_text("transfers started_at DESC", place)
        return reader.list_transfers(chosen, cursor=cursor)

    return ask


def other_questions(reader: RelationalReader, count: int) -> dict[str, Ask]:
    """Process instances and incidents."""

    def key(chance: random.Random) -> int:
        return made.FIRST_KEY + chance.randrange(1, count)

    instances: dict[str, Callable[[random.Random], dict[str, Any]]] = {
        "nothing": lambda c: {},
        "state=ACTIVE": lambda c: {"state": "ACTIVE"},
        "state=COMPLETED": lambda c: {"state": "COMPLETED"},
        "bpmnProcessId": lambda c: {"bpmn_process_id": "PayerFundTransfer-rhino"},
        "bpmnProcessId=Rare": lambda c: {"bpmn_process_id": "Rare-rhino"},
        "processInstanceKey": lambda c: {"process_instance_key": key(c)},
        "parentProcessInstanceKey": lambda c: {"parent_process_instance_key": key(c)},
        "bpmnProcessId, state": lambda c: {
            "bpmn_process_id": "PayeeTransfer-rhino", "state": "ACTIVE"
        },
    }  # fmt: skip
    incidents: dict[str, Callable[[random.Random], dict[str, Any]]] = {
        "nothing": lambda c: {},
        "state=OPEN": lambda c: {"state": "OPEN"},
        "errorType": lambda c: {"error_type": "EXTRACT_VALUE_ERROR"},
        "bpmnProcessId": lambda c: {"bpmn_process_id": "PayerFundTransfer-rhino"},
        "errorType, state": lambda c: {"error_type": "JOB_NO_RETRIES", "state": "OPEN"},
    }
    asked: dict[str, Ask] = {}
    for name, chosen in instances.items():
        asked[f"instances {name}"] = lambda c, chosen=chosen: reader.process_instances(  # type: ignore[misc]
            ProcessInstanceFilter(**chosen(c))
        )
    for column in ("ended_at", "bpmn_process_id", "state"):
        asked[f"instances by {column}"] = lambda c, column=column: reader.process_instances(  # type: ignore[misc]
            sorted_by=column
        )
    for name, chosen in incidents.items():
        asked[f"incidents {name}"] = lambda c, chosen=chosen: reader.incidents(  # type: ignore[misc]
            IncidentFilter(**chosen(c))
        )
    for column in ("resolved_at", "error_type", "bpmn_process_id"):
        asked[f"incidents by {column}"] = lambda c, column=column: reader.incidents(  # type: ignore[misc]
            sorted_by=column
        )
    return asked


def searches(store: Fts5Search, count: int) -> dict[str, Ask]:
    """Words, fields and ranges."""
    end = made.START_MS + count * made.STEP_MS

    def number(chance: random.Random) -> int:
        return chance.randrange(1, count)

    def transaction(n: int) -> str:
        return f"tx-{n * 7919 % 99999989}-{n % 1000}"

    words: dict[str, Callable[[random.Random], dict[str, Any]]] = {
        "nothing": lambda c: {},
        "kind=incident": lambda c: {"kinds": ("incident",)},
        "kind=payment": lambda c: {"kinds": ("payment",)},
        "q=transaction id": lambda c: {"text": transaction(number(c))},
        "q=party": lambda c: {"text": str(27710000000 + c.randrange(900000))},
        "q=largest party": lambda c: {"text": "27700000001"},
        "q=rent (most)": lambda c: {"text": "rent"},
        'q="school fees"': lambda c: {"text": '"school fees"'},
        "q=grandmother (rare)": lambda c: {"text": "grandmother"},
        "q=insufficient funds": lambda c: {"text": "insufficient funds"},
        "q=rhino school (two common)": lambda c: {"text": "rhino school"},
        "q=rent school (none has both)": lambda c: {"text": "rent school"},
        "q=277* (begins most)": lambda c: {"text": "277*"},
        "q=2771023*": lambda c: {"text": f"27710{c.randrange(100, 900)}*"},
        "q=nobody": lambda c: {"text": "nobody"},
        "q=funds in error text": lambda c: {"text": "funds", "fields": ("error_text",)},
        "q=rent, status=UNKNOWN": lambda c: {"text": "rent", "filters": {"status": "UNKNOWN"}},
        "q=rent, payerPartyId": lambda c: {
            "text": "rent", "filters": {"payer_party_id": str(27710000000 + c.randrange(900000))}
        },
        "transactionId": lambda c: {"filters": {"transaction_id": transaction(number(c))}},
        "clientCorrelationId": lambda c: {
            "filters": {"client_correlation_id": f"order-{number(c) * 104729 % 99999989}"}
        },
        "batchId": lambda c: {"filters": {"batch_id": f"batch-{number(c) // 100000}"}},
        "status=FAILED": lambda c: {"filters": {"status": "FAILED"}},
        "status=UNKNOWN": lambda c: {"filters": {"status": "UNKNOWN"}},
        "direction": lambda c: {"filters": {"direction": "INCOMING"}},
        "currency=XAF": lambda c: {"filters": {"currency": "XAF"}},
        "amount=100": lambda c: {"filters": {"amount": Decimal(100)}},
        "payerPartyId=largest": lambda c: {"filters": {"payer_party_id": "27700000001"}},
        "payeePartyId": lambda c: {
            "filters": {"payee_party_id": str(27710000000 + c.randrange(900000))}
        },
        "payerDfspId": lambda c: {"filters": {"payer_dfsp_id": "bank0"}},
        "payeePartyIdType": lambda c: {"filters": {"payee_party_id_type": "ALIAS"}},
        "flow": lambda c: {"filters": {"flow": "PayerFundTransfer"}},
        "errorType": lambda c: {"filters": {"error_type": "EXTRACT_VALUE_ERROR"}},
        "elementId": lambda c: {"filters": {"element_id": "Task_0"}},
        "processInstanceKey": lambda c: {
            "filters": {"process_instance_key": made.FIRST_KEY + number(c)}
        },
        "direction, payerDfspId (none has both)": lambda c: {
            "filters": {"direction": "INCOMING", "payer_dfsp_id": "rhino"}
        },
        "a day": lambda c: {
            "ranges": {"started_at": ((m := c.randrange(made.START_MS, end)), m + DAY_MS)}
        },
        "completed until": lambda c: {
            "ranges": {"completed_at": (None, c.randrange(made.START_MS, end))}
        },
        "amount 50 to 60": lambda c: {"ranges": {"amount": (Decimal(50), Decimal(60))}},
        "amount over 9,999": lambda c: {"ranges": {"amount": (Decimal(9999), None)}},
        "status, amount, a day": lambda c: {
            "filters": {"status": "FAILED"},
            "ranges": {
                "amount": (Decimal(500), None),
                "started_at": ((m := c.randrange(made.START_MS, end)), m + DAY_MS),
            },
        },
    }  # fmt: skip
    asked: dict[str, Ask] = {}
    for name, chosen in words.items():
        for order in (True, False) if name.startswith(("nothing", "q=rent", "q=277")) else (True,):
            title = f"search {name}" + ("" if order else ", oldest first")
            asked[title] = lambda c, chosen=chosen, order=order: store.search(  # type: ignore[misc]
                SearchQuery(newest_first=order, **chosen(c))
            )
    return asked


def measure(
    asked: dict[str, Ask], times: int, server_pid: int | None = None
) -> dict[str, dict[str, float]]:
    """Ask everything, ``times`` times each after a few to warm up."""
    results = {}
    for name, ask in asked.items():
        chance = random.Random(SEED)
        for _ in range(WARMING):  # every statement that these values lead to is prepared
            ask(chance)
        taken, worked, before = [], [], _worked_ms(server_pid)
        for _ in range(times):
            began, began_work = time.perf_counter(), time.thread_time()
            ask(chance)
            taken.append((time.perf_counter() - began) * 1000)
            worked.append((time.thread_time() - began_work) * 1000)
        taken.sort()
        worked.sort()
        results[name] = {
            "p50_ms": round(statistics.median(taken), 2),
            "p99_ms": round(taken[int(len(taken) * 0.99) - 1], 2),
            "max_ms": round(taken[-1], 2),
            "cpu_p99_ms": round(worked[int(len(worked) * 0.99) - 1], 2),
            "server_cpu_mean_ms": round((_worked_ms(server_pid) - before) / times, 2),
        }
        print(
            f"{name:48} p50 {results[name]['p50_ms']:8.2f}  p99 {results[name]['p99_ms']:8.2f}"
            f"  max {results[name]['max_ms']:8.2f}  cpu p99 {results[name]['cpu_p99_ms']:8.2f}"
            f"  server {results[name]['server_cpu_mean_ms']:8.2f}",
            flush=True,
        )
    return results


def _worked_ms(pid: int | None) -> float:
    """How long a process has worked so far."""
    if pid is None:
        return 0.0
    fields_after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = fields_after_name[11:13]
    return (int(user) + int(system)) * 1000 / os.sysconf("SC_CLK_TCK")


@contextmanager
def filled(store: str, count: int, data: Path) -> Iterator[tuple[dict[str, Ask], int | None]]:
    """Fill the tenant where it is not yet, and give the questions to ask it."""
    TenantRegistry(data).add(Tenant(id=TENANT))
    began = time.perf_counter()
    if store == "fts5":
        path = search_path(data, TENANT)
        if not path.exists():
            engine = writer_engine(path)
            with engine.begin() as connection:
                search_tables.create(connection)
            _hurry(engine)
            made.fill_search(engine, count)
            engine.dispose()
        print(f"filled in {time.perf_counter() - began:.0f} s", flush=True)
        with closing(open_search(data, TENANT)) as reader:
            yield searches(reader, count), None
        return
    if store == "sqlite":
        path = relational_path(data, TENANT)
        if not path.exists():
            relational_stores("sqlite", data).onboard(TENANT)
            engine = writer_engine(path)
            _hurry(engine)
            made.fill_relational(engine, count)
            engine.dispose()
        print(f"filled in {time.perf_counter() - began:.0f} s", flush=True)
        with closing(relational_stores("sqlite", data).open_reader(TENANT)) as reader:
            yield transfer_questions(reader, count) | other_questions(reader, count), None
        return
    server = MariaDbServer(
        buffer_pool_mb=BUFFER_POOL_MB, sort_buffer_mb=SORT_BUFFER_MB, folder=data / "mariadb"
    )
    with closing(server):
        server.folder.mkdir(exist_ok=True)
        server.start()
        stores = relational_stores(server.database, data)
        is_filled = data / "mariadb.filled"
        if not is_filled.exists():
            stores.onboard(TENANT)
            engine = _operators_engine(server.database)
            made.fill_relational(engine, count)
            engine.dispose()
            is_filled.touch()
        _warm(server.database)
        print(f"filled in {time.perf_counter() - began:.0f} s", flush=True)
        with closing(stores.open_reader(TENANT)) as reader:
            asked = transfer_questions(reader, count) | other_questions(reader, count)
            yield asked, server.pid


def _hurry(engine: Engine) -> None:
    with engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        for setting in _HURRY:
            raw.execute(f"PRAGMA {setting}")  # type: ignore[attr-defined]


def _warm(database: str) -> None:
    """Read every index once: the server then has what its buffer pool can hold."""
    engine = _operators_engine(database)
    with engine.connect() as connection:
        for table in (tables.transfers, tables.process_instances, tables.incidents):
            for index in ["PRIMARY", *(str(index.name) for index in table.indexes)]:
                by_index = f"SELECT count(*) FROM {table.name} FORCE INDEX ({index})"
                connection.exec_driver_sql(f"{by_index} WHERE id >= 0")
    engine.dispose()


def _operators_engine(database: str) -> Engine:
    """The operator may make indexes, the tenant's account may not."""
    address = parse_address(database)
    return connections.writer_engine(
        connections.connector(
            address,
            address.user,
            address.operator_password,
            database=database_name(address.prefix, TENANT),
            timeout_s=3_600,
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--transfers", type=int, default=1_000_000)
    parser.add_argument("--store", choices=("sqlite", "mariadb", "fts5"), default="sqlite")
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--only", nargs="+", default=[""], help="questions with this in their name")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    print(f"{options.transfers} transfers, {options.store}, {platform.platform()}", flush=True)
    with tempfile.TemporaryDirectory(prefix="phee-bench-") as folder:
        data = options.keep or Path(folder)
        data.mkdir(parents=True, exist_ok=True)
        with filled(options.store, options.transfers, data) as (asked, server_pid):
            chosen = {n: ask for n, ask in asked.items() if any(o in n for o in options.only)}
            keep_what_is_there()  # as the process does that serves the API
            collect_in_small_steps()
            results = measure(chosen, options.times, server_pid)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
