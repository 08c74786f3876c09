"""The hub listens on loopback unless it is told to be reached by others."""

from __future__ import annotations

import pytest

from phee.cli.hub import bind
from phee.cli.settings import Settings, load_settings
from phee.errors import InvalidInput, InvalidState


def test_loopback_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().listen_host == "127.0.0.1"
    monkeypatch.setenv("PHEE_LISTEN_HOST", "0.0.0.0")
    assert load_settings().listen_host == "0.0.0.0"


def test_an_address_that_leaves_loopback_out_is_refused() -> None:
    with pytest.raises(InvalidInput, match="listen_host") as refused:
        load_settings(listen_host="192.168.1.5")
    assert refused.value.where == "PHEE_LISTEN_HOST"


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_socket_is_bound_where_it_should_be(host: str) -> None:
    with bind(host, 0) as listener:
        assert listener.getsockname()[0] == host
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(InvalidState, match=f"port {port} is taken"):
            bind(Settings().listen_host, port)
