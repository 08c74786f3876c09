"""The processing context: where a step reads the state and writes records and follow-ups.

One user or timer command is processed with its follow-up commands, first in first out, as Zeebe
does (reference: batch processing): a follow-up command is on record where it was issued, and its
own records come when its turn comes. After :data:`COMMANDS_MAX` commands the rest is put off as
backlog and goes on as commands of its own, so an endless flow cannot hold the engine.

Pure: the same commands at the same times on the same state give the same records. No clock, no
randomness, no I/O in here (cold rows come through the state).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from phee.engine import codes
from phee.engine.errors import REJECTIONS, Rejected

if TYPE_CHECKING:
    from phee.commands import ActivatedJob
    from phee.engine.job_streams import JobStream
    from phee.engine.rows import Entity
    from phee.engine.state import State
    from phee.records import RecordValue

COMMANDS_MAX = 100
"""Commands processed at once, as Zeebe's ``maxCommandsInBatch``."""

Handler = Callable[["Core", Any], None]
RecordRow = tuple[int, int, int, int, int, int, int, Any]
FollowUp = tuple[Handler, Any, int, int, int, int, Any]


class Core:
    """The state, and what processing adds to it until the group is committed.

    Attributes:
        records: the records of the group, as rows in the order of :class:`phee.records.Record`.
        replies: (token, answer or :class:`Rejected`) of the group, in order.
        pushes: jobs to hand to streams once the group is durable.
        touched: the rows that changed.
    """

    __slots__ = (
        "_append",
        "_queue",
        "available_types",
        "now",
        "position",
        "pushes",
        "records",
        "replies",
        "source",
        "state",
        "token",
        "touched",
    )

    def __init__(self, state: State) -> None:
        self.state = state
        self.position = state.position
        self.source = -1
        self.now = 0
        self.token: object = None
        self._queue: deque[FollowUp] = deque()
        self.clear()

    def clear(self) -> None:
        """Begin a new group."""
        assert not self._queue, "a group ends with an empty queue"
        self.records: list[RecordRow] = []
        self._append = self.records.append
        self.replies: list[tuple[object, object]] = []
        self.pushes: dict[JobStream, list[ActivatedJob]] = {}
        self.touched: dict[Entity, None] = {}
        self.available_types: dict[str, None] = {}

    # -- keys and rows

    def next_key(self) -> int:
        """Return a key that was never given out before."""
        state = self.state
        state.last_key += 1
        return state.last_key

    def dirty(self, entity: Entity) -> None:
        """Have the row of ``entity`` written with this group."""
        self.touched[entity] = None

    def drop(self, entity: Entity) -> None:
        """Have the row of ``entity`` deleted; one that never reached the disk just vanishes."""
        entity.gone = True
        if entity.stored:
            self.touched[entity] = None
        else:
            self.touched.pop(entity, None)

    # -- records

    def event(self, key: int, value_type: int, intent: int, value: RecordValue) -> None:
        """Put a fact on record."""
        position = self.position = self.position + 1
        self._append((position, self.source, key, self.now, codes.EVENT, value_type, intent, value))

    def follow_up(
        self,
        key: int,
        value_type: int,
        intent: int,
        value: RecordValue,
        handler: Handler,
        argument: Any,
    ) -> None:
        """Put a command on record that is processed when its turn comes."""
        position = self.position = self.position + 1
        self._append(
            (position, self.source, key, self.now, codes.COMMAND, value_type, intent, value)
        )
        self._queue.append((handler, argument, position, key, value_type, intent, value))

    def begin(self, key: int, value_type: int, intent: int, value: RecordValue) -> None:
        """Put the initial command on record; what follows names it as its source."""
        position = self.position = self.position + 1
        self._append((position, -1, key, self.now, codes.COMMAND, value_type, intent, value))
        self.source = position

    def reject(
        self,
        key: int,
        value_type: int,
        intent: int,
        value: RecordValue,
        rejection_type: int,
        reason: str,
    ) -> None:
        """Put on record that a command was refused, and why."""
        position = self.position = self.position + 1
        row = (position, self.source, key, self.now, codes.REJECTION, value_type, intent, value)
        self._append((*row, rejection_type, reason))  # type: ignore[arg-type]

    # -- answers

    def answer(self, answer: object) -> None:
        """Answer the initial command (it goes out when the group is durable)."""
        if self.token is not None:
            self.replies.append((self.token, answer))

    def refuse(
        self,
        name: str,
        key: int,
        value_type: int,
        intent: int,
        value: RecordValue,
        rejection_type: int,
        reason: str,
    ) -> None:
        """Refuse the initial command: on record and in the answer."""
        self.reject(key, value_type, intent, value, rejection_type, reason)
        self.answer(REJECTIONS[rejection_type](name, reason))

    def refuse_with(
        self, error: Rejected, key: int, value_type: int, intent: int, value: Any
    ) -> None:
        """Refuse the initial command with an error that is already made."""
        self.reject(key, value_type, intent, value, error.rejection_type, error.reason)
        self.answer(error)

    def reply_result(self, token: object, answer: Any, result: Any) -> None:
        """Answer a creation that waited for its instance to complete."""
        self.replies.append((token, replace(answer, result=result)))

    # -- running

    def run(self, handler: Handler, argument: Any, token: object, now: int) -> None:
        """Process one command with its follow-ups."""
        assert not self._queue, "the command before this one left follow-ups"
        self.now = now
        self.token = token
        handler(self, argument)
        self._run_follow_ups(COMMANDS_MAX - 1)

    def go_on(self, follow_up: FollowUp) -> None:
        """Process a follow-up command that was put off; it is the source of what follows."""
        self.source = follow_up[2]
        follow_up[0](self, follow_up[1])

    def _run_follow_ups(self, commands_max: int) -> None:
        queue = self._queue
        while queue:
            if commands_max == 0:
                self.state.put_off(self, queue)
                return
            commands_max -= 1
            follow_up = queue.popleft()
            follow_up[0](self, follow_up[1])

    def abandon(self) -> None:
        """Forget a group that failed half way (the state is loaded again after this)."""
        self._queue.clear()
