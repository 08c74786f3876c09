"""Tables that can be listed: what narrows each and in which order it comes.

Every filter has an index that begins with its column (or is the table's key).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Table

from phee.stores.relational import tables
from phee.stores.relational.filters import between


@dataclass(frozen=True, slots=True)
class ListedTable:
    """One table.

    Attributes:
        table: the table.
        equal: the columns that a filter may give one value for.
        time: the column that a range of time is about, and by which rows are sorted.
    """

    table: Table
    equal: tuple[str, ...]
    time: str

    def conditions(self, chosen: Mapping[str, Any]) -> list[ColumnElement[bool]]:
        """Return the SQL conditions of ``chosen``: columns, ``start_from`` and ``start_to``.

        What is None does not narrow; other names than those of this listing are an error of the
        caller (KeyError).
        """
        conditions: list[ColumnElement[bool]] = list(
            between(self.table.c[self.time], chosen.get("start_from"), chosen.get("start_to"))
        )
        for name, value in chosen.items():
            if name in ("start_from", "start_to") or value is None:
                continue
            if name not in self.equal:
                raise KeyError(name)
            conditions.append(self.table.c[name] == value)
        return conditions


_business = tables.business_tables
_happening = tables.happening_tables

TRANSACTION_REQUESTS = ListedTable(
    _business.transaction_requests,
    (
        "workflow_instance_key",
        "transaction_id",
        "client_correlation_id",
        "external_id",
        "status",
        "direction",
        "amount",
        "currency",
        "payer_party_id",
        "payee_party_id",
        "payer_dfsp_id",
        "payee_dfsp_id",
    ),
    "started_at",
)
BATCHES = ListedTable(
    _business.batches,
    (
        "batch_id",
        "client_correlation_id",
        "payer_fsp",
        "registering_institution_id",
        "status",
    ),
    "started_at",
)
SUB_BATCHES = ListedTable(_business.sub_batches, ("batch_id", "epoch"), "started_at")
OUTBOUND_MESSAGES = ListedTable(
    _business.outbound_messages,
    ("internal_id", "external_id", "mobile_number", "status", "workflow_instance_key"),
    "started_at",
)
MESSAGES = ListedTable(
    _happening.messages, ("message_key", "name", "correlation_key"), "published_at"
)
MESSAGE_SUBSCRIPTIONS = ListedTable(
    _happening.message_subscriptions,
    ("process_instance_key", "correlation_key", "message_name", "state"),
    "created_at",
)
TIMERS = ListedTable(_happening.timers, ("process_instance_key", "state"), "due_at")
DECISION_DEFINITIONS = ListedTable(
    _happening.decision_definitions, ("decision_key", "decision_id"), "deployed_at"
)
DECISION_EVALUATIONS = ListedTable(
    _happening.decision_evaluations,
    ("evaluation_key", "process_instance_key", "decision_id", "state"),
    "evaluated_at",
)
LISTINGS = (
    TRANSACTION_REQUESTS,
    BATCHES,
    SUB_BATCHES,
    OUTBOUND_MESSAGES,
    MESSAGES,
    MESSAGE_SUBSCRIPTIONS,
    TIMERS,
    DECISION_DEFINITIONS,
    DECISION_EVALUATIONS,
)
