"""What the channel and the operators are told. This version tells them by log and data side only.

No caller waits for these: the channel's callers ask for the state of their payment. So a payment
that fails has a reason: where nobody refused it, somebody kept silent, and the news says who.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
import structlog

from phee.connectors.failures import NO_ANSWER, PAYER_SILENT
from phee.workers import Job, JobHandler, job

_log = structlog.get_logger(__name__)

_NEWS = ("send-success-to-channel", "send-unknown-to-channel")
_ALARMS = ("notify-operator", "notify-ams-failure")


def channel_handlers() -> list[JobHandler]:
    """One handler for each job type that tells someone something."""
    news = [job("send-error-to-channel")(_tell_failure)]
    news += [job(name)(_telling(name, _log.debug)) for name in _NEWS]
    return news + [job(name)(_telling(name, _log.warning)) for name in _ALARMS]


class FailureVariables(msgspec.Struct, frozen=True, rename="camel"):
    """What tells why a payment failed, and how far it was."""

    error_information: str | None = None
    payee_quote_response: str | None = None


async def _tell_failure(job: Job, variables: FailureVariables) -> dict[str, str]:
    await _telling("send-error-to-channel", _log.debug)(job)
    if variables.error_information:
        return {}
    reason = NO_ANSWER if variables.payee_quote_response is None else PAYER_SILENT
    return {"errorInformation": reason.as_text()}


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
