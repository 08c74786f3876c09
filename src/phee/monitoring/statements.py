"""How long SQL statements take, and which are slow: all of a process, whatever store they are for.

Statements are logged without their parameters, which hold the payments.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from sqlalchemy import Engine, event

_LOG = structlog.get_logger(__name__)
_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_KINDS = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
_SHOWN_LETTERS = 300
SLOW_S = 0.25


def watch_statements(registry: CollectorRegistry, *, slow_s: float = SLOW_S) -> Callable[[], None]:
    """Measure every statement that SQLAlchemy runs in this process from now on.

    Returns a function that ends it.
    """
    durations = Histogram(
        "phee_sql_statement_seconds",
        "Time that a database took for a statement.",
        ["database", "kind"],
        buckets=_BUCKETS_S,
        registry=registry,
    )
    slow = Counter(
        "phee_sql_slow_statements",
        "Statements that took too long; the log shows them.",
        ["database", "kind"],
        registry=registry,
    )

    def before(_c: Any, _k: Any, _s: str, _p: Any, context: Any, _many: bool) -> None:
        context.phee_began = time.perf_counter()

    def after(_c: Any, _k: Any, statement: str, _p: Any, context: Any, _many: bool) -> None:
        took_s = time.perf_counter() - context.phee_began
        first = statement[:6].upper()
        labels = (context.dialect.name, first.lower() if first in _KINDS else "other")
        durations.labels(*labels).observe(took_s)
        if took_s >= slow_s:
            slow.labels(*labels).inc()
            shown = " ".join(statement[:_SHOWN_LETTERS].split())
            _LOG.warning("slow_statement", seconds=round(took_s, 3), statement=shown)

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "after_cursor_execute", after)

    def end() -> None:
        event.remove(Engine, "before_cursor_execute", before)
        event.remove(Engine, "after_cursor_execute", after)

    return end
