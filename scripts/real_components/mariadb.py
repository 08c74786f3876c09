"""MariaDB (it stands for MySQL 8 too), with an operator account for :mod:`phee.stores.mysql`.

The program is the system's own package; the data folder, the port and the account are ours. The
account's password is made for the folder and lies beside the data, in ``operator.password``.
"""

from __future__ import annotations

import getpass
import os
import secrets
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from real_components.component import Component, Ports
from real_components.missing import Missing
from real_components.packages import find_program, install_package
from real_components.process import Launch

OPERATOR = "phee_operator"
PASSWORD_FILE = "operator.password"
_PACKAGE = "mariadb-server"
_PROGRAMS = ("mariadbd", "mariadb-install-db")


class MariaDb(Component):
    """The server on the port ``mysql``, on loopback.

    A larger buffer pool is for large tables, larger sort buffers (three for each index that one
    statement makes) for their new indexes. One that is not ``durable`` leaves syncing to the
    system: only a power cut may lose something.
    """

    name = "mariadb"
    version = "(the system's)"
    ports: ClassVar[Ports] = {"mysql": 3306}

    def __init__(
        self, *, buffer_pool_mb: int = 256, sort_buffer_mb: int = 1, durable: bool = True
    ) -> None:
        self._buffer_pool_mb = buffer_pool_mb
        self._sort_buffer_mb = sort_buffer_mb
        self._syncing = () if durable else ("--innodb-flush-method=nosync", "--sync-frm=OFF")

    def install(self) -> None:
        """Use the system's package; fetch it where the system allows (Debian, as root)."""
        if not all(find_program(name) for name in _PROGRAMS):
            install_package(_PACKAGE)

    def launch(self, folder: Path, ports: Ports, peers: Mapping[str, Ports]) -> Launch:  # noqa: ARG002
        data, account = folder / "data", getpass.getuser()
        if not (data / "mysql").is_dir():
            _create(data, account)
        temporary = folder / "tmp"  # a server that starts removes the files of others in theirs
        temporary.mkdir(exist_ok=True)
        init_file = folder / "init.sql"
        _write_secret(init_file, operator_account(_password(folder)))
        return Launch(
            [
                _required("mariadbd"), "--no-defaults", f"--user={account}", f"--datadir={data}",
                "--bind-address=127.0.0.1", f"--port={ports['mysql']}", "--skip-name-resolve",
                f"--socket={folder / 'mysql.sock'}", f"--pid-file={folder / 'mysql.pid'}",
                f"--init-file={init_file}", f"--tmpdir={temporary}",
                f"--innodb-buffer-pool-size={self._buffer_pool_mb}M",
                f"--innodb-sort-buffer-size={self._sort_buffer_mb}M",
                f"--innodb-log-file-size={self._buffer_pool_mb}M", "--max-allowed-packet=64M",
                "--innodb-flush-log-at-trx-commit=1", *self._syncing,
            ]
        )  # fmt: skip

    def ready(self, ports: Ports) -> bool:
        """True when the server greets: it does so once the operator's account is there."""
        try:
            with socket.create_connection(("127.0.0.1", ports["mysql"]), timeout=1) as connection:
                greeting = connection.recv(5)
        except OSError:
            return False
        return len(greeting) == 5 and greeting[4] == 10  # the version of the protocol


def address(folder: Path, port: int) -> str:
    """Return the value of ``PHEE_DATABASE`` for the server that runs in ``folder``."""
    return f"mysql://{OPERATOR}@127.0.0.1:{port}/phee?password_file={folder / PASSWORD_FILE}"


def _required(name: str) -> str:
    program = find_program(name)
    if program is None:
        raise Missing(f"{name} is not there; install the package {_PACKAGE}")
    return program


def _create(data: Path, account: str) -> None:
    command = [
        _required("mariadb-install-db"), "--no-defaults", f"--datadir={data}", f"--user={account}",
        "--skip-test-db", "--skip-name-resolve",
    ]  # fmt: skip
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise Missing(f"MariaDB could not prepare its data folder:\n{run.stdout}{run.stderr}")


def _password(folder: Path) -> str:
    path = folder / PASSWORD_FILE
    if not path.exists():
        _write_secret(path, secrets.token_urlsafe(24))
    return path.read_text(encoding="utf-8").strip()


def _write_secret(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def operator_account(password: str) -> str:
    """Return what docs/mysql.md tells operators to grant, one statement a line."""
    account = f"'{OPERATOR}'@'%'"
    tables = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES"
    return (
        f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY '{password}';\n"
        f"GRANT CREATE USER ON *.* TO {account};\n"
        f"GRANT {tables} ON `phee\\_%`.* TO {account} WITH GRANT OPTION;\n"
    )
