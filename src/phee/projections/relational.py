"""Everything one batch of records means for one tenant's tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import cast

from phee.projections.business import BusinessFold
from phee.projections.business_rows import BUSINESS_TARGETS, BusinessTable
from phee.projections.generic import GenericFold, history_of
from phee.projections.happening_rows import HAPPENING_TARGETS, VARIABLE_HISTORY
from phee.projections.happenings import HappeningFold
from phee.projections.routing import Route
from phee.projections.rows import (
    FLOW_NODE_INSTANCES,
    INCIDENTS,
    PROCESS_DEFINITIONS,
    PROCESS_INSTANCES,
    TARGETS,
    TASKS,
    TRANSFER_INSTANCES,
    TRANSFER_JOBS,
    TRANSFER_VARIABLES,
    VARIABLES,
    RowChange,
    Target,
    VariableRow,
)
from phee.projections.transfers import TransferFold
from phee.records import Record, ValueType
from phee.records.values import (
    IncidentValue,
    JobValue,
    ProcessInstanceValue,
    ProcessValue,
    VariableValue,
)

RELATIONAL_TARGETS = (*TARGETS, *HAPPENING_TARGETS, *BUSINESS_TARGETS)
"""Every target of a relational store."""


class RelationalFold:
    """Folds the records of one tenant and epoch, in order, into row changes."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self._generic = GenericFold(epoch)
        self._transfers = TransferFold(epoch)
        self._happenings = HappeningFold(epoch)
        self._business = BusinessFold(epoch)

    def apply(self, record: Record, route: Route) -> None:
        """Fold one record in.

        Raises:
            InvalidInput: a field of a transfer cannot be read from it; all else is folded in.
        """
        value = record.value
        match record.value_type:
            case ValueType.PROCESS_INSTANCE:
                instance = cast("ProcessInstanceValue", value)
                self._generic.process_instance(record, instance, route)
                self._transfers.process_instance(record, instance, route)
            case ValueType.VARIABLE:
                variable = cast("VariableValue", value)
                self._generic.variable(record, variable)
                self._transfers.variable(record, variable, route)
            case ValueType.JOB:
                job = cast("JobValue", value)
                self._generic.job(record, job)
                self._transfers.job(record, job, route)
            case ValueType.INCIDENT:
                incident = cast("IncidentValue", value)
                self._generic.incident(record, incident)
                self._transfers.incident(incident, route)
            case ValueType.PROCESS:
                self._generic.process(record, cast("ProcessValue", value))
            case _:
                self._happenings.apply(record)
        if route.business is not None:
            self._business.apply(record, route.business)

    @property
    def touched_transfers(self) -> set[int]:
        """The instances whose transfer status must be worked out again."""
        return self._transfers.touched

    def touched_business(self, table: BusinessTable) -> set[int]:
        """The instances of ``table`` whose status must be worked out again."""
        return self._business.touched(table)

    # --- what only the store knows; it is asked before the changes are applied ---

    @property
    def replaced_variables(self) -> Mapping[tuple[int, str], int]:
        """(scope key, name) of variables whose earlier value is to be kept, and its end."""
        return self._generic.replaced

    def keep_replaced(self, row: VariableRow) -> None:
        """Take the value that the store has of a replaced variable into its history."""
        end = self._generic.replaced.get((row.scope_key, row.name))
        if end is not None and row.position < end:
            self._generic.variable_history.append(history_of(row))

    def meet(self, other: RelationalFold) -> None:
        """Take the values that ``other``, of another lane, has of variables replaced here."""
        variables = other._generic.variables
        for key in self._generic.replaced.keys() & variables.keys():
            self.keep_replaced(variables[key])

    @property
    def roots(self) -> dict[int, int]:
        """The roots of the instances here, as far as they are known by now."""
        return {
            key: row.root_process_instance_key
            for key, row in self._generic.process_instances.items()
            if row.root_process_instance_key is not None
        }

    @property
    def called_by(self) -> Mapping[int, int]:
        """The instances that call activities began, with the instances these belong to."""
        return self._generic.children

    def set_roots(self, roots: Mapping[int, int]) -> None:
        """Give every called instance its root, from ``roots`` of instances that began before."""
        instances = self._generic.process_instances
        for child, parent in self._generic.children.items():  # a parent comes before its children
            above = instances.get(parent)
            root = above.root_process_instance_key if above is not None else None
            root = roots.get(parent) if root is None else root
            instances[child].root_process_instance_key = root
            for rows in (self._transfers.instances, *self._business.instances()):
                if child in rows:
                    rows[child].root_process_instance_key = root

    def changes(self) -> list[tuple[Target, Collection[RowChange]]]:
        """Return the row changes, table by table, in the order a store applies them."""
        generic, transfers = self._generic, self._transfers
        return [
            (PROCESS_DEFINITIONS, generic.definitions.values()),
            (PROCESS_INSTANCES, generic.process_instances.values()),
            (FLOW_NODE_INSTANCES, generic.flow_nodes.values()),
            (VARIABLE_HISTORY, generic.variable_history),
            (VARIABLES, generic.variables.values()),
            (TASKS, generic.tasks.values()),
            (INCIDENTS, generic.incidents.values()),
            *self._happenings.changes(),
            (TRANSFER_INSTANCES, transfers.instances.values()),
            (TRANSFER_VARIABLES, transfers.variables.values()),
            (TRANSFER_JOBS, transfers.jobs.values()),
            *self._business.changes(),
        ]
