"""The SDK for business logic: functions that do the jobs of service tasks.

The same handlers run in the hub's process or anywhere against any Zeebe gateway; which one is
decided by the client that the :class:`Worker` is given. See docs/workers.md.
"""

from phee.workers.failures import BpmnError, JobFailed
from phee.workers.handler import JobHandler, job
from phee.workers.identifiers import derived_uuid
from phee.workers.job import Job
from phee.workers.worker import Worker

__all__ = ["BpmnError", "Job", "JobFailed", "JobHandler", "Worker", "derived_uuid", "job"]
