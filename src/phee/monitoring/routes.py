"""/metrics, /health/live and /health/ready for a process that serves HTTP anyway."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Response, Router, get
from litestar.openapi.datastructures import ResponseSpec
from prometheus_client import CollectorRegistry

from phee.monitoring.health import Health, HealthChecks
from phee.monitoring.metrics import CONTENT_TYPE_LATEST, render
from phee.web import problem_responses
from phee.web.routing import Handlers


class MonitoringRoutes(Handlers):
    """Handlers over the registry and checks of this process."""

    def __init__(self, registry: CollectorRegistry, checks: HealthChecks) -> None:
        self._registry = registry
        self._checks = checks

    async def metrics(self) -> Response[bytes]:
        """Return every metric of this process in Prometheus' text form."""
        text = await asyncio.to_thread(render, self._registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def live(self) -> dict[str, bool]:
        """Say that the process runs."""
        return {"live": True}

    async def ready(self) -> Response[Health]:
        """Say whether everything this process needs works right now, and if not, why."""
        health = await self._checks.run()
        return Response(health, status_code=200 if health.ready else 503)


def routes(registry: CollectorRegistry, checks: HealthChecks) -> Router:
    """Return /metrics, /health/live and /health/ready."""
    handlers = MonitoringRoutes(registry, checks)
    not_ready: dict[int, Any] = {
        503: ResponseSpec(Health, description="Not ready", generate_examples=False)
    }
    bad = problem_responses(400)
    return Router(
        "/",
        tags=["monitoring"],
        route_handlers=[
            get("/metrics", include_in_schema=False)(handlers.metrics),
            get("/health/live", summary="Does it run", responses=bad)(handlers.live),
            get("/health/ready", summary="Can it work", responses=bad | not_ready)(handlers.ready),
        ],
    )
