"""Where the server is and who onboards tenants there: the one line ``PHEE_DATABASE=mysql://...``.

::

    mysql://OPERATOR@HOST[:PORT]/[PREFIX][?password_file=FILE][&tls=off|preferred|required][&ca=FILE]

The operator's password is never part of it: it is in ``password_file``, in the file that
``PHEE_DATABASE_PASSWORD_FILE`` names, or in ``PHEE_DATABASE_PASSWORD``. Processes that only read or
write the stores of tenants that are onboarded need none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from phee.errors import InvalidInput, Unavailable

PORT = 3306
PREFIX = "phee"
VARIABLE = "PHEE_DATABASE"
_PREFIX = re.compile(r"[a-z][a-z0-9]{0,7}")
_OPTIONS = {"password_file", "tls", "ca"}
_TLS = ("off", "preferred", "required")


@dataclass(frozen=True, slots=True, kw_only=True)
class MysqlAddress:
    """A server and its operator's account.

    Attributes:
        prefix: begins the name of every database and account made here; two hubs on one server
            need two.
        password_file: where the operator's password is; None: in the environment, or nowhere.
        tls: ``required``: connections are encrypted and the server's certificate is checked;
            ``preferred``: encrypted when the server can, unchecked; ``off``: not encrypted.
        certificate_authority: the file to check it with; None: the system's.
    """

    host: str
    user: str
    port: int = PORT
    prefix: str = PREFIX
    password_file: Path | None = None
    tls: str = "preferred"
    certificate_authority: Path | None = None

    def operator_password(self, environment: Mapping[str, str] = os.environ) -> str:
        """Return the operator's password.

        Raises:
            Unavailable: this process was given none, or cannot read it.
        """
        path = self.password_file or environment.get(f"{VARIABLE}_PASSWORD_FILE")
        if path is None:
            return _from_environment(environment)
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Unavailable(
                "the file with the database operator's password cannot be read",
                where=str(path),
                fix="Name a file this process may read",
            ) from error


def is_mysql(database: str) -> bool:
    """Return whether ``database`` (the value of ``PHEE_DATABASE``) means this runtime."""
    return urlsplit(database).scheme in {"mysql", "mariadb"}


def parse_address(database: str) -> MysqlAddress:
    """Return what the one line says.

    Raises:
        InvalidInput: it is malformed; the message never repeats it, for it may hold a password.
    """
    try:
        parts = urlsplit(database)
        port = parts.port or PORT
    except ValueError:
        raise _invalid("it is not an address") from None
    if parts.password is not None:
        raise _invalid("a password does not belong into it")
    if not is_mysql(database) or not parts.hostname or not parts.username:
        raise _invalid("it needs an operator and a host")
    prefix = parts.path.strip("/") or PREFIX
    if not _PREFIX.fullmatch(prefix):
        raise _invalid("the prefix is not 1 to 8 of a-z 0-9, beginning with a letter")
    options = _options(parts)
    return MysqlAddress(
        host=parts.hostname,
        port=port,
        user=unquote(parts.username),
        prefix=prefix,
        password_file=_path(options, "password_file"),
        tls=options.get("tls", "preferred"),
        certificate_authority=_path(options, "ca"),
    )


def _options(parts: SplitResult) -> dict[str, str]:
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    unknown = set(options) - _OPTIONS
    if unknown:
        raise _invalid(f"it has unknown options; known are {sorted(_OPTIONS)}")
    if options.get("tls", "preferred") not in _TLS:
        raise _invalid(f"tls is one of {_TLS}")
    return options


def _path(options: Mapping[str, str], name: str) -> Path | None:
    return Path(options[name]) if name in options else None


def _from_environment(environment: Mapping[str, str]) -> str:
    password = environment.get(f"{VARIABLE}_PASSWORD")
    if password is None:
        raise Unavailable(
            "this process has no password of the database operator",
            where=VARIABLE,
            fix=f"Set {VARIABLE}_PASSWORD_FILE, or onboard the tenant where it is set",
        )
    return password


def _invalid(what: str) -> InvalidInput:
    return InvalidInput(
        f"the database address cannot be used: {what}",
        where=VARIABLE,
        fix="Write mysql://operator@host:3306/phee, the password in a file",
    )
