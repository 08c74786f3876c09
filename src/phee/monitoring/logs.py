"""Structured logs without payment data or credentials.

JSON lines when standard error is not a terminal, readable lines otherwise; the same for logs of
libraries. The redaction is a net below the rule that nothing of the kind is logged at all: values
under telling names, credentials in URLs, and the messages of unforeseen exceptions never get out.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import msgspec
import structlog

from phee.errors import InvalidInput, PheeError

LEVEL_VARIABLE = "PHEE_LOG_LEVEL"
REDACTED = "[redacted]"
_TELLING = re.compile(
    r"passw|secret|token|authorization|api_?key|credential|cookie|signature|private"
    r"|party_?id|party_?identifier|msisdn|phone|email|iban|account|payer|payee"
    r"|amount|balance|note|variables|channel_?request|body|payload",
    re.IGNORECASE,
)
_URL_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_MAX_DEPTH = 4


def configure_logging(
    *, json: bool | None = None, level: str = "info", stream: TextIO | None = None
) -> None:
    """Set up structlog and the standard library's logging for this process.

    ``json`` None decides by whether ``stream`` (standard error) is a terminal.

    Raises:
        InvalidInput: there is no such level.
    """
    threshold = _threshold(level)
    stream = stream or sys.stderr
    as_json = not stream.isatty() if json is None else json
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        describe_exception,
        redact,
    ]
    renderer = _json_line if as_json else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    _configure_standard_library(stream, shared, renderer, threshold)


def _configure_standard_library(
    stream: TextIO,
    shared: list[structlog.types.Processor],
    renderer: structlog.types.Processor,
    threshold: int,
) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    # Libraries are heard from warnings on: their chatter may quote what they were given.
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Replace values under telling names, and credentials in URLs (a structlog processor)."""
    for name, value in event.items():
        if name != "event" and _TELLING.search(name):
            event[name] = REDACTED
        elif not isinstance(value, int | float | None):
            event[name] = _clean(value, depth=0)
    return event


def _clean(value: Any, *, depth: int) -> Any:
    if isinstance(value, str):
        return _URL_CREDENTIALS.sub("***@", value) if "://" in value else value
    if depth == _MAX_DEPTH:
        return REDACTED if isinstance(value, Mapping | list | tuple) else value
    if isinstance(value, Mapping):
        return {
            name: REDACTED if _TELLING.search(str(name)) else _clean(item, depth=depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_clean(item, depth=depth + 1) for item in value]
    return value


def describe_exception(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> Mapping[str, Any]:
    """Turn ``exc_info`` into the kind of error and where it happened (a structlog processor).

    The message is kept for errors of phee, which hold no payment data; others may quote some.
    """
    given = event.pop("exc_info", None)
    error = sys.exception() if given is True else given
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error"] = type(error).__qualname__
        if isinstance(error, PheeError):
            event["error_text"] = str(error)
        frames = traceback.extract_tb(error.__traceback__)
        event["frames"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return event


def _json_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


def _threshold(level: str) -> int:
    known = {name: number for name, number in logging.getLevelNamesMapping().items() if number}
    if level.upper() not in known:
        raise InvalidInput(
            f"there is no log level {level[:20]!r}",
            where=LEVEL_VARIABLE,
            fix=f"Use one of: {', '.join(known)}",
        )
    return known[level.upper()]
