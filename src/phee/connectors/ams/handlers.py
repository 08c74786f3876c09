"""Every job of the core banking."""

from __future__ import annotations

from phee.connectors.ams.core_banking import CoreBanking
from phee.connectors.ams.payee import PayeeAccounts
from phee.connectors.ams.payer import PayerAccounts
from phee.connectors.http import Http
from phee.connectors.mojaloop.ilp import Ilp
from phee.connectors.settings import ConnectorSettings
from phee.workers import JobHandler


def ams_handlers(settings: ConnectorSettings, http: Http) -> list[JobHandler]:
    """One handler for each job type that touches accounts."""
    core_banking = CoreBanking(http, settings.ledger_url)
    payee = PayeeAccounts(core_banking, Ilp(settings.ilp_secret))
    return [*PayerAccounts(core_banking).handlers(), *payee.handlers()]
