"""Everything one batch of records means for one tenant's tables."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from phee.projections.generic import GenericFold
from phee.projections.routing import Route
from phee.projections.rows import (
    FLOW_NODE_INSTANCES,
    INCIDENTS,
    PROCESS_DEFINITIONS,
    PROCESS_INSTANCES,
    TASKS,
    TRANSFER_INSTANCES,
    TRANSFER_JOBS,
    TRANSFER_VARIABLES,
    VARIABLES,
    RowChange,
    Target,
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


class RelationalFold:
    """Folds the records of one tenant and epoch, in order, into row changes."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self._generic = GenericFold(epoch)
        self._transfers = TransferFold(epoch)

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

    @property
    def touched_transfers(self) -> set[int]:
        """The instances whose transfer status must be worked out again."""
        return self._transfers.touched

    def changes(self) -> list[tuple[Target, Collection[RowChange]]]:
        """Return the row changes, table by table, in the order a store applies them."""
        generic, transfers = self._generic, self._transfers
        return [
            (PROCESS_DEFINITIONS, generic.definitions.values()),
            (PROCESS_INSTANCES, generic.process_instances.values()),
            (FLOW_NODE_INSTANCES, generic.flow_nodes.values()),
            (VARIABLES, generic.variables.values()),
            (TASKS, generic.tasks.values()),
            (INCIDENTS, generic.incidents.values()),
            (TRANSFER_INSTANCES, transfers.instances.values()),
            (TRANSFER_VARIABLES, transfers.variables.values()),
            (TRANSFER_JOBS, transfers.jobs.values()),
        ]
