"""Requests, batches and messages to people: what the records of their flows mean for rows.

A flow of any type is folded like a transfer's (:class:`phee.projections.transfers.TransferFold`):
what the instance says and what its variables say are groups of their own, each ordered by its
position. What follows from both, a store works out for the instances that were touched.
"""

from __future__ import annotations

from typing import Any, cast

from phee.projections.business_rows import BUSINESS_TABLES, BusinessTable
from phee.projections.routing import Route
from phee.projections.rows import Target, TransferInstanceRow
from phee.projections.transfers import TransferFold, status_rule
from phee.records import Record, ValueType
from phee.records.values import IncidentValue, ProcessInstanceValue, VariableValue


def business_status_rule(open_incident: str) -> str:
    """Return the SQL expression of the status of a batch's instance or a message.

    Args:
        open_incident: SQL condition that is true while an incident of the instance is open.
    """
    return status_rule(open_incident, is_unknown="1 = 0")


def request_state_rule(open_incident: str) -> str:
    """Return the SQL expression of a request's state, in upstream's words.

    An end that fails decides; a flow that ended well is what it said last, else ACCEPTED; one
    that stands at an incident counts as FAILED until the incident is resolved.
    """
    return (
        "CASE WHEN instance_state = 'TERMINATED' THEN 'FAILED'"
        " WHEN instance_state = 'COMPLETED' AND outcome > 1 THEN 'FAILED'"
        " WHEN instance_state = 'COMPLETED' THEN CASE WHEN stated_state IN"
        " ('ACCEPTED', 'REJECTED', 'FAILED', 'SUCCESS') THEN stated_state ELSE 'ACCEPTED' END"
        f" WHEN {open_incident} THEN 'FAILED'"
        " ELSE COALESCE(stated_state, 'IN_PROGRESS') END"
    )


class BusinessFold:
    """Folds the records of flows that are no transfers, of one epoch."""

    def __init__(self, epoch: int) -> None:
        self._folds = {
            table.flow_type: TransferFold(epoch, table.variables.row) for table in BUSINESS_TABLES
        }

    def apply(self, record: Record, route: Route) -> None:
        """Fold one record of a route with a mapping in.

        Raises:
            InvalidInput: a mapped field cannot be read from it (the others are applied).
        """
        if route.mapping is None:
            return
        fold = self._folds[route.mapping.type]
        match record.value_type:
            case ValueType.PROCESS_INSTANCE:
                fold.process_instance(record, cast("ProcessInstanceValue", record.value), route)
            case ValueType.VARIABLE:
                fold.variable(record, cast("VariableValue", record.value), route)
            case ValueType.INCIDENT:
                fold.incident(cast("IncidentValue", record.value), route)

    def touched(self, table: BusinessTable) -> set[int]:
        """Return the instances of ``table`` whose status must be worked out again."""
        return self._folds[table.flow_type].touched

    def instances(self) -> list[dict[int, TransferInstanceRow]]:
        """Return what the process instances say, by key, for every type of flow."""
        return [fold.instances for fold in self._folds.values()]

    def changes(self) -> list[tuple[Target, Any]]:
        """Return the row changes, table by table."""
        changes: list[tuple[Target, Any]] = []
        for table in BUSINESS_TABLES:
            fold = self._folds[table.flow_type]
            changes.append((table.instances, fold.instances.values()))
            changes.append((table.variables, fold.variables.values()))
        return changes
