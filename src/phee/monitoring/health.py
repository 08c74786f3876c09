"""Health that tells the truth: ready only while everything this process needs really works.

Live means that the process runs and its event loop turns. Ready means that every named check
passes right now; what fails says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from phee.errors import PheeError

CHECK_TIMEOUT_S = 2.0

Check = Callable[[], Awaitable[str | None]]
"""Returns None when all is well, else the reason why not; raising counts as not well."""


class CheckOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether one check passed, and why not."""

    ok: bool
    reason: str = ""


class Health(msgspec.Struct, frozen=True):
    """Whether this process can do its work."""

    ready: bool
    checks: dict[str, CheckOutcome]


class HealthChecks:
    """The named checks of a process."""

    def __init__(self, checks: Mapping[str, Check] | None = None) -> None:
        self._checks: dict[str, Check] = dict(checks or {})

    def add(self, name: str, check: Check) -> None:
        """Be ready only while ``check`` passes too."""
        self._checks[name] = check

    async def run(self) -> Health:
        """Return the outcome of every check, all run at once, each within CHECK_TIMEOUT_S."""
        outcomes = await asyncio.gather(*(_outcome(check) for check in self._checks.values()))
        named = dict(zip(self._checks, outcomes, strict=True))
        return Health(ready=all(outcome.ok for outcome in outcomes), checks=named)


async def _outcome(check: Check) -> CheckOutcome:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            reason = await check()
    except TimeoutError:
        return CheckOutcome(ok=False, reason=f"no answer within {CHECK_TIMEOUT_S:g} s")
    except PheeError as error:
        return CheckOutcome(ok=False, reason=str(error))
    except Exception as error:  # noqa: BLE001  (whatever breaks a check is the answer)
        return CheckOutcome(ok=False, reason=f"the check failed: {type(error).__qualname__}")
    return CheckOutcome(ok=reason is None, reason=reason or "")
