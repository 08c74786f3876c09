"""The tables that ``phee demo`` ends with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.text import Text

from phee.cli import render
from phee.cli.demo.posting import Accepted
from phee.cli.demo.proof import Outcome, Rows
from phee.cli.demo.traffic import KINDS
from phee.cli.demo.world import BANKS


def show(console: Console, accepted: Sequence[Accepted], outcome: Outcome) -> None:
    """Print what came out."""
    console.print()
    _kinds(console, accepted, outcome.transfers)
    _statuses(console, outcome.transfers)
    _times(console, accepted, outcome.transfers)
    _ledgers(console, outcome)


def _kinds(console: Console, accepted: Sequence[Accepted], transfers: Rows) -> None:
    status = {
        row["transactionId"]: row["status"]
        for rows in transfers.values()
        for row in rows
        if row["direction"] == "OUTGOING"
    }
    ends: dict[str, Counter[str]] = defaultdict(Counter)
    for each in accepted:
        ends[each.payment.kind.name][status.get(each.transaction_id, "MISSING")] += 1
    rows = [
        (
            kind.name,
            sum(ends[kind.name].values()),
            ends[kind.name]["COMPLETED"] or "",
            ends[kind.name]["FAILED"] or "",
        )
        for kind in KINDS
        if kind.name in ends
    ]
    columns = ("what was posted", ">payments", ">completed", ">failed")
    console.print(render.table("Payments", columns, rows))


def _statuses(console: Console, transfers: Rows) -> None:
    rows = []
    for tenant, all_of_tenant in transfers.items():
        groups: dict[tuple[str, str, str], list[Decimal]] = defaultdict(list)
        for row in all_of_tenant:
            key = (row["direction"], row["status"], row["currency"])
            groups[key].append(Decimal(row["amount"] or 0))
        for (direction, status, currency), amounts in sorted(groups.items(), reverse=True):
            amount = render.money(sum(amounts, Decimal(0)), currency)
            rows.append((tenant, direction, render.status(status), len(amounts), amount))
    columns = ("tenant", "direction", "status", ">count", ">amount")
    console.print(render.table("Transfers by tenant and status", columns, rows))


def _durations_ms(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    return [
        row["completedAt"] - row["startedAt"]
        for row in rows
        if row["direction"] == "OUTGOING" and row["completedAt"] and row["status"] == "COMPLETED"
    ]


def _times(console: Console, accepted: Sequence[Accepted], transfers: Rows) -> None:
    rows = [_time_row("accepted (HTTP answer)", "", [each.answer_ms for each in accepted])]
    for bank in BANKS:
        durations = _durations_ms(transfers[bank.tenant])
        rows.append(_time_row("completed payment", bank.tenant, durations))
    columns = ("time", "tenant", ">p50", ">p95", ">p99", ">slowest")
    console.print(render.table("How long it took", columns, rows))


def _time_row(what: str, tenant: str, values: Sequence[float]) -> tuple[str, ...]:
    shares = (0.5, 0.95, 0.99, 1.0)
    shown = (render.milliseconds(render.percentile(values, share)) for share in shares)
    return (what, tenant, *shown)


def show_freshness(console: Console, freshness: Sequence[tuple[str, str, Sequence[str]]]) -> None:
    """Print how long records took to be visible: (tenant, store, (p50, p95, p99)) rows."""
    rows = [(tenant, store, *values) for tenant, store, values in freshness]
    columns = ("tenant", "store", ">p50", ">p95", ">p99")
    console.print(render.table("Freshness: from commit to visible", columns, rows))


def _ledgers(console: Console, outcome: Outcome) -> None:
    before = {line["tenant"]: line for line in outcome.ledger_before}
    rows = [
        (
            line["tenant"],
            line["currency"],
            render.money(before[line["tenant"]]["customers"]),
            *(render.money(line[name]) for name in ("customers", "settlement", "held", "balance")),
        )
        for line in outcome.ledger_after
    ]
    columns = ("bank", "", ">before", ">after", ">settlement", ">on hold", ">debits - credits")
    console.print(render.table("Ledgers: what customers own", columns, rows))


def show_verdict(console: Console, faults: Sequence[str], count: int) -> None:
    """Print whether everything holds, and what does not."""
    if not faults:
        text = f"All {count} payments ended as they must, in both stores; the money adds up."
        console.print(Text(text, style="bold green"))
        return
    console.print(Text(f"{len(faults)} things are wrong:", style="bold red"))
    for fault in faults[:20]:
        console.print(f"  {fault}", markup=False, highlight=False)
