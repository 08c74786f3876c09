"""The configuration of one hub: environment variables that begin with ``PHEE_``.

Each role of the architecture is one line (``PHEE_STREAM=...``). A runtime that this version does
not have is refused at start, by name, instead of being ignored.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from phee.errors import InvalidInput, NotSupported

_RUNTIMES = {
    "orchestrator": ("embedded", ("zeebe://",)),
    "stream": ("log", ("kafka://",)),
    "database": ("sqlite", ("mysql://",)),
    "search": ("sqlite", ("http://", "https://")),
}
"""Each role's embedded runtime, and what the addresses of the others begin with."""


def _parse_orchestrator(address: str) -> object:
    from phee.gateway.zeebe.address import parse_zeebe_address

    return parse_zeebe_address(address)


def _parse_stream(address: str) -> object:
    from phee.stream.kafka.address import parse_kafka_address

    return parse_kafka_address(address)


def _parse_database(address: str) -> object:
    from phee.stores.mysql.address import parse_address

    return parse_address(address)


def _parse_search(address: str) -> object:
    from phee.stores.search.opensearch.address import parse_address

    return parse_address(address)


_PARSERS: dict[str, Callable[[str], object]] = {
    "orchestrator": _parse_orchestrator,
    "stream": _parse_stream,
    "database": _parse_database,
    "search": _parse_search,
}
"""What refuses a malformed address; its package is loaded only for a role that needs it."""


LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


class Settings(BaseSettings):
    """Where the hub keeps its data, where it listens, and which runtime plays each role.

    Everything listens on loopback unless ``listen_host`` says otherwise. ``importer_port`` and the
    next two carry the health and metrics of the two importers and of the exporter.
    """

    model_config = SettingsConfigDict(env_prefix="PHEE_", extra="forbid")

    data: Path = Path("data")
    listen_host: Literal["127.0.0.1", "0.0.0.0"] = "127.0.0.1"  # noqa: S104 - must be asked for
    """Where HTTP and gRPC are served: loopback, or every address (loopback is where commands and
    health checks ask). Callers are not authenticated: only a gateway may reach the latter."""
    http_port: int = Field(default=8080, ge=1, le=65535)
    grpc_port: int = Field(default=26500, ge=1, le=65535)
    importer_port: int = Field(default=8081, ge=1, le=65533)
    orchestrator: str = "embedded"
    stream: str = "log"
    database: str = "sqlite"
    search: str = "sqlite"
    ledger_url: str = "http://127.0.0.1:8090"
    scheme_url: str = "http://127.0.0.1:8090"
    quote_expiry_ms: int = Field(default=240_000, ge=1_000)
    """How long a quote given to another institution holds, and so the transfer for it."""
    log_level: Annotated[LogLevel, BeforeValidator(str.upper)] = "INFO"
    lag_records_max: int = Field(default=2_000_000, ge=1)
    disk_free_bytes_min: int = Field(default=1 << 30, ge=0)
    keep_log: bool = True
    """Keep records that every reader has acknowledged, so that stores can be rebuilt from them."""
    retention_days: int | None = Field(default=None, ge=1, le=36_500)
    """How long ``phee retention apply`` keeps history where a tenant has no setting of its own."""

    @model_validator(mode="after")
    def _only_what_there_is(self) -> Self:
        for role, (embedded, schemes) in _RUNTIMES.items():
            value: str = getattr(self, role)
            if value != embedded and not value.startswith(schemes):
                raise NotSupported(
                    f"there is no {role} of the kind {value.split(':')[0][:40]!r}",
                    where=f"PHEE_{role.upper()}",
                    fix=f"Set it to {embedded}, or to {schemes[-1]}...; or unset it",
                )
            if value != embedded:
                _PARSERS[role](value)
        if not self.is_embedded and self.stream == "log":
            raise InvalidInput(
                "a Zeebe cluster has no record log for phee to read",
                where="PHEE_STREAM",
                fix="Give Zeebe its Kafka exporter, and set PHEE_STREAM=kafka://host:port/topic",
            )
        return self

    @property
    def is_embedded(self) -> bool:
        """Whether the flows run on the engine of this hub."""
        return self.orchestrator == "embedded"

    @property
    def exports(self) -> bool:
        """Whether this hub's own record log goes to a stream that others read."""
        return self.is_embedded and self.stream != "log"

    @property
    def http_url(self) -> str:
        """The address of the hub's HTTP port."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def grpc_target(self) -> str:
        """The address of the hub's gRPC port."""
        return f"127.0.0.1:{self.grpc_port}"

    def port_of(self, part: str) -> int:
        """Return the health and metrics port of an importer (by its kind) or the ``exporter``."""
        return self.importer_port + ("relational", "search", "exporter").index(part)


def load_settings(**overrides: object) -> Settings:
    """Read the environment; ``overrides`` that are not None win.

    Raises:
        InvalidInput: a value is not usable, or a name is misspelt; the text names the variable.
        NotSupported: a role is set to a runtime that this version does not have.
    """
    from pydantic import ValidationError

    _refuse_misspelt(os.environ)
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(
            f"the setting {name} is not usable: {first['msg']}",
            where=f"PHEE_{name.upper()}",
            fix="Correct it, or unset it to use the default",
        ) from error


def _refuse_misspelt(environment: Iterable[str]) -> None:
    """Refuse a variable that is nearly a setting: taken for none, it would be ignored."""
    known = [f"PHEE_{name.upper()}" for name in Settings.model_fields]
    for name in environment:
        if name.startswith("PHEE_") and name not in known:
            meant = get_close_matches(name, known, n=1, cutoff=0.9)
            if meant:
                raise InvalidInput(
                    "there is no such setting", where=name, fix=f"Write {meant[0]}, or unset it"
                )
