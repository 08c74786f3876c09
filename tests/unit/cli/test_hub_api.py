"""The commands' client: what a hub that is not there, or says nothing, looks like."""

from __future__ import annotations

import socket

import pytest

from phee.cli.hub_api import HubApi
from phee.errors import TimedOut, Unavailable


def test_hub_that_is_not_there_is_to_be_started() -> None:
    with socket.socket() as taken:  # bound and not listening: nobody answers, nobody else takes it
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable, match="phee up"):
            HubApi(taken.getsockname()[1]).get("/api/v1/status")


def test_hub_that_says_nothing_is_not_taken_for_one_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        api = HubApi(silent.getsockname()[1], timeout_s=0.1)
        with pytest.raises(TimedOut, match=r"did not answer within 0\.1 s"):
            api.get("/api/v1/status")
