"""The commands that look after the stores, on a hub that goes on with its payments."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from running_world import GORILLA, RHINO, World, ordinary_payment

from phee.stores.paths import relational_path, search_path


@contextmanager
def payments_going_on(world: World) -> Iterator[None]:
    """Post payments until the block ends; every one must be accepted."""
    stopped, trouble = threading.Event(), []

    def post() -> None:
        number = 0
        while not stopped.wait(0.1):
            number += 1
            answer = world.pay(f"upkeep-{id(stopped):x}-{number}", ordinary_payment("1.00"))
            if answer.status != 200:
                trouble.append(answer)

    thread = threading.Thread(target=post)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
    assert not trouble


def change(path: Path, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        assert connection.execute(statement, values).rowcount == 1
        connection.commit()


@pytest.mark.parametrize("store", ["relational", "search"])
def test_a_damaged_row_is_found_and_mended_while_payments_go_on(world: World, store: str) -> None:
    row = world.pay_to_its_end(f"upkeep-damage-{store}")
    world.instances()  # both stores have it
    if store == "relational":
        path, table, column = relational_path(world.data, RHINO.tenant), "transfers", "amount"
        key = "workflow_instance_key"
        wrong = f"{77:018d}.0000"
    else:
        path, table, column = search_path(world.data, RHINO.tenant), "documents", "currency"
        key, wrong = "key", "XTS"
    with payments_going_on(world):
        assert "agree" in world.command.good("verify")
        change(
            path,
            f"UPDATE {table} SET {column} = ? WHERE {key} = ? AND currency IS NOT NULL",
            wrong,
            row["workflowInstanceKey"],
        )
        done = world.command.run("verify", "--json")
        assert done.returncode == 1, done.stderr
        assert done.stdout, done.stderr
        (report,) = (r for r in json.loads(done.stdout)["tenants"] if r["tenant"] == RHINO.tenant)
        (difference,) = report["differences"]
        assert (difference["table"], difference["column"]) == (table, column)
        assert "differences" in world.command.run("verify", "--tenant", RHINO.tenant).stdout
        output = world.command.good("rebuild", "--tenant", RHINO.tenant, "--store", store)
        assert "the old store had 1 differences" in output
        assert "agree" in world.command.good("verify", "--tenant", RHINO.tenant)
    after = world.pay_to_its_end(f"upkeep-after-{store}")
    world.instances()
    assert "agree" in world.command.good("verify")
    found = world.transfers(row["transactionId"])
    assert found[0]["amount"] == row["amount"], "readers of the hub see the new store"
    hits = world.rhino.read("/api/v1/search", q=after["transactionId"])
    assert hits["total"] >= 1


def test_lag_and_freshness_are_shown(world: World) -> None:
    world.pay_to_its_end("upkeep-lag")
    world.instances()
    found = json.loads(world.command.good("lag", "--json"))
    assert {reader["name"] for reader in found["readers"]} == {"relational", "search"}
    assert all(reader["lagSeconds"] < 60 for reader in found["readers"])
    seen = {(each["tenant"], each["store"]) for each in found["freshness"]}
    assert {(RHINO.tenant, "relational"), (GORILLA.tenant, "search")} <= seen
    assert "seconds behind" in world.command.good("lag")


def test_a_table_is_exported(world: World, tmp_path: Path) -> None:
    row = world.pay_to_its_end("upkeep-export")
    world.instances()
    arguments = ("export", "--tenant", RHINO.tenant, "--table", "transfers")
    rows = list(csv.DictReader(io.StringIO(world.command.good(*arguments))))
    (found,) = (r for r in rows if r["workflow_instance_key"] == str(row["workflowInstanceKey"]))
    assert Decimal(found["amount"]) == Decimal(row["amount"])
    assert found["started_at"].endswith("Z")
    file = tmp_path / "transfers.jsonl"
    world.command.good(*arguments, "--format", "jsonl", "--output", str(file))
    assert len(file.read_text().splitlines()) >= len(rows)
    assert "there is no table" in world.command.bad(*arguments[:-1], "watermarks")


def poisoned(world: World, row: dict[str, Any]) -> int:
    """Make a letter of a payment's record, as if an older mapping could not use it."""
    path = relational_path(world.data, RHINO.tenant)
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        (epoch, position) = connection.execute(
            "SELECT epoch, variables_position FROM transfers WHERE workflow_instance_key = ?",
            (row["workflowInstanceKey"],),
        ).fetchone()
    change(
        path,
        "INSERT INTO dead_letters (consumer, epoch, partition_id, position, reason_code, reason,"
        " process_instance_key, record) VALUES"
        " ('relational', ?, 1, ?, 'not-projected', 'amount', ?, '{}')",
        epoch,
        position,
        row["workflowInstanceKey"],
    )
    change(
        path,
        "UPDATE transfers SET amount = NULL WHERE workflow_instance_key = ?",
        row["workflowInstanceKey"],
    )
    letters = json.loads(
        world.command.good("deadletters", "list", "--tenant", RHINO.tenant, "--json")
    )
    return int(letters["content"][0]["id"])


def test_dead_letters_are_retried_and_discarded(world: World) -> None:
    row = world.pay_to_its_end("upkeep-letters")
    world.instances()
    rhino = ("--tenant", RHINO.tenant)
    letter = str(poisoned(world, row))
    assert "not-projected" in world.command.good("deadletters", "show", letter, *rhino)
    assert "REPLAYED" in world.command.good("deadletters", "retry", letter, *rhino)
    assert world.transfers(row["transactionId"])[0]["amount"] == row["amount"]
    assert "REPLAYED already" in world.command.bad("deadletters", "retry", letter, *rhino)
    change(
        relational_path(world.data, RHINO.tenant),
        "UPDATE dead_letters SET state = 'OPEN' WHERE id = ?",
        int(letter),
    )
    stranger = world.command.bad("deadletters", "retry", letter, "--tenant", GORILLA.tenant)
    assert "no dead letter of this tenant" in stranger
    world.command.good("deadletters", "discard", letter, *rhino, "--reason", "ticket 4711")
    shown = world.command.good("deadletters", "show", letter, *rhino)
    assert "ticket 4711" in shown
    answer = world.rhino.post(f"/api/v1/deadletters/{letter}/discard", {"reason": "again"})
    answer.problem(409, "invalid-state")
    assert "agree" in world.command.good("verify", *rhino)
