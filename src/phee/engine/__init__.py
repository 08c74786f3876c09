"""The embedded orchestrator: commands in, records out, state in RocksDB.

>>> engine = Engine.open(Path("data"))          # creates or opens; a lock keeps others out
>>> await engine.start()
>>> answer = await engine.submit(CreateProcessInstance("payment"))
>>> engine.log.read(after=0)

A pure core (:mod:`.core` and what it calls) turns (state, command, time) into records, row changes
and answers; :mod:`.commit` writes both in one batch, makes it durable and only then answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phee.engine.engine import Engine
    from phee.engine.errors import Rejected

__all__ = ["Engine", "Rejected"]


def __getattr__(name: str) -> Any:
    if name == "Engine":
        from phee.engine.engine import Engine

        return Engine
    if name == "Rejected":
        from phee.engine.errors import Rejected

        return Rejected
    raise AttributeError(name)
