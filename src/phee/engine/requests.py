"""The request registry: a creation with a request id happens at most once, ever.

The row is written in the same commit as the instance, so an answered creation is remembered and a
lost one is not. Rows older than the configured time are pruned in the background.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from phee.commands import CreatedProcessInstance
from phee.engine.errors import RequestConflict
from phee.engine.rows import REQUEST_AGE_ROW, REQUEST_ROW, decode_row, pack_number

if TYPE_CHECKING:
    from phee.commands import CreateProcessInstance
    from phee.engine.core import Core
    from phee.engine.store import Store

PRUNED_AT_ONCE_MAX = 1000


class Request:
    """One remembered request: its digest, its answer and when it came."""

    __slots__ = ("created_at", "digest", "gone", "name", "row_answer", "stored")

    def __init__(self, name: bytes, digest: str, row_answer: Any, created_at: int) -> None:
        self.name = name
        self.digest = digest
        self.row_answer = row_answer
        self.created_at = created_at
        self.stored = False
        self.gone = False

    def row_key(self) -> bytes:
        """Return where it lies."""
        return REQUEST_ROW + self.name

    def row(self) -> tuple[Any, ...]:
        """Return what lies there."""
        return (self.digest, self.row_answer, self.created_at)


class RequestAge:
    """The same request by age, so that old ones are found without reading all."""

    __slots__ = ("gone", "request", "stored")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.stored = False
        self.gone = False

    def row_key(self) -> bytes:
        """Return where it lies."""
        return REQUEST_AGE_ROW + pack_number(self.request.created_at) + self.request.name

    def row(self) -> None:
        """Return what lies there: nothing, the key says all."""


def _name(command: CreateProcessInstance) -> bytes:
    assert command.request is not None
    return command.tenant_id.encode() + b"\0" + command.request.id.encode()


def answer_again(core: Core, command: CreateProcessInstance) -> bool:
    """Answer a request that was accepted before; return whether it was."""
    assert command.request is not None
    name = _name(command)
    request = core.state.requests.get(name)
    if request is None:
        stored = core.state.port.get(REQUEST_ROW + name)
        if stored is None:
            return False
        request = Request(name, *decode_row(stored))
    if request.digest != command.request.digest:
        reason = f"Request '{command.request.id}' was accepted before with another body"
        core.answer(RequestConflict("CREATE", reason))
        return True
    core.answer(replace(CreatedProcessInstance(*request.row_answer), repeated=True))
    return True


def remember(core: Core, command: CreateProcessInstance, answer: CreatedProcessInstance) -> None:
    """Keep the answer of a request, together with its effect."""
    assert command.request is not None
    row = (
        answer.process_instance_key,
        answer.process_definition_key,
        answer.bpmn_process_id,
        answer.version,
        answer.tenant_id,
        answer.position,
    )
    request = Request(_name(command), command.request.digest, row, core.now)
    core.state.requests[request.name] = request
    core.dirty(request)
    core.dirty(RequestAge(request))


def prune(store: Store, before_ms: int) -> int:
    """Forget requests that came before ``before_ms``; return how many (call again if many)."""
    old: list[bytes] = []
    for key, _ in store.scan(REQUEST_AGE_ROW):
        if int.from_bytes(key[1:9], "big") >= before_ms or len(old) == PRUNED_AT_ONCE_MAX:
            break
        old.append(key)
    if old:
        store.delete(old + [REQUEST_ROW + key[9:] for key in old])
    return len(old)
