"""Ports a demo chooses for itself."""

from __future__ import annotations

import socket

import pytest

from phee.cli.demo import ports
from phee.cli.demo.ports import CHOICE, free_ports
from phee.errors import Unavailable


def test_they_are_neighbours_below_what_outgoing_connections_get() -> None:
    for count in (1, 2, 6):
        given = free_ports(count)
        assert len(given) == count
        assert CHOICE.start <= given.start
        assert given.stop <= CHOICE.stop
    assert CHOICE.stop < 32_768  # the first one of Linux


def test_none_of_them_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", port)):
        monkeypatch.setattr(ports, "CHOICE", range(port - 1, port + 2))
        with pytest.raises(Unavailable, match="no 2 free ports side by side"):
            free_ports(2)
