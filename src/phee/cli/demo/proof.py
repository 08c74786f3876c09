"""What must hold after the demo, checked against both stores and the banks' own ledgers.

Each check returns sentences about what is wrong; no sentence means that all is well.
"""

from __future__ import annotations

import json
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from phee.cli.demo.posting import Accepted
from phee.cli.demo.traffic import Payment
from phee.cli.demo.world import BANKS
from phee.projections.masking import is_token

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
COMPARED = ("status", "amount", "currency", "direction", "payerPartyId", "payeePartyId")


@dataclass
class Outcome:
    """Everything that was read after the payments: by tenant, the stores; and the ledgers."""

    transfers: Rows
    documents: Rows
    ledger_before: Sequence[Mapping[str, Any]]
    ledger_after: Sequence[Mapping[str, Any]]


def ledger_totals(url: str) -> list[dict[str, Any]]:
    """Return the ledger simulator's sums by bank and currency."""
    with urllib.request.urlopen(f"{url}/ledger/totals", timeout=10) as response:  # noqa: S310
        totals: list[dict[str, Any]] = json.load(response)
    return totals


def prove(accepted: Sequence[Accepted], outcome: Outcome, *, undisturbed: bool = True) -> list[str]:
    """Return what is wrong, as sentences.

    ``undisturbed`` says that nothing but the scheme's own faults happened, so that every payment
    that can complete must have.
    """
    return [
        *_payments_missing_or_doubled(accepted, outcome.transfers),
        *_payments_ended_wrongly(accepted, outcome.transfers, undisturbed=undisturbed),
        *_stores_differ(outcome.transfers, outcome.documents),
        *_money_does_not_add_up(accepted, outcome),
    ]


def _by_transaction(rows: Sequence[Mapping[str, Any]], direction: str) -> dict[str, list[Any]]:
    found = defaultdict(list)
    for row in rows:
        if row["direction"] == direction:
            found[row["transactionId"]].append(row)
    return found


def _payments_missing_or_doubled(accepted: Sequence[Accepted], transfers: Rows) -> list[str]:
    faults = []
    for bank in BANKS:
        outgoing = _by_transaction(transfers[bank.tenant], "OUTGOING")
        expected = {each.transaction_id for each in accepted if each.payment.tenant == bank.tenant}
        faults += [
            f"{bank.tenant}: payment {transaction_id} is missing"
            for transaction_id in sorted(expected - outgoing.keys())
        ]
        for transaction_id, rows in outgoing.items():
            if len(rows) > 1:
                faults.append(f"{bank.tenant}: payment {transaction_id} is there {len(rows)} times")
            if transaction_id not in expected:
                faults.append(f"{bank.tenant}: payment {transaction_id} was never asked for")
    return faults


def _payments_ended_wrongly(
    accepted: Sequence[Accepted], transfers: Rows, *, undisturbed: bool
) -> list[str]:
    faults = []
    outgoing = {name: _by_transaction(rows, "OUTGOING") for name, rows in transfers.items()}
    incoming = {name: _by_transaction(rows, "INCOMING") for name, rows in transfers.items()}
    for each in accepted:
        payment = each.payment
        received = incoming[payment.payee_tenant].get(each.transaction_id, [])
        completed = sum(row["status"] == "COMPLETED" for row in received)
        for row in outgoing[payment.tenant].get(each.transaction_id, []):
            faults += [
                f"{payment.tenant}: payment {each.transaction_id} ({payment.kind.name}) {what}"
                for what in _wrong_with(row, payment, completed, undisturbed=undisturbed)
            ]
    return faults


def _wrong_with(
    row: Mapping[str, Any], payment: Payment, received: int, *, undisturbed: bool
) -> list[str]:
    status, wrong = row["status"], []
    if payment.kind.completes and not undisturbed:
        allowed = {"COMPLETED", "FAILED"}  # an outage may outlast a payment's patience
    else:
        allowed = {"COMPLETED" if payment.kind.completes else "FAILED"}
    if status not in allowed:
        wrong.append(f"is {status} instead of {' or '.join(sorted(allowed))}")
    if Decimal(row["amount"]) != payment.amount:
        wrong.append(f"has the amount {row['amount']} instead of {payment.amount}")
    if received != (status == "COMPLETED"):
        wrong.append(f"is {status} and was received {received} times")
    return wrong


def _stores_differ(transfers: Rows, documents: Rows) -> list[str]:
    faults = []
    for tenant, rows in transfers.items():
        names = _comparable(documents[tenant])
        relational = Counter(_compared(row, "workflowInstanceKey", names) for row in rows)
        search = Counter(_compared(row, "key", names) for row in documents[tenant])
        missing, extra = relational - search, search - relational
        if missing or extra:
            faults.append(
                f"{tenant}: the search store lacks {missing.total()} of the relational store's "
                f"transfers and has {extra.total()} that it has not"
            )
    return faults


def _comparable(documents: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what both stores show in the clear: a masked field is a token in documents."""
    return [name for name in COMPARED if not any(is_token(row[name]) for row in documents)]


def _compared(row: Mapping[str, Any], key: str, names: Sequence[str]) -> tuple[Any, ...]:
    return (row[key], *(row[name] for name in names))


def _money_does_not_add_up(accepted: Sequence[Accepted], outcome: Outcome) -> list[str]:
    faults = []
    moved = _moved_cents(accepted, outcome.transfers)
    before = {line["tenant"]: line for line in outcome.ledger_before}
    for line in outcome.ledger_after:
        tenant = line["tenant"]
        if Decimal(line["balance"]) != 0:
            faults.append(f"{tenant}: debits and credits differ by {line['balance']}")
        faults += [
            f"{tenant}: {line[column]} is still {column}"
            for column in ("held", "reserved")
            if Decimal(line[column]) != 0
        ]
        change = Decimal(line["customers"]) - Decimal(before[tenant]["customers"])
        expected = Decimal(moved[tenant]) / 100
        if change != expected:
            faults.append(f"{tenant}: customers gained {change}, the payments say {expected}")
    settlement = sum(Decimal(line["settlement"]) for line in outcome.ledger_after)
    if settlement != 0:
        faults.append(f"the banks' settlement accounts differ by {settlement}")
    return faults


def _moved_cents(accepted: Sequence[Accepted], transfers: Rows) -> Counter[str]:
    """Return what the customers of each bank gained in all, by the completed payments."""
    completed = {
        row["transactionId"]
        for rows in transfers.values()
        for row in rows
        if row["direction"] == "OUTGOING" and row["status"] == "COMPLETED"
    }
    moved: Counter[str] = Counter()
    for each in accepted:
        if each.transaction_id in completed:
            cents = int(each.payment.amount * 100)
            moved[each.payment.tenant] -= cents
            moved[each.payment.payee_tenant] += cents
    return moved
