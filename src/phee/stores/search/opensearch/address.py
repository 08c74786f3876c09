"""The one line that says which search server: ``https://user@host:port``, and its credentials.

Secrets never stand in the line itself (it shows in process lists and logs); they come from
``PHEE_SEARCH_PASSWORD`` or ``PHEE_SEARCH_API_KEY``, or from the files that
``PHEE_SEARCH_PASSWORD_FILE`` or ``PHEE_SEARCH_API_KEY_FILE`` name. Certificates are always
verified; ``PHEE_SEARCH_CA_FILE`` names the authority of a private one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from phee.errors import InvalidInput

VARIABLE = "PHEE_SEARCH"
_PREFIX = re.compile(r"[a-z][a-z0-9-]{0,30}")
_DAYS = re.compile(r"[1-9][0-9]{0,4}")
_FORM = f"Write {VARIABLE}=https://user@host:port (or http://127.0.0.1:port)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAddress:
    """Where a search server is and how to prove who we are.

    Attributes:
        url: scheme, host, port and path, without credentials.
        prefix: the first part of every index name (``?prefix=``, for several hubs on one server).
        keep_days: how long documents are kept after their end (``?keep_days=``; None: for ever).
        user: the name for a password; None for none, or an API key.
        ca_file: certificates to trust instead of the system's.
    """

    url: str
    prefix: str = "phee"
    keep_days: int | None = None
    user: str | None = None
    password: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    ca_file: Path | None = None


def parse_address(line: str, environment: Mapping[str, str] | None = None) -> SearchAddress:
    """Read the line, and what belongs to it from the environment.

    Raises:
        InvalidInput: it is not an address, or would send credentials unprotected.
    """
    given = os.environ if environment is None else environment
    parts = _split(line)
    user = unquote(parts.username) if parts.username else None
    password, api_key = (_secret(given, name) for name in ("PASSWORD", "API_KEY"))
    if user and not password:
        raise InvalidInput(
            f"there is no password for user {user!r} of the search server",
            where=VARIABLE,
            fix=f"Set {VARIABLE}_PASSWORD_FILE (or {VARIABLE}_PASSWORD)",
        )
    if parts.scheme == "http" and (user or api_key) and not _is_loopback(parts.hostname or ""):
        raise InvalidInput(
            "credentials are not sent over plain HTTP", where=VARIABLE, fix="Use https://"
        )
    ca_file = given.get(f"{VARIABLE}_CA_FILE")
    return SearchAddress(
        url=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}",
        **_options(parts.query),
        user=user,
        password=password if user else "",
        api_key="" if user else api_key,
        ca_file=Path(ca_file) if ca_file else None,
    )


def _split(line: str) -> SplitResult:
    try:
        parts = urlsplit(line.strip())
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = None
    if not usable:
        raise InvalidInput("this is not the address of a search server", where=VARIABLE, fix=_FORM)
    if parts.password is not None:
        raise InvalidInput(
            "the address holds a password",
            where=VARIABLE,
            fix=f"Leave only the user in it, and set {VARIABLE}_PASSWORD_FILE",
        )
    return parts


def _options(query: str) -> dict[str, Any]:
    given = parse_qs(query, keep_blank_values=True)
    prefix = given.pop("prefix", ["phee"])[-1]
    keep_days = given.pop("keep_days", [""])[-1]
    if given or not _PREFIX.fullmatch(prefix) or (keep_days and not _DAYS.fullmatch(keep_days)):
        raise InvalidInput(
            "only ?prefix= (letters, digits and dashes) and keep_days= (1 to 99999) can follow",
            where=VARIABLE,
            fix=_FORM,
        )
    return {"prefix": prefix, "keep_days": int(keep_days) if keep_days else None}


def _secret(given: Mapping[str, str], name: str) -> str:
    file = given.get(f"{VARIABLE}_{name}_FILE")
    if not file:
        return given.get(f"{VARIABLE}_{name}", "")
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InvalidInput(
            f"the file with the credential cannot be read: {error.strerror}",
            where=f"{VARIABLE}_{name}_FILE",
            fix="Name a file that this process may read",
        ) from error


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
