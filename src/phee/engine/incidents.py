"""Incidents: what stopped, why, and how it goes on once resolved.

Invariant: an open incident belongs to a registered element instance; it is resolved by a command
or when its element terminates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phee.engine import codes
from phee.engine.rows import INCIDENT_ROW, number_of, numbered
from phee.records.values import IncidentValue

if TYPE_CHECKING:
    from phee.engine.core import Core
    from phee.engine.instances import ElementInstance

IO_MAPPING_ERROR = "IO_MAPPING_ERROR"
JOB_NO_RETRIES = "JOB_NO_RETRIES"
CONDITION_ERROR = "CONDITION_ERROR"
EXTRACT_VALUE_ERROR = "EXTRACT_VALUE_ERROR"
CALLED_ELEMENT_ERROR = "CALLED_ELEMENT_ERROR"
UNHANDLED_ERROR_EVENT = "UNHANDLED_ERROR_EVENT"


class Failure(Exception):
    """A step cannot go on until someone helps; becomes an incident.

    Attributes:
        error_type: Zeebe's ErrorType.
        scope: whose variables matter, when that is not the element itself.
    """

    def __init__(self, error_type: str, message: str, scope: ElementInstance | None = None) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.scope = scope


class Incident:
    """An open incident."""

    __slots__ = ("gone", "key", "stored", "value")

    def __init__(self, key: int, value: IncidentValue) -> None:
        self.key = key
        self.value = value
        self.stored = False
        self.gone = False

    def row_key(self) -> bytes:
        """Return where it lies."""
        return numbered(INCIDENT_ROW, self.key)

    def row(self) -> Any:
        """Return what lies there."""
        return self.value

    @classmethod
    def load(cls, key: bytes, row: Any) -> Incident:
        """Return the incident of a row."""
        incident = cls(number_of(key), IncidentValue(*row))
        incident.stored = True
        return incident


def raise_incident(
    core: Core,
    element: ElementInstance,
    failure: Failure,
    job_key: int = -1,
    element_id: str | None = None,
) -> None:
    """Open an incident on ``element`` (``element_id`` where the record names another)."""
    key = core.next_key()
    definition = element.instance.definition
    value = IncidentValue(
        failure.error_type,
        failure.message,
        definition.bpmn_process_id,
        definition.key,
        element.instance.key,
        element_id or element.node.id,
        element.key,
        job_key,
        (failure.scope or element).key,
        definition.tenant_id,
    )
    incident = Incident(key, value)
    core.state.incidents[key] = incident
    if element.incident_keys is None:
        element.incident_keys = []
    element.incident_keys.append(key)
    core.dirty(incident)
    core.dirty(element)
    core.event(key, codes.INCIDENT, codes.INCIDENT_CREATED, value)
    core.state.stats.incidents_created += 1


def close_incident(core: Core, element: ElementInstance | None, incident: Incident) -> None:
    """Put on record that an incident is over, and forget it."""
    core.event(incident.key, codes.INCIDENT, codes.INCIDENT_RESOLVED, incident.value)
    del core.state.incidents[incident.key]
    core.drop(incident)
    core.state.stats.incidents_resolved += 1
    if element is not None and element.incident_keys:
        element.incident_keys.remove(incident.key)
        core.dirty(element)


def close_incidents(core: Core, element: ElementInstance, *, jobs_only: bool = False) -> None:
    """Resolve the incidents of an element that ends (or of its job alone)."""
    for key in list(element.incident_keys or ()):
        incident = core.state.incidents[key]
        if not jobs_only or incident.value.job_key != -1:
            close_incident(core, element, incident)
