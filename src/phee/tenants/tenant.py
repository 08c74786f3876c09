"""A tenant: an institution whose payments, flows and data are its own."""

from __future__ import annotations

import re
from typing import Annotated

import iso4217
import msgspec
from msgspec import Meta

from phee.errors import InvalidInput

TENANT_ID_PATTERN = r"^[a-z0-9][a-z0-9_.-]{0,30}$"
_TENANT_ID = re.compile(r"[a-z0-9][a-z0-9_.-]{0,30}")
_DURATION = re.compile(r"P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?", re.ASCII)


class InvalidTenant(InvalidInput):
    """A tenant that cannot be accepted: its id, name, currencies or settings are wrong."""

    code = "invalid-tenant"


class TenantSettings(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """Times that the flows of a tenant wait, as ISO 8601 durations."""

    response_timeout: str = "PT60S"
    payer_decision_timeout: str = "PT5M"
    transfer_window: str = "PT5M"
    operator_recheck_interval: str = "PT15M"

    def __post_init__(self) -> None:
        for field in self.__struct_fields__:
            if not _DURATION.fullmatch(getattr(self, field)):
                raise InvalidTenant(
                    "A duration is not ISO 8601", where=field, fix="Write it like PT60S or PT5M"
                )

    def as_variables(self) -> dict[str, str]:
        """Return the durations under the names the flows read them by."""
        return {
            "responseTimeout": self.response_timeout,
            "payerDecisionTimeout": self.payer_decision_timeout,
            "transferWindow": self.transfer_window,
            "operatorRecheckInterval": self.operator_recheck_interval,
        }


class Tenant(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """An onboarded institution.

    Attributes:
        id: names the tenant everywhere: headers, process ids, job types, files, databases.
        fsp_id: its name in the payment scheme; the same as ``id`` when left empty.
        currencies: ISO 4217 codes it deals in; none means every current one.
        retention_days: how long the history of its process instances is kept; None: as the hub
            says.
    """

    id: Annotated[str, Meta(pattern=TENANT_ID_PATTERN)]
    name: str = ""
    fsp_id: str = ""
    currencies: tuple[str, ...] = ()
    settings: TenantSettings = TenantSettings()
    retention_days: Annotated[int, Meta(ge=1, le=36_500)] | None = None

    def __post_init__(self) -> None:
        check_tenant_id(self.id)
        if len(self.name) > 128 or not (self.name.isprintable() or not self.name):
            raise InvalidTenant(
                "The name is not plain text", where=self.id, fix="Use up to 128 characters"
            )
        if not re.fullmatch(r"[A-Za-z0-9_.-]{0,32}", self.fsp_id):
            raise InvalidTenant(
                "The FSP id is malformed", where=self.id, fix="Use up to 32 of A-Z a-z 0-9 _ . -"
            )
        for currency in self.currencies:
            _check_currency(currency, self.id)

    @property
    def scheme_id(self) -> str:
        """What the payment scheme calls this tenant."""
        return self.fsp_id or self.id

    def allows(self, currency: str) -> bool:
        """Return whether this tenant deals in ``currency``."""
        return not self.currencies or currency in self.currencies


def check_tenant_id(tenant_id: str) -> None:
    """Accept a well-formed tenant id.

    Raises:
        InvalidTenant: it has another form; such an id must never become part of a file name.
    """
    if not _TENANT_ID.fullmatch(tenant_id):
        raise InvalidTenant(
            "A tenant id is malformed",
            where=repr(tenant_id[:40]),
            fix="Use 1 to 31 of a-z 0-9 _ . -, beginning with a letter or digit",
        )


def _check_currency(currency: str, tenant_id: str) -> None:
    try:
        iso4217.Currency(currency)
    except ValueError:
        raise InvalidTenant(
            f"{currency[:8]!r} is not a current ISO 4217 currency",
            where=tenant_id,
            fix="Use codes such as EUR, KES or JPY",
        ) from None
