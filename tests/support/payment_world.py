"""The outside of a hub for tests: simulators with accounts, and settings that point at them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp

from phee.connectors import ConnectorSettings
from phee.simulators import SimulatorConfig, Simulators

PAYER = "27710101001"
POOR_PAYER = "27710101002"
PAYEE = "27710202001"
UNKNOWN_PAYEE = "27710299999"


@dataclass
class Outside:
    """Running simulators: the banks rhino (with the payers) and gorilla (with the payees)."""

    url: str
    http: aiohttp.ClientSession

    def settings(self, **changes: Any) -> ConnectorSettings:
        options: dict[str, Any] = {
            "ledger_url": self.url,
            "scheme_url": self.url,
            "ilp_secret": "only for tests",
        }
        return ConnectorSettings(**(options | changes))

    async def get(self, path: str) -> Any:
        async with self.http.get(self.url + path) as response:
            return await response.json()

    async def post(self, path: str, body: Any) -> None:
        async with self.http.post(self.url + path, json=body) as response:
            assert response.status == 200, await response.text()

    async def set_up(self, *, callback_url: str) -> None:
        """Open accounts, register both FSPs."""
        payers = {PAYER: "1000000.00", POOR_PAYER: "1.00"}
        await self._open("rhino", payers)
        await self._open("gorilla", {PAYEE: "0"})
        fsps = ("rhino", "gorilla")
        participants = [{"fspId": fsp, "callbackUrl": callback_url} for fsp in fsps]
        await self.post("/scheme/participants", participants)
        await self._add_parties("rhino", payers)
        await self._add_parties("gorilla", [PAYEE])

    async def set_up_payees(self, numbers: list[str]) -> None:
        """Open more accounts at gorilla."""
        await self._open("gorilla", dict.fromkeys(numbers, "0"))
        await self._add_parties("gorilla", numbers)

    async def _add_parties(self, fsp: str, numbers: Iterable[str]) -> None:
        parties = [
            {"partyIdType": "MSISDN", "partyIdentifier": number, "fspId": fsp} for number in numbers
        ]
        await self.post("/scheme/parties", parties)

    async def _open(self, tenant: str, balances: Mapping[str, str]) -> None:
        accounts = [
            {
                "accountId": f"{tenant}-{number}",
                "partyIdType": "MSISDN",
                "partyIdentifier": number,
                "currency": "USD",
                "balance": balance,
                "name": "Grace Hopper",
            }
            for number, balance in balances.items()
        ]
        await self.post("/ledger/accounts", {"tenant": tenant, "accounts": accounts})

    async def balance(self, tenant: str, number: str) -> Decimal:
        accounts = await self.get(f"/ledger/accounts?tenant={tenant}")
        wanted = f"{tenant}-{number}"
        [found] = [each for each in accounts if each["accountId"] == wanted]
        return Decimal(found["balance"])

    async def holds(self) -> list[Any]:
        found: list[Any] = await self.get("/ledger/holds")
        return found

    async def settlement(self) -> dict[str, Decimal]:
        """Each bank's position against the scheme; the balances of every bank are zero."""
        totals = await self.get("/ledger/totals")
        assert all(Decimal(each["balance"]) == 0 for each in totals)
        return {each["tenant"]: Decimal(each["settlement"]) for each in totals}


@asynccontextmanager
async def outside(folder: Path, **config: Any) -> AsyncIterator[Outside]:
    async with (
        aiohttp.ClientSession() as http,
        Simulators(SimulatorConfig(data=folder, **config)) as simulators,
    ):
        yield Outside(simulators.url, http)
