"""A small client of the hub's own HTTP API, for the commands.

Every failure becomes an error of :mod:`phee.errors`: a problem+json answer keeps its text, a hub
that is not there says how to start one, one that does not answer in time is told apart from it.
"""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode

from phee.errors import (
    AlreadyExists,
    InvalidInput,
    NotFound,
    Overloaded,
    PheeError,
    TimedOut,
    Unavailable,
)

_ERRORS: dict[int, type[PheeError]] = {
    400: InvalidInput,
    404: NotFound,
    409: AlreadyExists,
    413: InvalidInput,
    429: Overloaded,
    503: Unavailable,
    504: TimedOut,
}


class HubApi:
    """One hub on loopback, asked for one tenant (or for none)."""

    def __init__(self, port: int, *, tenant: str | None = None, timeout_s: float = 30.0) -> None:
        self._port = port
        self._headers = {"Platform-TenantId": tenant} if tenant else {}
        self._timeout_s = timeout_s

    def get(self, path: str, **query: Any) -> Any:
        """GET ``path``; parameters that are None are left out. Return the decoded JSON."""
        given = {name: value for name, value in query.items() if value is not None}
        body, _ = self.call("GET", f"{path}?{urlencode(given)}" if given else path)
        return body

    def post(self, path: str, body: Any, **headers: str) -> Any:
        """POST ``body`` as JSON; ``headers`` use _ for -. Return the decoded JSON."""
        answer, _ = self.call("POST", path, body=body, headers=headers)
        return answer

    def call(
        self, method: str, path: str, *, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[Any, dict[str, str]]:
        """Send one request; return the decoded JSON and the answer's headers (lower case).

        Raises:
            PheeError: the hub is not there, or answered with a problem.
        """
        sent = dict(self._headers)
        sent |= {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        connection = HTTPConnection("127.0.0.1", self._port, timeout=self._timeout_s)
        try:
            connection.request(method, path, content, sent)
            response = connection.getresponse()
            data = response.read()
        except TimeoutError as error:
            raise TimedOut(
                f"the hub did not answer within {self._timeout_s:g} s",
                where=f"http://127.0.0.1:{self._port}",
                fix="Read the end of its log (DATA/logs/hub.log); it may be stopped or very busy",
            ) from error
        except (OSError, HTTPException) as error:
            raise Unavailable(
                "no hub answers here",
                where=f"http://127.0.0.1:{self._port}",
                fix="Start one with `phee up`, or name its port with --http-port",
            ) from error
        finally:
            connection.close()
        if response.status >= 400:
            raise _problem(response.status, data)
        return (json.loads(data) if data else None), {
            name.lower(): value for name, value in response.getheaders()
        }


def _problem(status: int, data: bytes) -> PheeError:
    try:
        problem = json.loads(data)
    except ValueError:
        problem = {}
    kind = _ERRORS.get(status, PheeError)
    what = problem.get("detail") or problem.get("title") or f"the hub answered {status}"
    return kind(what, where=problem.get("where", ""), fix=problem.get("fix", ""))
