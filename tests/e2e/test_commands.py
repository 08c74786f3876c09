"""The commands a person types, as child processes: tables, JSON, exit status, complaints."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from subprocess import Popen
from typing import Any

import pytest
from running_hub import Command, drawing, eventually, service_task
from running_world import GORILLA, RHINO, World

from phee.records.types import RecordType, ValueType


def pay_arguments(*more: str, amount: str = "6.50", number: int = 10) -> list[str]:
    payer, payee = RHINO.customers[number], GORILLA.customers[number]
    return ["pay", amount, "USD", "--from", payer, "--to", payee, "--tenant", "rhino", *more]


def test_help_names_every_command(world: World) -> None:
    text = world.command.good("--help")
    for name in ("up", "demo", "deploy", "pay", "transfers", "status", "records"):
        assert re.search(rf"\b{name}\b", text)
    assert "Ctrl-C" in world.command.good("up", "--help")


def test_pay_waits_for_the_end(world: World) -> None:
    correlation_id = f"cli-{uuid.uuid4()}"
    text = world.command.good(*pay_arguments("--correlation-id", correlation_id))
    assert re.fullmatch(r"COMMITTED transaction [0-9a-f-]{36}\n", text)
    again = world.command.good(*pay_arguments("--correlation-id", correlation_id, "--json"))
    told = json.loads(again)
    assert told["transferState"] == "COMMITTED"
    assert told["transactionId"] in text


def test_pay_without_waiting(world: World) -> None:
    told = json.loads(world.command.good(*pay_arguments("--no-wait", "--json")))
    assert set(told) == {"transactionId"}


def test_pay_that_fails_has_another_exit_status(world: World) -> None:
    done = world.command.run(*pay_arguments(amount="6.91"))
    assert done.returncode == 1
    assert done.stdout.startswith("FAILED")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (pay_arguments(amount="-1"), "amount.amount"),
        (pay_arguments(amount="1.001"), "decimal places"),
        ([*pay_arguments()[:2], "XXQ", *pay_arguments()[3:]], "amount.currency"),
        ([*pay_arguments()[:-1], "nobody"], "no such tenant"),
    ],
)
def test_pay_says_what_is_wrong(world: World, arguments: list[str], told: str) -> None:
    if arguments[1].startswith("-"):
        arguments = [arguments[0], *arguments[2:], "--", arguments[1]]
        arguments = [arguments[0], *arguments[2:-2], "--", arguments[-1], "USD"]
    assert told in world.command.bad(*arguments)


def test_transfers_as_a_table_and_as_json(world: World) -> None:
    row = world.pay_to_its_end(f"listed-{uuid.uuid4()}")
    table = world.command.good("transfers", "--tenant", "rhino", "--size", "500")
    assert row["transactionId"] in table
    assert "COMPLETED" in table
    page = json.loads(
        world.command.good(
            "transfers", "-t", "rhino", "--status", "COMPLETED", "--size", "1", "--json"
        )
    )
    assert page["numberOfElements"] == 1
    assert page["content"][0]["status"] == "COMPLETED"
    assert "status" in world.command.bad("transfers", "-t", "rhino", "--status", "SOMEHOW")


def test_status(world: World) -> None:
    text = world.command.good("status")
    for name in ("hub", "importer-relational", "importer-search", "relational", "search"):
        assert name in text
    assert text.count("ready") == 3
    told = json.loads(world.command.good("status", "--json"))
    assert told["ready"] is True
    assert {"rhino", "gorilla"} <= set(told["tenants"])
    assert {each["name"] for each in told["consumers"]} == {"relational", "search"}


@pytest.fixture(scope="module")
def records(world: World) -> list[dict[str, Any]]:
    world.pay_to_its_end(f"recorded-{uuid.uuid4()}")
    return [json.loads(line) for line in world.command.good("records").splitlines()]


def test_records_are_complete_and_in_order(records: list[dict[str, Any]]) -> None:
    positions = [record["position"] for record in records]
    assert positions == list(range(1, len(records) + 1))
    by_position = {record["position"]: record for record in records}
    for record in records:
        source = by_position.get(record["sourceRecordPosition"])
        assert record["sourceRecordPosition"] == -1 or source is not None
        assert source is None or source["position"] < record["position"]


def test_records_have_the_form_of_zeebe(world: World, records: list[dict[str, Any]]) -> None:
    known = {"<default>", *world.hub.read("/api/v1/status")["tenants"]}
    envelope = {
        "authorizations", "brokerVersion", "intent", "key", "partitionId", "position",
        "recordType", "recordVersion", "rejectionReason", "rejectionType",
        "sourceRecordPosition", "timestamp", "value", "valueType", "operationReference",
    }  # fmt: skip
    assert {record["recordType"] for record in records} >= {"COMMAND", "EVENT"}
    seen = {record["valueType"] for record in records}
    assert seen >= {"DEPLOYMENT", "PROCESS", "PROCESS_INSTANCE", "JOB", "VARIABLE", "MESSAGE"}
    for record in records:
        assert set(record) <= envelope, set(record) - envelope
        assert set(record) >= envelope - {"operationReference", "recordVersion"}
        assert record["partitionId"] == 1
        assert record["recordType"] in {each.name for each in RecordType}
        assert record["valueType"] in {each.name for each in ValueType}
        assert isinstance(record["value"], dict)
        assert record["value"].get("tenantId", "rhino") in known


def test_records_from_a_position(world: World, records: list[dict[str, Any]]) -> None:
    last = records[-1]["position"]
    lines = world.command.good("records", "--from", str(last)).splitlines()
    assert json.loads(lines[0]) == records[-1]


@pytest.fixture
def following(world: World) -> Iterator[Popen[str]]:
    start = world.hub.read("/api/v1/status")["durablePosition"] + 1
    process = world.command.start("records", "--follow", "--from", str(start))
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_records_follow_shows_what_happens(world: World, following: Popen[str]) -> None:
    lines: Queue[str] = Queue()
    assert following.stdout is not None
    source = following.stdout

    def read() -> None:
        for line in source:
            lines.put(line)

    reader = threading.Thread(target=read)
    reader.start()
    transaction_id = world.pay(f"followed-{uuid.uuid4()}").json["transactionId"]

    def shown() -> bool:
        try:
            return transaction_id in lines.get(timeout=0.5)
        except Empty:
            return False

    eventually(shown, what="the payment among the records")
    following.send_signal(2)
    reader.join(timeout=10)
    assert following.wait(timeout=10) == 0


def test_records_into_a_pipe_that_closes(world: World) -> None:
    process = world.command.start("records")
    assert process.stdout is not None
    json.loads(process.stdout.readline())
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=10) == 0


def test_deploy(world: World, tmp_path: Path) -> None:
    served = tmp_path / "served.bpmn"
    served.write_bytes(drawing("Served-DFSPID", service_task("t", "send-success-to-channel")))
    text = world.command.good("deploy", str(served), "--tenant", "rhino")
    assert "Served-rhino" in text
    assert "new" in text
    assert "unchanged" in world.command.good("deploy", str(served), "--tenant", "rhino")


def test_deploy_of_a_job_type_nobody_serves(world: World, tmp_path: Path) -> None:
    unserved = tmp_path / "unserved.bpmn"
    unserved.write_bytes(drawing("Unserved", service_task("t", "make-coffee")))
    complaint = world.command.bad("deploy", str(unserved), "--tenant", "rhino")
    assert "make-coffee" in complaint
    assert "Unserved" in complaint
    assert "force" in complaint
    assert "new" in world.command.good("deploy", str(unserved), "--tenant", "rhino", "--force")


def test_deploy_of_what_is_no_drawing(world: World, tmp_path: Path) -> None:
    broken = tmp_path / "broken.bpmn"
    broken.write_text("<not a drawing [bold]")
    assert "broken.bpmn" in world.command.bad("deploy", str(broken), "--tenant", "rhino")
    broken.write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in world.command.bad("deploy", str(broken), "--tenant", "rhino")
    missing = world.command.run("deploy", str(tmp_path / "none.bpmn"), "--tenant", "rhino")
    assert missing.returncode == 2
    assert "none.bpmn" in missing.stderr


def test_deploy_for_the_default_tenant(world: World, tmp_path: Path) -> None:
    path = tmp_path / "default.bpmn"
    path.write_bytes(drawing("Default"))
    assert "Default" in world.command.good("deploy", str(path))


def test_completion_is_offered(world: World) -> None:
    environment = world.command.settings | {
        "_PHEE_COMPLETE": "complete_bash", "COMP_WORDS": "phee tr", "COMP_CWORD": "1",
    }  # fmt: skip
    assert "transfers" in Command(environment).run().stdout
