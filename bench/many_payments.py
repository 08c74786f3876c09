"""A tenant with millions of payments, made by the database itself from nothing but row numbers.

The same rows in every database and at every run. What makes queries hard is there: most payments
are COMPLETED and a few hundred are not; one payer is behind a tenth of them; a fifth have the same
amount; batches are large; direction and institution depend on each other; what begins together is
written out of order.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, Table

from phee.stores.relational import tables
from phee.stores.search import tables as search

START_MS = 1_760_000_000_000
STEP_MS = 800
EPOCH = 1
FIRST_KEY = 2_251_799_813_685_249
PART = 1_000_000
INCIDENT_EVERY = 200
NEWEST_RUN = 2_000
"""So many of the newest payments are under way."""

_U = "((n * 2654435761 + 97) % 1000003)"
_V = "((n * 2246822519 + 13) % 1000003)"
_W = "((n * 3266489917 + 71) % 1000003)"
_OUTGOING = f"({_U} % 10 < 6)"
_STATUS = (
    f"CASE WHEN n > :count - {NEWEST_RUN} THEN 'IN_PROGRESS' WHEN {_U} < 10 THEN 'UNKNOWN'"
    f" WHEN {_U} < 30 THEN 'EXCEPTION' WHEN {_U} < 60 THEN 'IN_PROGRESS'"
    f" WHEN {_U} < 30000 THEN 'FAILED' ELSE 'COMPLETED' END"
)
_OTHER_BANK = f"'bank' || WHOLE(({_V} * {_V}) / 33333533400)"
_STARTED = f"({START_MS} + n * {STEP_MS} + (n * 31) % 5000)"
_ENDED = (
    f"CASE WHEN n > :count - {NEWEST_RUN} OR {_U} < 60 THEN NULL"
    f" ELSE {_STARTED} + 300 + {_W} % 5000 END"
)
_PARTY = "WHOLE(27710000000 + ({0} * {1}) / 1000003)"
_FLOW = (
    f"CASE WHEN {_OUTGOING} THEN 'PayerFundTransfer' WHEN {_V} < 20 THEN 'Rare'"
    " ELSE 'PayeeTransfer' END"
)
_KEY = f"({FIRST_KEY} + n)"
_STATE = f"CASE WHEN ({_ENDED}) IS NULL THEN 'ACTIVE' ELSE 'COMPLETED' END"
_AMOUNT = f"CASE WHEN {_W} % 5 = 0 THEN 10000 ELSE {_W} END"
"""In hundredths."""

PAYMENT = {
    "direction": f"CASE WHEN {_V} < 20 THEN 'UNKNOWN' WHEN {_OUTGOING} THEN 'OUTGOING'"
    " ELSE 'INCOMING' END",
    "transaction_id": "'tx-' || ((n * 7919) % 99999989) || '-' || (n % 1000)",
    "client_correlation_id": "'order-' || ((n * 104729) % 99999989)",
    "batch_id": "CASE WHEN n % 10 < 3 THEN 'batch-' || WHOLE(n / 100000) END",
    "amount": f"MONEY({_AMOUNT})",
    "currency": f"CASE WHEN {_V} < 60 THEN 'XAF' WHEN {_V} < 50000 THEN 'EUR'"
    f" WHEN {_V} < 300000 THEN 'KES' ELSE 'USD' END",
    "payer_dfsp_id": f"CASE WHEN {_OUTGOING} THEN 'rhino' ELSE {_OTHER_BANK} END",
    "payer_party_id": f"CASE WHEN {_W} < 100000 THEN '27700000001'"
    f" ELSE {_PARTY.format(_V, _W)} || '' END",
    "payer_party_id_type": f"CASE WHEN {_W} < 60 THEN 'ALIAS' WHEN {_W} < 50000 THEN 'ACCOUNT_ID'"
    " ELSE 'MSISDN' END",
    "payee_dfsp_id": f"CASE WHEN {_OUTGOING} THEN {_OTHER_BANK} ELSE 'rhino' END",
    "payee_party_id": f"{_PARTY.format(_U, _W)} || ''",
    "payee_party_id_type": f"CASE WHEN {_U} < 60 THEN 'ALIAS' WHEN {_U} < 50000 THEN 'ACCOUNT_ID'"
    " ELSE 'MSISDN' END",
}
_INSTANCE = {"epoch": str(EPOCH), "bpmn_process_id": f"{_FLOW} || '-rhino'", "flow": _FLOW}
TRANSFER = {
    **_INSTANCE, "workflow_instance_key": _KEY, "workflow_key": "1", **PAYMENT, "status": _STATUS,
    "started_at": _STARTED, "completed_at": _ENDED, "instance_state": _STATE,
}  # fmt: skip
PROCESS_INSTANCE = {
    **_INSTANCE, "process_instance_key": _KEY, "version": "1", "process_definition_key": "1",
    "parent_process_instance_key": f"CASE WHEN n % 50 = 0 THEN {_KEY} - 1 END",
    "state": _STATE, "started_at": _STARTED, "ended_at": _ENDED,
}  # fmt: skip
_ERROR = f"CASE WHEN {_W} < 1000 THEN 'EXTRACT_VALUE_ERROR' ELSE 'JOB_NO_RETRIES' END"
_OPEN = f"CASE WHEN {_U} < 2000 THEN 'OPEN' ELSE 'RESOLVED' END"
_RESOLVED = f"CASE WHEN {_U} < 2000 THEN NULL ELSE {_STARTED} + 60000 END"
INCIDENT = {
    "epoch": str(EPOCH), "incident_key": f"({FIRST_KEY} + 900000000 + n)",
    "process_instance_key": _KEY, "process_definition_key": "1",
    "bpmn_process_id": f"{_FLOW} || '-rhino'", "element_id": "'Task_' || (n % 40)",
    "error_type": _ERROR, "error_message": "'insufficient funds in account'", "state": _OPEN,
    "created_at": _STARTED, "resolved_at": _RESOLVED,
}  # fmt: skip
DOCUMENT = {
    **_INSTANCE, "kind": "'payment'", "key": _KEY, "process_instance_key": _KEY, **PAYMENT,
    "status": _STATUS, "state": _STATE, "started_at": _STARTED, "completed_at": _ENDED,
    "note": f"CASE WHEN {_U} % 4 = 0 THEN 'school fees' WHEN {_U} < 20 THEN 'gift for grandmother'"
    " ELSE 'rent of a shop' END",
    "error_text": f"CASE WHEN ({_STATUS}) = 'FAILED' THEN 'payer has insufficient funds' END",
}  # fmt: skip
INCIDENT_DOCUMENT = {
    **_INSTANCE, "kind": "'incident'", "key": f"({FIRST_KEY} + 900000000 + n)",
    "process_instance_key": _KEY, "status": _OPEN, "state": _OPEN, "started_at": _STARTED,
    "completed_at": _RESOLVED, "element_id": "'Task_' || (n % 40)", "error_type": _ERROR,
    "error_text": "'insufficient funds in account'",
}  # fmt: skip


def fill_relational(engine: Engine, count: int) -> None:
    """Make ``count`` payments with their instances, and incidents; then every index."""
    for table, values, every in (
        (tables.transfers, TRANSFER, 1),
        (tables.process_instances, PROCESS_INSTANCE, 1),
        (tables.incidents, INCIDENT, INCIDENT_EVERY),
    ):
        with engine.begin() as connection:
            _prepare(connection)
        _empty(engine, table)
        _fill(engine, table, values, count, every)
        create_indexes(engine, table)


def fill_search(engine: Engine, count: int) -> None:
    """Make the documents of ``count`` payments and their incidents; then every index."""
    with engine.begin() as connection:
        _prepare(connection)
        for name in ("added", "changed", "removed"):
            connection.exec_driver_sql(f"DROP TRIGGER documents_{name}")
    _empty(engine, search.documents)
    _fill(engine, search.documents, DOCUMENT, count, 1)
    _fill(engine, search.documents, INCIDENT_DOCUMENT, count, INCIDENT_EVERY)
    create_indexes(engine, search.documents)
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO documents_text(documents_text) VALUES ('rebuild')")
        for statement in search.TRIGGERS:
            connection.exec_driver_sql(statement)


def _empty(engine: Engine, table: Table) -> None:
    """Take the indexes away: they are made at once when the rows are there."""
    with engine.begin() as connection:
        for index in table.indexes:
            index.drop(connection, checkfirst=False)
        connection.execute(table.delete())


def _fill(engine: Engine, table: Table, values: dict[str, str], count: int, every: int) -> None:
    for first in range(1, count + 1, PART):
        with engine.begin() as connection:
            _prepare(connection)
            last = min(first + PART - 1, count)
            connection.exec_driver_sql(_insert(engine, table, values, count, (first, last, every)))


def create_indexes(engine: Engine, table: Table) -> None:
    """Make the indexes of a table; where that can be one statement, the rows are read once."""
    indexes = sorted(table.indexes, key=lambda index: str(index.name))
    if engine.dialect.name != "sqlite":
        names = [(index.name, ", ".join(c.name for c in index.columns)) for index in indexes]
        added = ", ".join(f"ADD INDEX {name} ({columns})" for name, columns in names)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {table.name} {added}")
        return
    for index in indexes:
        with engine.begin() as connection:
            _prepare(connection)
            index.create(connection, checkfirst=False)


def _prepare(connection: Connection) -> None:
    """Let the database hurry: what is lost in a crash is made anew."""
    if connection.dialect.name == "sqlite":
        return
    for setting in ("unique_checks = 0", "foreign_key_checks = 0"):
        connection.exec_driver_sql(f"SET SESSION {setting}")
    connection.exec_driver_sql("SET SESSION sql_mode = CONCAT(@@sql_mode, ',PIPES_AS_CONCAT')")


def _insert(
    engine: Engine,
    table: Table,
    values: dict[str, str],
    count: int,
    rows: tuple[int, int, int],
) -> str:
    first, last, every = rows
    first += -first % every
    is_sqlite = engine.dialect.name == "sqlite"
    names = ", ".join(table.c[name].name for name in values)
    written = ", ".join(values.values()).replace(":count", str(count))
    if is_sqlite:
        written = written.replace("WHOLE(", "(")
        written = _replace_money(written, "printf('%018d.%02d00', ({0}) / 100, ({0}) % 100)")
        source = (
            f"WITH RECURSIVE numbers(n) AS (SELECT {first} UNION ALL"
            f" SELECT n + {every} FROM numbers WHERE n + {every} <= {last})"
            f" SELECT {written} FROM numbers"
        )
        return f"INSERT INTO {table.name} ({names}) {source}"
    written = _replace_money(written.replace("WHOLE(", "FLOOR("), "(({0}) / 100)")
    written = written.replace("%", "%%")  # the driver's own sign
    return (
        f"INSERT INTO {table.name} ({names}) SELECT {written}"
        f" FROM (SELECT seq AS n FROM seq_{first}_to_{last}_step_{every}) AS numbers"
    )


def _replace_money(written: str, form: str) -> str:
    return written.replace(f"MONEY({_AMOUNT})", form.format(_AMOUNT))
