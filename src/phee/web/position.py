"""Position tokens: "this read must see what that answer promised".

A token names a place in the record log, ``{epoch}-{partition}-{position}``; the epoch names the
life of the log, so that a token of an earlier life is never taken for one of this. Clients treat
it as opaque.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from litestar import Request
from msgspec import Meta

from phee.web.errors import FieldProblem, InvalidFields
from phee.web.request import HeaderParameters, QueryParameters, read_headers

POSITION_HEADER = "X-Phee-Position"
POSITION_PATTERN = "^([0-9]{1,19}-[0-9]{1,5}-[0-9]{1,19})?$"
_TOKEN = re.compile("([0-9]{1,19})-([0-9]{1,5})-([0-9]{1,19})")
_PARTITION_SHIFT = 51  # a Zeebe key has its partition in the top 13 bits


PositionToken = Annotated[
    str,
    Meta(
        pattern=POSITION_PATTERN,
        description="see at least what the answer with it promised; empty: as it is now",
        examples=["1750000000000-1-4711"],
    ),
]


class FreshHeaders(HeaderParameters):
    """How fresh a read must be."""

    position: PositionToken | None = msgspec.field(default=None, name=POSITION_HEADER)


class FreshQuery(QueryParameters):
    """How fresh a read must be, for those who cannot send headers."""

    after: PositionToken | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the record log of one partition."""

    epoch: int
    partition_id: int
    position: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.partition_id}-{self.position}"


def position_of(epoch: int, key: int, position: int) -> Position | None:
    """Return where the record with this key lies; None when the orchestrator did not say."""
    return Position(epoch, key >> _PARTITION_SHIFT, position) if position > 0 else None


def parse_position(token: str | None) -> Position | None:
    """Return the place ``token`` names; None for none or an empty one.

    Raises:
        InvalidFields: it is not a token of this hub.
    """
    if not token:
        return None
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise InvalidFields(
            [
                FieldProblem(
                    POSITION_HEADER, "is not a position token", "Send it as it was given to you"
                )
            ]
        )
    return Position(int(match[1]), int(match[2]), int(match[3]))


def wanted_position(request: Request[Any, Any, Any], query: FreshQuery) -> Position | None:
    """Return the place that a read must have passed; the header goes before the parameter.

    Raises:
        InvalidFields: it is not a token of this hub.
    """
    return parse_position(read_headers(request, FreshHeaders).position or query.after)
