"""Errors that only exist at an HTTP edge, all of them part of the tree in :mod:`phee.errors`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from phee.errors import InputTooLarge, InvalidInput, NotFound, PheeError


class FieldProblem(msgspec.Struct, frozen=True):
    """What is wrong with one field: its path on the wire, what, and what to do about it."""

    field: str
    what: str
    fix: str = ""


class InvalidFields(InvalidInput):
    """One or more fields of a request cannot be accepted; ``problems`` names every one found."""

    code = "invalid-fields"

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{first.field}: {first.what}{more}", fix=first.fix)
        self.problems = tuple(problems)


class InvalidJson(InvalidInput):
    """The body is not the JSON this hub accepts (RFC 8259, unique keys, finite numbers)."""

    code = "invalid-json"


class UnsupportedMediaType(InvalidInput):
    """The body is declared to be something else than JSON."""

    code = "unsupported-media-type"
    http_status = 415


class BodyTooLarge(InputTooLarge):
    """The body is over the limit; it was not read to its end."""

    code = "body-too-large"


class UnknownRoute(NotFound):
    """Nothing is served at this path."""

    code = "unknown-route"


class MethodNotAllowed(InvalidInput):
    """The path exists, but not with this method."""

    code = "method-not-allowed"
    http_status = 405


class MissingTenant(InvalidInput):
    """The header that names the tenant is missing."""

    code = "missing-tenant"


class UnexpectedFault(PheeError):
    """A fault of the hub; the log has the details under the request id."""

    code = "internal-error"
