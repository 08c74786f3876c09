"""What time asks for: timers, job deadlines and back-offs, messages past their time.

Zeebe's rhythm (reference: jobs, timers): job deadlines are looked at every second, messages every
minute; timers and back-offs when they are due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from phee.engine.instance_commands import fire_timer
from phee.engine.job_commands import recur, time_out
from phee.engine.messages.publishing import EXPIRED_AT_ONCE_MAX, expire_due

if TYPE_CHECKING:
    from phee.engine.core import Handler
    from phee.engine.state import State

JOB_CHECK_MS = 1_000
MESSAGE_CHECK_MS = 60_000
AT_ONCE_MAX = 500

Due = tuple["Handler", object]


class DueWork:
    """Finds the commands that time issues, and when to look again."""

    def __init__(self, state: State, now: int) -> None:
        self._state = state
        self._jobs_checked_at = now
        self._messages_checked_at = now

    def take(self, now: int) -> list[Due]:
        """Return the commands that are due at ``now``, bounded; call again for more."""
        state = self._state
        found: list[Due] = [(fire_timer, t.key) for t in state.timers_due.due(now, AT_ONCE_MAX)]
        found += [(recur, job.key) for job in state.job_backoffs.due(now, AT_ONCE_MAX)]
        if now - self._jobs_checked_at >= JOB_CHECK_MS:
            # a deadline is over when it lies before now, not at now
            late = state.job_deadlines.due(now - 1, AT_ONCE_MAX)
            found += [(time_out, job.key) for job in late]
            if len(late) < AT_ONCE_MAX:
                self._jobs_checked_at = now
        if now - self._messages_checked_at >= MESSAGE_CHECK_MS:
            old = state.message_deadlines.due(now, EXPIRED_AT_ONCE_MAX)
            if old:
                found.append((expire_due, [message.key for message in old]))
            if len(old) < EXPIRED_AT_ONCE_MAX:
                self._messages_checked_at = now
        return found

    def next_at(self) -> int | None:
        """Return when there will be something to do, if nothing else happens."""
        state = self._state
        moments = [state.timers_due.next_due(), state.job_backoffs.next_due()]
        deadline = state.job_deadlines.next_due()
        if deadline is not None:
            moments.append(max(deadline + 1, self._jobs_checked_at + JOB_CHECK_MS))
        expiry = state.message_deadlines.next_due()
        if expiry is not None:
            moments.append(max(expiry, self._messages_checked_at + MESSAGE_CHECK_MS))
        known = [moment for moment in moments if moment is not None]
        return min(known) if known else None
