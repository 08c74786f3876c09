"""One HTTP application out of the routes of several packages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Response, Router
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ControllerRouterHandler, LifespanHook

from phee import __version__
from phee.web.errors import UnknownRoute
from phee.web.exchange import HubApp, Observer
from phee.web.openapi import StrictStructPlugin
from phee.web.page import OfflinePage
from phee.web.problems import EXCEPTION_HANDLERS
from phee.web.request import HubRequest

MAX_BODY_BYTES = 1_000_000
DESCRIPTION = (
    "A headless payment hub: initiate payments and follow them. Every error is an "
    "application/problem+json that says what is wrong, where, and what to do."
)


def create_app(
    route_handlers: Sequence[ControllerRouterHandler],
    *,
    title: str = "phee",
    max_body_bytes: int = MAX_BODY_BYTES,
    observe: Observer | None = None,
    on_startup: Sequence[LifespanHook] = (),
    on_shutdown: Sequence[LifespanHook] = (),
) -> HubApp:
    """Return the application that serves ``route_handlers``, /schema and /schema/openapi.json.

    Bodies over ``max_body_bytes`` are refused before they are read; ``observe`` is called with
    (route template, method, status, seconds) for every answer. Logging is left as it is.
    """
    app = HubApp(
        route_handlers=route_handlers,
        request_class=HubRequest,
        request_max_body_size=max_body_bytes,
        exception_handlers=EXCEPTION_HANDLERS,
        plugins=[StrictStructPlugin()],
        openapi_config=_openapi(title),
        logging_config=None,
        debug=False,
        on_startup=list(on_startup),
        on_shutdown=list(on_shutdown),
    )
    app.observe = observe
    return app


def _openapi(title: str) -> OpenAPIConfig:
    return OpenAPIConfig(
        title=title,
        version=__version__,
        description=DESCRIPTION,
        use_handler_docstrings=True,
        render_plugins=[OfflinePage(), JsonRenderPlugin(media_type="application/json")],  # type: ignore[arg-type]
        openapi_router=Router(
            path="/schema",
            route_handlers=[],
            include_in_schema=False,
            after_request=_refuse_unknown_page,
        ),
    )


def _refuse_unknown_page(response: Response[Any]) -> Response[Any]:
    if response.status_code == 404:  # the framework's own page for unknown documents is HTML
        raise UnknownRoute("Nothing is served at this path", fix="See /schema for the paths")
    return response
