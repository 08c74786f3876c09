"""Where a Zeebe cluster is and how to get in: the one reader of ``zeebe://`` addresses.

::

    zeebe://host:26500?epoch=1&tls=true&ca=/etc/phee/ca.pem

No credential stands in it; ``certificate`` and ``key`` are the files of a client certificate.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import grpc

from phee.errors import InvalidInput

SCHEME = "zeebe"
DEFAULT_PORT = 26500

_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]", re.ASCII)
_FILES = ("ca", "certificate", "key")
_KNOWN = {"epoch", "tls", *_FILES}


@dataclass(frozen=True, slots=True)
class ZeebeAddress:
    """A Zeebe gateway.

    Attributes:
        target: host:port.
        epoch: the number of this cluster's life, as in the positions of its records: give another
            one to a cluster that was set up anew.
        tls: whether the connection is encrypted.
        files: the files of ``ca``, ``certificate`` and ``key`` that were given.
    """

    target: str
    epoch: int = 0
    tls: bool = False
    files: Mapping[str, Path] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{SCHEME}://{self.target}"

    def credentials(self) -> grpc.ChannelCredentials | None:
        """Return what a connection is made with; None for plain text.

        Raises:
            InvalidInput: a file cannot be read.
        """
        if not self.tls:
            return None
        return grpc.ssl_channel_credentials(
            root_certificates=self._content("ca"),
            private_key=self._content("key"),
            certificate_chain=self._content("certificate"),
        )

    def _content(self, name: str) -> bytes | None:
        path = self.files.get(name)
        if path is None:
            return None
        try:
            return path.read_bytes()
        except OSError as error:
            raise _wrong(f"this file cannot be read: {error.strerror}", f"{name}={path}") from None


def parse_zeebe_address(address: str) -> ZeebeAddress:
    """Read a ``zeebe://`` address.

    Raises:
        InvalidInput: a part of it is missing, unknown or wrong.
    """
    parts = urlsplit(address)
    if parts.scheme != SCHEME:
        raise _wrong("the address of a Zeebe cluster begins with zeebe://", parts.scheme[:80])
    if "@" in parts.netloc:
        raise _wrong("a Zeebe address carries no user and password", "before @")
    if parts.path.strip("/") or parts.fragment:
        raise _wrong("nothing but ?settings follows the port", "path", fix="zeebe://host:26500")
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(given.keys() - _KNOWN):
        raise _wrong(f"unknown settings {unknown}", "after ?", fix=f"Known: {sorted(_KNOWN)}")
    tls = _truth(given.get("tls", "false"))
    return ZeebeAddress(
        _target(parts.netloc), _epoch(given.get("epoch", "0")), tls, _files(given, tls=tls)
    )


def _target(netloc: str) -> str:
    host, colon, port = netloc.rpartition(":") if not netloc.endswith("]") else (netloc, "", "")
    if not colon:
        host, port = netloc, str(DEFAULT_PORT)
    if not _HOST.fullmatch(host) or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise _wrong(f"{netloc[:80]!r} is no host:port", "after zeebe://", fix="zeebe://host:26500")
    return f"{host}:{port}"


def _epoch(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) >= 1 << 63:
        raise _wrong(f"{text[:80]!r} is no epoch", "epoch", fix="Use a whole number from 0")
    return int(text)


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise _wrong(f"{text[:80]!r} is neither true nor false", "tls")
    return text == "true"


def _files(given: Mapping[str, str], *, tls: bool) -> dict[str, Path]:
    files = {name: Path(given[name]) for name in _FILES if name in given}
    if files and not tls:
        raise _wrong("certificates without TLS", ", ".join(files), fix="Add tls=true")
    if ("certificate" in files) != ("key" in files):
        raise _wrong("a certificate and its key go together", "certificate, key")
    for name, path in files.items():
        if not path.is_file():
            raise _wrong("there is no such file", f"{name}={path}")
    return files


def _wrong(what: str, where: str, *, fix: str = "") -> InvalidInput:
    return InvalidInput(what, where=f"Zeebe address, {where}", fix=fix)
