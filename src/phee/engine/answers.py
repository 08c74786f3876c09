"""Who is told what came of a group: callers, workers with streams, and those who wait for jobs.

The code that is called belongs to others: its faults are logged, and harm neither the engine nor
anybody else's answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import structlog

from phee.engine.errors import EngineStopped, Rejected
from phee.engine.group import Group
from phee.engine.job_commands import yield_job
from phee.engine.work_queue import WorkQueue

log = structlog.get_logger(__name__)


class Answers:
    """Hands out what groups leave behind, once they are durable."""

    def __init__(self, queue: WorkQueue) -> None:
        """Prepare; jobs that cannot be delivered are put back by way of ``queue``."""
        self._queue = queue
        self._jobs_available: list[Callable[[str], None]] = []

    def on_jobs_available(self, callback: Callable[[str], None]) -> None:
        """Call ``callback`` with a job type whenever jobs of it wait for a worker."""
        self._jobs_available.append(callback)

    def hand_out(self, group: Group) -> None:
        """Tell everybody."""
        for token, answer in group.replies:
            future: asyncio.Future[Any] = token  # type: ignore[assignment]
            if future.done():
                continue
            if isinstance(answer, Rejected):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        for stream, jobs in group.pushes.items():
            if stream.closed or not _called(stream.deliver, jobs):
                self._queue.extend((yield_job, job.key, None) for job in jobs)
        for job_type in group.available_types:
            for callback in self._jobs_available:
                _called(callback, job_type)


def refuse(tokens: Iterable[object], reason: EngineStopped) -> None:
    """Tell callers that there will be no answer."""
    for token in tokens:
        future: asyncio.Future[Any] = token  # type: ignore[assignment]
        if not future.done():
            future.set_exception(reason)


def _called(callback: Callable[[Any], None], argument: Any) -> bool:
    """Call somebody else's code; its fault is logged and is not ours."""
    try:
        callback(argument)
    except Exception as error:
        log.error("callback_failed", exc_info=error)
        return False
    return True
