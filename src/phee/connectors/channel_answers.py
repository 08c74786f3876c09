"""What the channel and the operators are told. This version tells them by log and data side only.

No caller waits for these: the channel's callers ask for the state of their payment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from phee.workers import Job, JobHandler, job

_log = structlog.get_logger(__name__)

_NEWS = ("send-success-to-channel", "send-error-to-channel", "send-unknown-to-channel")
_ALARMS = ("notify-operator", "notify-ams-failure")


def channel_handlers() -> list[JobHandler]:
    """One handler for each job type that tells someone something."""
    news = [job(name)(_telling(name, _log.debug)) for name in _NEWS]
    return news + [job(name)(_telling(name, _log.warning)) for name in _ALARMS]


def _telling(name: str, write: Callable[..., object]) -> Callable[[Job], Awaitable[None]]:
    event = name.replace("-", "_")

    async def tell(job: Job) -> None:
        write(
            event,
            tenant_id=job.tenant_id,
            process_instance_key=job.process_instance_key,
            element_id=job.element_id,
        )

    return tell
