"""SQL statements are measured, and slow ones shown without what they were given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine, text

from phee.monitoring import new_registry, statements, watch_statements
from phee.monitoring.logs import redact
from phee.monitoring.payment_metrics import payment_metrics


@pytest.fixture
def registry() -> Iterator[CollectorRegistry]:
    registry = new_registry()
    end = watch_statements(registry, slow_s=0.0)
    yield registry
    end()


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    written = StringIO()
    processors = [redact, structlog.processors.JSONRenderer()]
    logger = structlog.wrap_logger(structlog.PrintLogger(written), processors=processors)
    monkeypatch.setattr(statements, "_LOG", logger)
    return written


def value(registry: CollectorRegistry, name: str, kind: str) -> float | None:
    return registry.get_sample_value(name, {"database": "sqlite", "kind": kind})


def test_every_statement_counts_by_its_kind(registry: CollectorRegistry) -> None:
    with create_engine("sqlite://").begin() as connection:
        connection.execute(text("CREATE TABLE t (a INTEGER)"))
        connection.execute(text("INSERT INTO t VALUES (1)"))
        connection.execute(text("select a FROM t"))
    counts = {
        kind: value(registry, "phee_sql_statement_seconds_count", kind)
        for kind in ("other", "insert", "select", "update")
    }
    assert counts == {"other": 1, "insert": 1, "select": 1, "update": None}


def test_a_slow_statement_is_logged_without_its_parameters(
    registry: CollectorRegistry, logged: StringIO
) -> None:
    with create_engine("sqlite://").begin() as connection:
        connection.execute(text("SELECT :who AS who"), {"who": "27710101999"})
    assert value(registry, "phee_sql_slow_statements_total", "select") == 1
    assert json.loads(logged.getvalue())["statement"] == "SELECT ? AS who"
    assert "27710101999" not in logged.getvalue()


def test_watching_ends(registry: CollectorRegistry) -> None:
    other = new_registry()
    watch_statements(other)()
    with create_engine("sqlite://").begin() as connection:
        connection.execute(text("SELECT 1"))
    assert value(other, "phee_sql_statement_seconds_count", "select") is None
    assert value(registry, "phee_sql_statement_seconds_count", "select") == 1


def test_payments_by_tenant_outcome_and_reason() -> None:
    (family,) = payment_metrics({("rhino", "refused", "invalid-fields"): 2})()
    (sample,) = family.samples
    assert (sample.name, sample.value) == ("phee_payments_total", 2)
    assert sample.labels == {"tenant": "rhino", "outcome": "refused", "reason": "invalid-fields"}
