"""Everything that happened in one process instance, for the answers that show it whole."""

from __future__ import annotations

from typing import Any

from phee.operations.answers import (
    FlowNodeAnswer,
    IncidentAnswer,
    TaskAnswer,
    VariableAnswer,
    same_fields,
)
from phee.operations.parameters import SIZE_MAX
from phee.stores.relational.filters import IncidentFilter
from phee.stores.relational.queries import RelationalReader

_task = same_fields(TaskAnswer)
_variable = same_fields(VariableAnswer)
_flow_node = same_fields(FlowNodeAnswer)
_incident = same_fields(IncidentAnswer)


def parts(reader: RelationalReader, key: int, epoch: int) -> dict[str, Any]:
    """Return everything that happened in one instance, as the fields of InstanceParts."""
    incidents = reader.incidents(
        IncidentFilter(process_instance_key=key), size=SIZE_MAX, sorted_order="ASC"
    )
    return {
        "tasks": [_task(row) for row in reader.tasks(key, epoch=epoch)],
        "variables": [_variable(row) for row in reader.variables(key, epoch=epoch)],
        "flow_nodes": [_flow_node(row) for row in reader.flow_nodes(key, epoch=epoch)],
        "incidents": [_incident(row) for row in incidents.rows if row.epoch == epoch],
    }
