"""Every error of phee, one tree.

::

    PheeError
    ├── InvalidInput        what was sent is wrong             HTTP 400  INVALID_ARGUMENT
    │   └── InputTooLarge   ... or too large                   HTTP 413  RESOURCE_EXHAUSTED
    ├── Unauthenticated     no or bad credential               HTTP 401  UNAUTHENTICATED
    ├── Forbidden           not allowed for this tenant        HTTP 403  PERMISSION_DENIED
    ├── NotFound            the named thing is not there       HTTP 404  NOT_FOUND
    ├── AlreadyExists       the same thing was there before    HTTP 409  ALREADY_EXISTS
    ├── InvalidState        it is there, but not in this state HTTP 409  FAILED_PRECONDITION
    ├── Overloaded          come back later                    HTTP 429  RESOURCE_EXHAUSTED
    ├── Unavailable         something we need does not answer  HTTP 503  UNAVAILABLE
    │   └── TimedOut        ... in time                        HTTP 504  DEADLINE_EXCEEDED
    ├── NotSupported        known, and not built here          HTTP 501  UNIMPLEMENTED
    └── InvariantBroken     a fault of phee itself             HTTP 500  INTERNAL

A subclass may add a narrower ``code``; codes never change once released. ``str(error)`` reads as
"what (where). fix", and never holds payment data or credentials.
"""

from __future__ import annotations

from typing import ClassVar


class PheeError(Exception):
    """An error that says what is wrong, where, and what to do next.

    Attributes:
        code: stable identifier, also the last part of the problem+json ``type``.
        http_status: status of an HTTP answer that carries this error.
        grpc_status: name of the gRPC status code that carries this error.
    """

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500
    grpc_status: ClassVar[str] = "INTERNAL"

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        text = f"{self.what} ({self.where})" if self.where else self.what
        return f"{text}. {self.fix}" if self.fix else text


class InvalidInput(PheeError):
    """What the caller sent cannot be accepted; nothing was done."""

    code = "invalid-input"
    http_status = 400
    grpc_status = "INVALID_ARGUMENT"


class InputTooLarge(InvalidInput):
    """What the caller sent is over a limit; nothing was done."""

    code = "input-too-large"
    http_status = 413
    grpc_status = "RESOURCE_EXHAUSTED"


class Unauthenticated(PheeError):
    """The caller did not prove who they are."""

    code = "unauthenticated"
    http_status = 401
    grpc_status = "UNAUTHENTICATED"


class Forbidden(PheeError):
    """The caller is known but may not do this, or not for this tenant."""

    code = "forbidden"
    http_status = 403
    grpc_status = "PERMISSION_DENIED"


class NotFound(PheeError):
    """The named thing does not exist (or not for this tenant)."""

    code = "not-found"
    http_status = 404
    grpc_status = "NOT_FOUND"


class AlreadyExists(PheeError):
    """The same thing was accepted before."""

    code = "already-exists"
    http_status = 409
    grpc_status = "ALREADY_EXISTS"


class InvalidState(PheeError):
    """The thing exists but is not in a state that allows this."""

    code = "invalid-state"
    http_status = 409
    grpc_status = "FAILED_PRECONDITION"


class Overloaded(PheeError):
    """The hub protects itself; the same request is welcome a moment later."""

    code = "overloaded"
    http_status = 429
    grpc_status = "RESOURCE_EXHAUSTED"


class Unavailable(PheeError):
    """A thing this depends on does not answer; whether it acted is unknown to the caller."""

    code = "unavailable"
    http_status = 503
    grpc_status = "UNAVAILABLE"


class TimedOut(Unavailable):
    """No answer within the time the caller gave."""

    code = "timed-out"
    http_status = 504
    grpc_status = "DEADLINE_EXCEEDED"


class NotSupported(PheeError):
    """A known operation that this version does not offer."""

    code = "not-supported"
    http_status = 501
    grpc_status = "UNIMPLEMENTED"


class InvariantBroken(PheeError):
    """Something that must hold does not: a fault of phee, to be reported."""

    code = "invariant-broken"
