"""Every job that talks to the scheme."""

from __future__ import annotations

from phee.connectors.http import Http
from phee.connectors.mojaloop.ilp import Ilp
from phee.connectors.mojaloop.payee import PayeeScheme
from phee.connectors.mojaloop.payer import PayerScheme
from phee.connectors.mojaloop.publishing import Publisher
from phee.connectors.mojaloop.scheme import Scheme
from phee.connectors.settings import ConnectorSettings
from phee.gateway.client import OrchestratorClient
from phee.workers import JobHandler


def mojaloop_handlers(
    settings: ConnectorSettings, client: OrchestratorClient, http: Http
) -> list[JobHandler]:
    """One handler for each job type that talks to the scheme."""
    scheme = Scheme(settings, http)
    publisher = Publisher(client, settings.message_ttl_ms)
    payee = PayeeScheme(settings, scheme, Ilp(settings.ilp_secret))
    return [*PayerScheme(settings, scheme, publisher).handlers(), *payee.handlers()]
