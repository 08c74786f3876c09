"""``kafka://`` addresses: everything they can say, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from phee.errors import InvalidInput
from phee.records import ValueType
from phee.stream import LogStream, open_stream
from phee.stream.kafka import parse_kafka_address
from phee.stream.kafka.stream import KafkaStream


def test_brokers_and_topic() -> None:
    address = parse_kafka_address("kafka://one:9092,two:9093/payments", {})
    assert (address.brokers, address.topic) == ("one:9092,two:9093", "payments")
    assert address.settings("me")["bootstrap.servers"] == "one:9092,two:9093"
    assert parse_kafka_address("kafka://one:9092", {}).topic == "zeebe-export"


def test_a_topic_per_value_type() -> None:
    address = parse_kafka_address("kafka://h:1/zeebe?layout=per-type", {})
    assert address.topic_of(ValueType.PROCESS_INSTANCE) == "zeebe-process-instance"
    assert address.lane_name("zeebe-job", 2) == "zeebe/job/2"
    assert address.subscription.startswith("^")
    one = parse_kafka_address("kafka://h:1/zeebe", {})
    assert one.topic_of(ValueType.JOB) == one.subscription == "zeebe"
    assert one.lane_name("zeebe", 2) == "zeebe/2"


def test_tls_and_log_in(tmp_path: Path) -> None:
    ca, password = tmp_path / "ca.pem", tmp_path / "password"
    ca.touch()
    password.write_text("open sesame\n")
    address = parse_kafka_address(
        f"kafka://h:1/t?tls=true&ca={ca}&sasl=SCRAM-SHA-512&user=phee&password_file={password}", {}
    )
    assert address.security == {
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(ca),
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "phee",
        "sasl.password": "open sesame",
    }
    assert "sesame" not in repr(address)
    assert "sesame" not in str(address)


def test_the_password_may_come_from_the_environment() -> None:
    text = "kafka://h:1/t?sasl=PLAIN&user=phee"
    address = parse_kafka_address(text, {"PHEE_KAFKA_PASSWORD": "x"})
    assert address.security["security.protocol"] == "SASL_PLAINTEXT"
    with pytest.raises(InvalidInput, match="user and a password"):
        parse_kafka_address(text, {})


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("http://h:1/t", "kafka://"),
        ("kafka://h/t", "no broker"),
        ("kafka:///t", "no broker"),
        ("kafka://h:1,/t", "no broker"),
        ("kafka://me:secret@h:1/t", "no user and password"),
        ("kafka://h:1/a/b", "no name for a topic"),
        (f"kafka://h:1/{'t' * 81}", "no name for a topic"),
        ("kafka://h:1/t?layout=two", "no layout"),
        ("kafka://h:1/t?epoch=-1", "no epoch"),
        ("kafka://h:1/t?tls=maybe", "neither true nor false"),
        ("kafka://h:1/t?ca=/x", "certificates without TLS"),
        ("kafka://h:1/t?tls=true&ca=/no/such/file", "no such file"),
        ("kafka://h:1/t?sasl=GSSAPI&user=u", "not supported"),
        ("kafka://h:1/t?user=u", "without a way to log in"),
        ("kafka://h:1/t?colour=red", "unknown settings"),
    ],
)
def test_what_is_wrong_is_refused_and_named(address: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint) as refused:
        parse_kafka_address(address, {})
    assert "secret" not in str(refused.value)


def test_one_setting_chooses_the_stream(tmp_path: Path) -> None:
    assert isinstance(open_stream("", tmp_path, "relational"), LogStream)
    assert isinstance(open_stream("log", tmp_path, "relational"), LogStream)
    assert isinstance(open_stream("kafka://h:1/t", tmp_path, "relational"), KafkaStream)
    with pytest.raises(InvalidInput, match="no event stream"):
        open_stream("nats://h:1/t", tmp_path, "relational")
