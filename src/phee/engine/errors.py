"""Refusals: a command that the engine did not accept, in Zeebe's words.

::

    Rejected
    ├── RejectedArgument   INVALID_ARGUMENT  (InvalidInput)
    ├── RejectedNotFound   NOT_FOUND         (NotFound)
    ├── RejectedExisting   ALREADY_EXISTS    (AlreadyExists)
    │   └── RequestConflict  the request id was used with another body
    ├── RejectedState      INVALID_STATE     (InvalidState)
    └── RejectedFault      PROCESSING_ERROR  (InvariantBroken)
"""

from __future__ import annotations

from typing import ClassVar

from phee.engine import codes
from phee.errors import (
    AlreadyExists,
    InvalidInput,
    InvalidState,
    InvariantBroken,
    NotFound,
    PheeError,
    Unavailable,
)
from phee.records import RejectionType


class Rejected(PheeError):
    """The engine refused a command; nothing was done, and the refusal is on record.

    ``str`` is Zeebe's text: ``Command 'X' rejected with code 'Y': reason``.
    """

    rejection_type: ClassVar[int] = RejectionType.NULL_VAL

    def __init__(self, intent: str, reason: str) -> None:
        name = RejectionType(self.rejection_type).name
        super().__init__(f"Command '{intent}' rejected with code '{name}': {reason}")
        self.intent = intent
        self.reason = reason


class RejectedArgument(Rejected, InvalidInput):
    """What was asked makes no sense."""

    rejection_type = codes.INVALID_ARGUMENT


class RejectedNotFound(Rejected, NotFound):
    """What was named is not there (or no longer)."""

    rejection_type = codes.NOT_FOUND


class RejectedExisting(Rejected, AlreadyExists):
    """The same was accepted before."""

    rejection_type = codes.ALREADY_EXISTS


class RequestConflict(RejectedExisting):
    """A request id came again with another body."""

    code = "request-conflict"


class RejectedState(Rejected, InvalidState):
    """What was named is not in a state that allows this."""

    rejection_type = codes.INVALID_STATE


class RejectedFault(Rejected, InvariantBroken):
    """A fault of the engine met while processing; nothing of the command took effect."""

    rejection_type = codes.PROCESSING_ERROR


class EngineStopped(Unavailable):
    """The engine is not running (closed, or stopped by a failed flush)."""

    code = "engine-stopped"


class DataDirectoryInUse(InvalidState):
    """Another process has this data directory open."""

    code = "data-directory-in-use"


REJECTIONS: dict[int, type[Rejected]] = {
    kind.rejection_type: kind
    for kind in (
        RejectedArgument,
        RejectedNotFound,
        RejectedExisting,
        RejectedState,
        RejectedFault,
    )
}
"""The error that carries each rejection type."""
