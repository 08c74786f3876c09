"""Where the Kafka stream is and how it is shaped: the one reader of ``kafka://`` addresses.

::

    kafka://host:9092,host2:9092/zeebe-export?layout=per-type&tls=true&sasl=SCRAM-SHA-512

Exporter and importers take the same address. A password never stands in it: it is in a file
(``password_file=``) or in the variable ``PHEE_KAFKA_PASSWORD``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

from phee.errors import InvalidInput
from phee.records import ValueType

SCHEME = "kafka"
DEFAULT_TOPIC = "zeebe-export"
PASSWORD_VARIABLE = "PHEE_KAFKA_PASSWORD"  # noqa: S105 - the name of it
TOPIC_LENGTH_MAX = 80
"""Watermarks keep a lane's name, topic and partition, in 128 characters."""

Layout = Literal["one", "per-type"]

PORT_MAX = 65_535
_BROKER = re.compile(r"[A-Za-z0-9._-]+:[0-9]{1,5}|\[[0-9A-Fa-f:]+\]:[0-9]{1,5}", re.ASCII)
_TOPIC = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_TLS_FILES = {
    "ca": "ssl.ca.location",
    "certificate": "ssl.certificate.location",
    "key": "ssl.key.location",
}
_KNOWN = {
    "layout", "epoch", "group", "instance", "tls", "sasl", "user", "password_file", *_TLS_FILES,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaAddress:
    """A Kafka cluster, the topics of one stream in it, and how to get in.

    Attributes:
        brokers: where to ask first, ``host:port`` with commas between.
        topic: the topic with every record, or what the topics per value type begin with.
        layout: ``one`` topic, or one ``per-type`` (``zeebe-export-process-instance``).
        epoch: the epoch of records that do not say theirs: those of a foreign exporter.
        group: begins the name of the consumer groups, ``phee`` when empty; the consumer's name
            follows, for two kinds of importers must never share a group: each would get a part.
        instance: a name for this member of the group that is the same after a restart; with it a
            restart takes its partitions back at once. Empty: none.
        security: settings of librdkafka for TLS and SASL; never shown.
    """

    brokers: str
    topic: str = DEFAULT_TOPIC
    layout: Layout = "one"
    epoch: int = 0
    group: str = ""
    instance: str = ""
    security: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return f"{SCHEME}://{self.brokers}/{self.topic}"

    @property
    def subscription(self) -> str:
        """What a consumer subscribes to: a topic, or an expression for all of them."""
        if self.layout == "one":
            return self.topic
        return f"^{re.escape(self.topic)}-[a-z-]+$"

    def topic_of(self, value_type: int) -> str:
        """Return the topic for records of a value type."""
        if self.layout == "one":
            return self.topic
        return f"{self.topic}-{ValueType(value_type).name.lower().replace('_', '-')}"

    def lane_name(self, topic: str, number: int) -> str:
        """Return the name of the lanes in a Kafka partition: stream, value type if any, number.

        What stands before the first slash tells streams apart in a store's watermarks.
        """
        value_type = topic.removeprefix(self.topic).removeprefix("-")
        return "/".join(part for part in (self.topic, value_type, str(number)) if part)

    @property
    def dead_letter_topic(self) -> str:
        """Where records go, in parts, that the others do not accept."""
        return f"{self.topic}.dead-letters"

    def settings(self, client_id: str) -> dict[str, str | int | float | bool]:
        """Return what every client of this cluster is made with."""
        return {
            "bootstrap.servers": self.brokers,
            "client.id": client_id,
            "reconnect.backoff.max.ms": 1_000,
            "topic.metadata.refresh.interval.ms": 10_000,
            **self.security,
        }


def parse_kafka_address(address: str, environment: Mapping[str, str] = os.environ) -> KafkaAddress:
    """Read a ``kafka://`` address.

    Raises:
        InvalidInput: a part of it is missing, unknown or wrong.
    """
    parts = urlsplit(address)
    if parts.scheme != SCHEME:
        raise _wrong("the address of a Kafka stream begins with kafka://", parts.scheme)
    if "@" in parts.netloc:
        raise _wrong(
            "a Kafka address carries no user and password",
            "before @",
            fix=f"Use user=, and password_file= or the variable {PASSWORD_VARIABLE}",
        )
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(given.keys() - _KNOWN):
        raise _wrong(f"unknown settings {unknown}", parts.path, fix=f"Known: {sorted(_KNOWN)}")
    return KafkaAddress(
        brokers=_brokers(parts.netloc),
        topic=_topic(unquote(parts.path.strip("/")) or DEFAULT_TOPIC),
        layout=_layout(given.get("layout", "one")),
        epoch=_epoch(given.get("epoch", "0")),
        group=given.get("group", ""),
        instance=given.get("instance", ""),
        security=_security(given, environment),
    )


def _brokers(netloc: str) -> str:
    brokers = netloc.split(",")
    for broker in brokers:
        if not _BROKER.fullmatch(broker) or not 0 < int(broker.rpartition(":")[2]) <= PORT_MAX:
            raise _wrong(f"{broker[:80]!r} is no broker", "after kafka://", fix="Write host:port")
    return netloc


def _topic(name: str) -> str:
    if not _TOPIC.fullmatch(name) or len(name) > TOPIC_LENGTH_MAX:
        raise _wrong(
            f"{name[:80]!r} is no name for a topic",
            "path",
            fix=f"Use up to {TOPIC_LENGTH_MAX} letters, digits, dots, dashes and underscores",
        )
    return name


def _layout(text: str) -> Layout:
    for layout in get_args(Layout):
        if text == layout:
            return layout  # type: ignore[no-any-return] # one of Layout's
    raise _wrong(f"{text[:80]!r} is no layout", "layout", fix="Use one or per-type")


def _epoch(text: str) -> int:
    if not text.isdecimal() or int(text) >= 1 << 63:
        raise _wrong(f"{text[:80]!r} is no epoch", "epoch", fix="Use a whole number from 0")
    return int(text)


def _security(given: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    tls, sasl = given.get("tls", "false"), given.get("sasl", "")
    if tls not in ("true", "false"):
        raise _wrong(f"{tls[:80]!r} is neither true nor false", "tls")
    if tls == "false" and (files := sorted(given.keys() & _TLS_FILES.keys())):
        raise _wrong("certificates without TLS", ", ".join(files), fix="Add tls=true")
    security = {_TLS_FILES[name]: _file(name, given[name]) for name in given if name in _TLS_FILES}
    if sasl:
        security |= _sasl(sasl, given, environment)
    elif "user" in given or "password_file" in given:
        raise _wrong("a user without a way to log in", "user", fix="Add sasl=SCRAM-SHA-512")
    if tls == "true" or sasl:
        protocol = "SASL_" if sasl else ""
        security["security.protocol"] = protocol + ("SSL" if tls == "true" else "PLAINTEXT")
    return security


def _sasl(
    mechanism: str, given: Mapping[str, str], environment: Mapping[str, str]
) -> dict[str, str]:
    if mechanism not in _MECHANISMS:
        raise _wrong(f"{mechanism[:80]!r} is not supported", "sasl", fix=f"Use {_MECHANISMS}")
    user = given.get("user", "")
    if "password_file" in given:
        path = Path(_file("password_file", given["password_file"]))
        password = path.read_text(encoding="utf-8").strip()
    else:
        password = environment.get(PASSWORD_VARIABLE, "")
    if not user or not password:
        raise _wrong(
            "logging in to Kafka needs a user and a password",
            "sasl",
            fix=f"Give user=, and password_file= or the variable {PASSWORD_VARIABLE}",
        )
    return {"sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password}


def _file(name: str, path: str) -> str:
    if not Path(path).is_file():
        raise _wrong("there is no such file", f"{name}={path}")
    return path


def _wrong(what: str, where: str, *, fix: str = "") -> InvalidInput:
    return InvalidInput(what, where=f"Kafka address, {where}", fix=fix)
