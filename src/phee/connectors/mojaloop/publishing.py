"""Messages to waiting flows, published once however often their cause arrives."""

from __future__ import annotations

from typing import Any

from phee.errors import AlreadyExists
from phee.gateway.client import OrchestratorClient
from phee.records import DEFAULT_TENANT


class Publisher:
    """Publishes with one time to live; a message that is buffered already is a success."""

    def __init__(self, client: OrchestratorClient, message_ttl_ms: int) -> None:
        self._client = client
        self._message_ttl_ms = message_ttl_ms

    async def publish(
        self,
        name: str,
        correlation_key: str,
        variables: dict[str, Any],
        *,
        message_id: str,
        tenant_id: str = DEFAULT_TENANT,
    ) -> None:
        """Publish durably; the same ``message_id`` again changes nothing while it is buffered."""
        try:
            await self._client.publish_message(
                name,
                correlation_key,
                variables,
                time_to_live_ms=self._message_ttl_ms,
                message_id=message_id,
                tenant_id=tenant_id,
            )
        except AlreadyExists:
            return
