"""Position tokens: "this read must see what that answer promised".

A token names a place in the record log, ``{partition}-{position}``. Clients treat it as opaque.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from phee.web import FieldProblem, InvalidFields

POSITION_HEADER = "X-Phee-Position"
POSITION_PATTERN = r"^[0-9]{1,5}-[0-9]{1,19}$"
_TOKEN = re.compile(r"([0-9]{1,5})-([0-9]{1,19})")
_PARTITION_SHIFT = 51  # a Zeebe key has its partition in the top 13 bits


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the record log of one partition."""

    partition_id: int
    position: int

    def __str__(self) -> str:
        return f"{self.partition_id}-{self.position}"


def position_of(key: int, position: int) -> Position | None:
    """Return where the record with this key lies; None when the orchestrator did not say."""
    return Position(key >> _PARTITION_SHIFT, position) if position > 0 else None


def parse_position(token: str | None) -> Position | None:
    """Return the place ``token`` names; None for no token.

    Raises:
        InvalidFields: it is not a token of this hub.
    """
    if token is None:
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
    return Position(int(match[1]), int(match[2]))
