"""The configuration of one hub: environment variables that begin with ``PHEE_``.

Each role of the architecture is one line (``PHEE_STREAM=...``). A runtime that this version does
not have is refused at start, by name, instead of being ignored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from phee.errors import InvalidInput, NotSupported

_EMBEDDED = {
    "orchestrator": "embedded",
    "stream": "log",
    "database": "sqlite",
    "search": "sqlite",
}


class Settings(BaseSettings):
    """Where the hub keeps its data, where it listens, and which runtime plays each role.

    Everything listens on loopback. ``importer_port`` and the next one carry the health and
    metrics of the two importers.
    """

    model_config = SettingsConfigDict(env_prefix="PHEE_", extra="forbid")

    data: Path = Path("data")
    http_port: int = Field(default=8080, ge=1, le=65535)
    grpc_port: int = Field(default=26500, ge=1, le=65535)
    importer_port: int = Field(default=8081, ge=1, le=65534)
    orchestrator: str = "embedded"
    stream: str = "log"
    database: str = "sqlite"
    search: str = "sqlite"
    ledger_url: str = "http://127.0.0.1:8090"
    scheme_url: str = "http://127.0.0.1:8090"
    quote_expiry_ms: int = Field(default=240_000, ge=1_000)
    """How long a quote given to another institution holds, and so the transfer for it."""
    log_level: str = "INFO"
    lag_records_max: int = Field(default=2_000_000, ge=1)
    disk_free_bytes_min: int = Field(default=1 << 30, ge=0)
    keep_log: bool = True
    """Keep records that every reader has acknowledged, so that stores can be rebuilt from them."""

    @model_validator(mode="after")
    def _only_what_there_is(self) -> Self:
        for role, embedded in _EMBEDDED.items():
            value = getattr(self, role)
            if value != embedded and not (role == "search" and _is_address(value)):
                raise NotSupported(
                    f"phee up cannot run on a {role} of the kind {value.split(':')[0]!r}",
                    where=f"PHEE_{role.upper()}",
                    fix=f"Set PHEE_{role.upper()}={embedded}, or unset it",
                )
        return self

    @property
    def http_url(self) -> str:
        """The address of the hub's HTTP port."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def grpc_target(self) -> str:
        """The address of the hub's gRPC port."""
        return f"127.0.0.1:{self.grpc_port}"

    def port_of(self, importer: str) -> int:
        """Return the health and metrics port of the ``relational`` or ``search`` importer."""
        return self.importer_port + ("relational", "search").index(importer)


def _is_address(value: str) -> bool:
    return value.startswith(("http://", "https://"))


def load_settings(**overrides: object) -> Settings:
    """Read the environment; ``overrides`` that are not None win.

    Raises:
        InvalidInput: a value is not usable; the text names the variable.
        NotSupported: a role is set to a runtime that this version does not have.
    """
    from pydantic import ValidationError

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
