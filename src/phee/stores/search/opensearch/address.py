"""The one line that says which search server: ``https://user@host:port``, and its credentials.

Secrets never stand in the line itself (it shows in process lists and logs); they come from
``PHEE_SEARCH_PASSWORD`` or ``PHEE_SEARCH_API_KEY``, or from the files that
``PHEE_SEARCH_PASSWORD_FILE`` or ``PHEE_SEARCH_API_KEY_FILE`` name. Certificates are always
verified; ``PHEE_SEARCH_CA_FILE`` names the authority of a private one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from phee.errors import InvalidInput

VARIABLE = "PHEE_SEARCH"
_PREFIX = re.compile(r"[a-z][a-z0-9-]{0,30}")
_DAYS = re.compile(r"[1-9][0-9]{0,4}")
_NOTHING = re.compile(r"(?!)")
_FORMS: dict[str, tuple[re.Pattern[str], Callable[[str], Any]]] = {
    "prefix": (_PREFIX, str),
    "raw_prefix": (_PREFIX, str),
    "keep_days": (_DAYS, int),
    "raw_keep_days": (_DAYS, int),
    "raw": (re.compile("true|false"), lambda text: text == "true"),
}
_FORM = f"Write {VARIABLE}=https://user@host:port (or http://127.0.0.1:port)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAddress:
    """Where a search server is and how to prove who we are.

    Attributes:
        url: scheme, host, port and path, without credentials.
        prefix: the first part of every index name (``?prefix=``, for several hubs on one server).
        keep_days: how long documents are kept after their end (``?keep_days=``; None: for ever).
        raw: keep every record as well, in Zeebe's index layout (``?raw=true``).
        raw_prefix: the first part of their indices' names (``?raw_prefix=``).
        raw_keep_days: how long their indices are kept (``?raw_keep_days=``; None: for ever).
        user: the name for a password; None for none, or an API key.
        ca_file: certificates to trust instead of the system's.
    """

    url: str
    prefix: str = "phee"
    keep_days: int | None = None
    raw: bool = False
    raw_prefix: str = "zeebe-record"
    raw_keep_days: int | None = None
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
    options: dict[str, Any] = {}
    for name, values in given.items():
        form, read = _FORMS.get(name, (_NOTHING, str))
        if not form.fullmatch(values[-1]):
            raise InvalidInput(
                "only ?prefix= and raw_prefix= (letters, digits and dashes), keep_days= and"
                " raw_keep_days= (1 to 99999) and raw= (true or false) can follow",
                where=VARIABLE,
                fix=_FORM,
            )
        options[name] = read(values[-1])
    return options


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
