"""Rows and documents for tests of what reads the stores."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from phee.stores.paths import relational_path, search_path
from phee.stores.relational import tables
from phee.stores.relational.migrate import migrate
from phee.stores.search import tables as search_tables
from phee.stores.sqlite import writer_engine

EPOCH = 1_700_000_000_000
BASE_MS = 1_750_000_000_000


def transfer_row(number: int, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "epoch": EPOCH,
        "workflow_instance_key": 1000 + number,
        "workflow_key": 1,
        "bpmn_process_id": "PayerFundTransfer-rhino",
        "flow": "PayerFundTransfer",
        "direction": "OUTGOING",
        "transaction_id": f"t-{number}",
        "client_correlation_id": f"c-{number}",
        "batch_id": None,
        "amount": Decimal(number),
        "currency": "USD",
        "payer_dfsp_id": "rhino",
        "payer_party_id": "+27710101999",
        "payer_party_id_type": "MSISDN",
        "payee_dfsp_id": "gorilla",
        "payee_party_id": f"2771{number}",
        "payee_party_id_type": "ACCOUNT_ID",
        "status": "COMPLETED",
        "error_information": None,
        "started_at": BASE_MS + number * 1000,
        "completed_at": BASE_MS + number * 1000 + 500,
    }
    return row | changes


def write_relational(
    data: Path, tenant_id: str, rows: dict[str, list[dict[str, Any]]], position: int = 100
) -> None:
    """Write ``rows`` by table into a tenant's store that has seen the log up to ``position``."""
    engine = writer_engine(relational_path(data, tenant_id))
    migrate(engine)
    mark = {
        "consumer": "relational", "lane": "log", "epoch": EPOCH, "partition_id": 1,
        "position": position, "owner": "test",
    }  # fmt: skip
    with engine.begin() as connection:
        for name, values in ({"watermarks": [mark]} | rows).items():
            connection.execute(insert(tables.metadata.tables[name]), values)
    engine.dispose()


def write_search(
    data: Path, tenant_id: str, documents: list[dict[str, Any]], position: int = 100
) -> None:
    """Write documents into a tenant's search store that has seen the log up to ``position``."""
    engine = writer_engine(search_path(data, tenant_id))
    mark = {
        "consumer": "search", "lane": "log", "epoch": EPOCH, "partition_id": 1,
        "position": position, "owner": "test",
    }  # fmt: skip
    with engine.begin() as connection:
        search_tables.create(connection)
        connection.execute(insert(search_tables.watermarks), [mark])
        if documents:
            connection.execute(insert(search_tables.documents), documents)
    engine.dispose()


def document_row(number: int, **changes: Any) -> dict[str, Any]:
    """Return the document of the transfer with the same number."""
    transfer = transfer_row(number)
    names = {column.name for column in search_tables.documents.columns}
    row = {name: value for name, value in transfer.items() if name in names}
    row |= {
        "kind": "payment",
        "key": transfer["workflow_instance_key"],
        "process_instance_key": transfer["workflow_instance_key"],
        "note": None,
        "error_type": None,
        "error_text": None,
    }
    return row | changes
