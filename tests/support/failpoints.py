"""Named steps of phee's processes, and what to do to a process when it comes to one.

A step is a public seam of the product (a method), met before or after it does its work; nothing in
the product knows of it. :func:`arm` belongs into the child process, before the product runs.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Action = Literal["kill", "pause"]

SEAMS: Mapping[str, str] = {
    "engine write": "phee.engine.store:Store.write",
    "engine flush": "phee.engine.store:Store.flush",
    "engine told of a position": "phee.engine.log:EngineLog.acknowledge",
    "topics": "phee.exporter.kafka.exporter:prepare_topics",
    "begin of a log": "phee.exporter.kafka.state:State.begin_life",
    "send": "phee.exporter.kafka.sender:Sender.send",
    "confirmation": "phee.exporter.kafka.sender:Flight.answered",
    "position saved": "phee.exporter.kafka.state:State.move",
    "log told": "phee.stream.client:LogStream.acknowledge",
    "marks": "phee.exporter.kafka.outgoing:Outgoing.marks",
    "partitions taken": "phee.stream.kafka.stream:KafkaStream._on_assign",
    "fetch": "phee.stream.kafka.stream:KafkaStream.fetch",
    "offset commit": "phee.stream.kafka.stream:KafkaStream.acknowledge",
    "claim": "phee.stores.writing:SqlStore.claim",
    "transaction": "phee.stores.writing:SqlStore.write",
    "watermark row": "phee.stores.writing:SqlStore._move",
    "rows of a table": "phee.stores.upsert:Upsert.apply",
    "commit": "pymysql.connections:Connection.commit",
    "operator letters": "phee.stores.mysql.opening:MysqlOperatorLetters.write",
    "tenant's database": "phee.stores.mysql.onboarding:_make_database",
    "tenant's account": "phee.stores.mysql.onboarding:_make_account",
    "tenant's tables": "phee.stores.mysql.onboarding:_migrate",
    "index": "phee.stores.search.opensearch.store:prepare",
    "documents": "phee.stores.search.opensearch.documents:Documents.apply",
    "bulk": "phee.stores.search.opensearch.documents:write_all",
    "watermark claim": "phee.stores.search.opensearch.watermarks:Watermarks.claim",
    "watermark document": "phee.stores.search.opensearch.watermarks:Watermarks.move",
    "sqlite durable": "phee.stores.writing:SqliteStore.make_durable",
}


@dataclass(frozen=True)
class Failpoint:
    """What happens when a step is met: ``when`` is before or after it, ``skip`` times it is not."""

    step: str
    when: Literal["before", "after"]
    action: Action = "kill"
    skip: int = 0

    def __str__(self) -> str:
        return f"{self.action} {self.when} {self.step} #{self.skip + 1}"


def step(text: str, *, action: Action = "kill", skip: int = 0) -> Failpoint:
    """Read ``before send`` or ``after commit``."""
    when, _, name = text.partition(" ")
    assert when in ("before", "after"), text
    assert name in SEAMS, f"{name!r} is no step; see SEAMS"
    return Failpoint(name, when, action, skip)  # type: ignore[arg-type]


def arm(point: Failpoint) -> None:
    """Watch for a step in this process."""
    owner, name = find_seam(SEAMS[point.step])
    met = _Counter(point)
    original: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(original)
    def watched(*arguments: Any, **named: Any) -> Any:
        if point.when == "before":
            met()
        result = original(*arguments, **named)
        if point.when == "after":
            met()
        return result

    setattr(owner, name, watched)


def set_constants(constants: Mapping[str, Any]) -> None:
    """Set ``module:NAME``, or a key of a dictionary there, for tests with little data."""
    for path, value in constants.items():
        owner, name = find_seam(path)
        if isinstance(owner, dict):
            assert name in owner, path
            owner[name] = value
        else:
            getattr(owner, name)
            setattr(owner, name, value)


class _Counter:
    def __init__(self, point: Failpoint) -> None:
        self._left = point.skip
        self._signal = signal.SIGKILL if point.action == "kill" else signal.SIGSTOP
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left == -1:
                os.kill(os.getpid(), self._signal)


def find_seam(path: str) -> tuple[Any, str]:
    """Return the object that a path like ``module:Class.method`` is in, and its last name."""
    module, _, names = path.partition(":")
    owner: Any = importlib.import_module(module)
    *owners, name = names.split(".")
    for part in owners:
        owner = getattr(owner, part)
    return owner, name
