"""A hub with two banks and a scheme around it, as its users see it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from running_hub import Answer, Command, Http, eventually, names_of, payment

from phee.cli.demo.rig import Rig
from phee.cli.demo.world import BANKS

RHINO, GORILLA = BANKS
TENANT_SETTINGS = {
    "responseTimeout": "PT2S",
    "payerDecisionTimeout": "PT20S",
    "transferWindow": "PT5S",
    "operatorRecheckInterval": "PT2S",
}


@dataclass(frozen=True)
class World:
    """The doors of a running hub and of the banks around it."""

    hub: Http
    rhino: Http
    gorilla: Http
    simulators: Http
    importers: tuple[Http, Http]
    grpc_target: str
    command: Command
    data: Path

    def pay(self, correlation_id: str, body: dict[str, Any] | None = None) -> Answer:
        """Post a payment of rhino's to gorilla's customer."""
        headers = {"X-CorrelationID": correlation_id}
        return self.rhino.post("/channel/transfer", body or ordinary_payment(), headers)

    def pay_to_its_end(
        self, correlation_id: str, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Post a payment and return its transfer row once it has ended."""
        answer = self.pay(correlation_id, body)
        assert answer.status == 200, answer.body
        transaction_id = answer.json["transactionId"]

        def ended() -> dict[str, Any] | None:
            rows = self.transfers(transaction_id)
            return rows[0] if rows and rows[0]["status"] in ("COMPLETED", "FAILED") else None

        return eventually(ended, what=f"the end of {correlation_id}")

    def transfers(self, transaction_id: str) -> list[dict[str, Any]]:
        """rhino's outgoing transfers with this transaction id."""
        found = self.rhino.read(
            "/api/v1/transfers", transactionId=transaction_id, direction="OUTGOING"
        )
        rows: list[dict[str, Any]] = found["content"]
        return rows

    def balance(self, msisdn: str) -> str:
        """What a customer of a bank has."""
        tenant = RHINO.tenant if msisdn.startswith(RHINO.prefix) else GORILLA.tenant
        found = self.simulators.get("/ledger/accounts", tenant=tenant)
        assert found.status == 200, found.body
        (account,) = (each for each in found.json if each["accountId"] == f"{tenant}-{msisdn}")
        balance: str = account["balance"]
        return balance

    def instances(self) -> dict[str, int]:
        """How many process instances each tenant has, once the stores have caught up."""
        eventually(self._caught_up, what="both importers catching up")
        return {
            api.tenant or "": api.read("/api/v1/process-instances", size=1)["totalElements"]
            for api in (self.rhino, self.gorilla)
        }

    def _caught_up(self) -> bool:
        consumers = self.hub.read("/api/v1/status")["consumers"]
        return len(consumers) == 2 and not any(each["lagRecords"] for each in consumers)


def ordinary_payment(amount: str = "12.50", number: int = 0) -> dict[str, Any]:
    return payment(RHINO.customers[number], GORILLA.customers[number], amount)


def world_of(rig: Rig) -> World:
    """The doors of a rig that runs."""
    settings = rig.settings
    port = settings.http_port
    return World(
        hub=Http(port),
        rhino=Http(port, RHINO.tenant),
        gorilla=Http(port, GORILLA.tenant),
        simulators=Http(rig.simulators_port),
        importers=(Http(settings.importer_port), Http(settings.importer_port + 1)),
        grpc_target=settings.grpc_target,
        command=Command(names_of(settings)),
        data=settings.data,
    )
