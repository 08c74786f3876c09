"""Logs are structured, and hold neither payment data nor credentials."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from phee.errors import InvalidInput
from phee.monitoring import configure_logging


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_lines_are_json_when_nobody_watches(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    structlog.get_logger().info("started", port=8080, tenant="rhino", duration_ms=1.5)
    structlog.get_logger().debug("unheard")
    (line,) = lines(stream)
    assert line["timestamp"].endswith("Z")
    del line["timestamp"]
    assert line == {
        "event": "started", "level": "info", "port": 8080, "tenant": "rhino", "duration_ms": 1.5,
    }  # fmt: skip


def test_secrets_and_payment_data_never_get_out(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    structlog.get_logger().warning(
        "seen",
        password="hush",
        apiKey="hush",
        partyIdentifier="hush",
        payee_msisdn="hush",
        amount="hush",
        variables={"a": "hush"},
        nested={"list": [{"token": "hush", "fine": 1}], "Authorization": "hush"},
        url="mysql://user:hush@db:3306/x and kafka://u:hush@k",
        deep={"a": {"b": {"c": {"d": {"e": "hush"}}}}},
    )
    (line,) = lines(stream)
    assert "hush" not in stream.getvalue()
    assert line["nested"]["list"][0] == {"token": "[redacted]", "fine": 1}
    assert line["url"] == "mysql://***@db:3306/x and kafka://***@k"


@pytest.mark.parametrize("way", ["structlog", "logging"])
def test_exceptions_keep_their_place_and_lose_their_message(stream: io.StringIO, way: str) -> None:
    configure_logging(stream=stream)
    logger = structlog.get_logger() if way == "structlog" else logging.getLogger("library")
    try:
        raise ValueError("27710101999")
    except ValueError:
        logger.exception("failed")
    (line,) = lines(stream)
    assert "27710101999" not in stream.getvalue()
    assert line["error"] == "ValueError"
    assert any("test_exceptions_keep_their_place" in frame for frame in line["frames"])


def test_our_own_errors_keep_their_message(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    structlog.get_logger().error("failed", exc_info=InvalidInput("wrong", fix="do this"))
    assert lines(stream)[0]["error_text"] == "wrong. do this"


def test_libraries_are_heard_from_warnings_on(stream: io.StringIO) -> None:
    configure_logging(stream=stream, level="debug")
    logging.getLogger("library").info("chatter")
    logging.getLogger("library").warning("port %s taken", 8080)
    assert [line["event"] for line in lines(stream)] == ["port 8080 taken"]


def test_lines_are_for_people_when_somebody_watches(stream: io.StringIO) -> None:
    configure_logging(stream=stream, json=False)
    structlog.get_logger().info("started", port=8080)
    assert "started" in stream.getvalue()
    assert "port" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
