"""Business logic as workers: core banking, payment scheme, and what the channel is told.

::

    async with Http(settings) as http:
        worker = Worker(client, handlers(settings, client, http), tenant_ids=[...])

Every call to an outside system carries identifiers that follow from the payment, never from the
attempt, so a repetition is recognised. Refusals of the business become variables; failures of
machines raise, and the worker tries again.
"""

from phee.connectors.ams.handlers import ams_handlers
from phee.connectors.channel_answers import channel_handlers
from phee.connectors.http import Http
from phee.connectors.mojaloop.handlers import mojaloop_handlers
from phee.connectors.settings import ConnectorSettings
from phee.gateway.client import OrchestratorClient
from phee.workers import JobHandler

__all__ = ["ConnectorSettings", "Http", "handlers"]


def handlers(
    settings: ConnectorSettings, client: OrchestratorClient, http: Http
) -> list[JobHandler]:
    """Handlers for every job type of the flows; ``http`` must be open while they run."""
    return [
        *ams_handlers(settings, http),
        *mojaloop_handlers(settings, client, http),
        *channel_handlers(),
    ]
