"""Tenants in process ids: ``{flow}-{tenant}``, where the orchestrator itself knows no tenants."""

from __future__ import annotations

from collections.abc import Callable


def named_tenant(bpmn_process_id: str, is_known: Callable[[str], bool]) -> str | None:
    """Return the known tenant that stands after a dash at the end of a process id, if any.

    Of several the longest counts: ``flow-a-b`` is of ``a-b``, not of ``b``, when both are known.
    """
    at = bpmn_process_id.find("-")
    while at != -1:
        if is_known(name := bpmn_process_id[at + 1 :]):
            return name
        at = bpmn_process_id.find("-", at + 1)
    return None
