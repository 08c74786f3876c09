"""A MariaDB server for tests, that may be killed and started again."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
from real_components import process
from real_components.mariadb import OPERATOR, PASSWORD_FILE, MariaDb, address
from real_components.missing import Missing
from real_components.operate import free_ports, start_component
from started_component import started


class MariaDbServer:
    """One server in a folder of its own (or in ``folder``, which stays), always on one port."""

    def __init__(
        self,
        *,
        buffer_pool_mb: int = 256,
        sort_buffer_mb: int = 1,
        durable: bool = True,
        folder: Path | None = None,
    ) -> None:
        # Not in pytest's folder: its path is too long for a socket.
        self.folder = folder or Path(tempfile.mkdtemp(prefix="phee-mariadb-"))
        self._stays = folder is not None
        self._component = MariaDb(
            buffer_pool_mb=buffer_pool_mb, sort_buffer_mb=sort_buffer_mb, durable=durable
        )
        self._ports = free_ports(self._component)
        self._running: process.Running | None = None

    @property
    def port(self) -> int:
        return self._ports["mysql"]

    @property
    def pid(self) -> int:
        assert self._running is not None
        return self._running.pid

    @property
    def database(self) -> str:
        """The value of PHEE_DATABASE for this server."""
        return address(self.folder, self.port)

    @property
    def is_running(self) -> bool:
        return self._running is not None and self._running.alive

    def start(self) -> None:
        try:
            self._running = start_component(self._component, self.folder, self._ports, {})
        except Missing:
            if self._running is None:  # its data folder may be half made
                shutil.rmtree(self.folder / "data", ignore_errors=True)
            raise

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        assert self._running is not None
        os.kill(self._running.pid, signal.SIGKILL)
        process.stop(self._running)

    def close(self) -> None:
        if self._running is not None:
            process.stop(self._running)
        if not self._stays:
            shutil.rmtree(self.folder, ignore_errors=True)

    def connect_as_root(self, **changes: Any) -> pymysql.Connection[Any]:
        """Connect as the server's administrator, who is whoever runs it."""
        socket = str(self.folder / "mysql.sock")
        account = {"user": getpass.getuser(), "autocommit": True} | changes
        return pymysql.connect(unix_socket=socket, **account)

    def connect(self, **changes: Any) -> pymysql.Connection[Any]:
        """Connect as the operator, or as whoever ``changes`` name."""
        password = (self.folder / PASSWORD_FILE).read_text()
        account = {"user": OPERATOR, "password": password} | changes
        return pymysql.connect(host="127.0.0.1", port=self.port, autocommit=True, **account)


def lent() -> Iterator[MariaDbServer]:
    """Yield a server, for a fixture; without one the test is skipped and says so.

    Tests kill processes, never the machine, so nothing waits for the disk.
    """
    server = MariaDbServer(durable=False)
    with started(server, server.close, "NOT TESTED on MariaDB"):
        yield server
