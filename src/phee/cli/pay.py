"""``phee pay``: send one payment and show what becomes of it."""

from __future__ import annotations

import time
import uuid
from typing import Any

from rich.console import Console

from phee.cli import render
from phee.cli.hub_api import HubApi
from phee.cli.settings import load_settings

WAIT_S_MAX = 120.0
FINAL_STATES = {"COMMITTED", "FAILED", "ABORTED", "UNKNOWN"}


def transfer_body(payer: str, payee: str, amount: str, currency: str) -> dict[str, Any]:
    """Return the body of POST /channel/transfer for a payment between two MSISDNs."""

    def party(identifier: str) -> dict[str, Any]:
        return {"partyIdInfo": {"partyIdType": "MSISDN", "partyIdentifier": identifier}}

    return {
        "payer": party(payer),
        "payee": party(payee),
        "amount": {"amount": amount, "currency": currency},
        "transactionType": {
            "scenario": "TRANSFER",
            "initiator": "PAYER",
            "initiatorType": "CONSUMER",
        },
    }


def run_pay(
    *,
    amount: str,
    currency: str,
    payer: str,
    payee: str,
    tenant: str,
    correlation_id: str | None,
    wait: bool,
    as_json: bool,
    http_port: int | None,
) -> int:
    """Post the payment; with ``wait`` follow it to its end. Return 0 unless it failed."""
    api = HubApi(load_settings(http_port=http_port).http_port, tenant=tenant)
    accepted, headers = api.call(
        "POST",
        "/channel/transfer",
        body=transfer_body(payer, payee, amount, currency),
        headers={"X-CorrelationID": correlation_id or str(uuid.uuid4())},
    )
    transaction_id = accepted["transactionId"]
    token = headers.get("x-phee-position", "")
    console = Console(stderr=True)
    outcome: dict[str, Any] = accepted
    if wait:
        with console.status(f"payment {transaction_id}"):
            outcome = _follow(api, transaction_id, token)
    if as_json:
        render.show_json(outcome)
    else:
        _show(outcome)
    return 0 if not wait or outcome.get("transferState") == "COMMITTED" else 1


def _follow(api: HubApi, transaction_id: str, token: str) -> dict[str, Any]:
    deadline = time.monotonic() + WAIT_S_MAX
    while True:
        found, _ = api.call(
            "GET", f"/channel/transfer/{transaction_id}", headers={"X-Phee-Position": token}
        )
        answer: dict[str, Any] = found
        if answer["transferState"] in FINAL_STATES or time.monotonic() > deadline:
            return answer
        time.sleep(0.2)


def _show(outcome: dict[str, Any]) -> None:
    console = Console()
    state = outcome.get("transferState", "accepted")
    console.print(render.status(state), f"transaction {outcome['transactionId']}")
