"""Free ports of loopback, for hubs that choose their own.

Invariant: they lie below what systems give to outgoing connections (from 32768 on Linux, 49152 by
RFC 6335, section 6), since any connection could take such a port between its choice and its use.
"""

from __future__ import annotations

import contextlib
import random
import socket

from phee.errors import Unavailable

CHOICE = range(20_000, 26_000)
"""None of the usual ports of phee and of the engines it runs on."""
TRIES = 1000


def free_ports(count: int) -> range:
    """Return ``count`` neighbouring ports that nobody uses now, not the same at every call.

    Raises:
        Unavailable: none were found.
    """
    for _ in range(TRIES):
        first = random.randrange(CHOICE.start, CHOICE.stop - count)  # noqa: S311 - no secret
        ports = range(first, first + count)
        if all(_is_free(port) for port in ports):
            return ports
    raise Unavailable(
        f"no {count} free ports side by side were found",
        where=f"127.0.0.1:{CHOICE.start}-{CHOICE.stop - 1}",
        fix="End what listens there",
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False
