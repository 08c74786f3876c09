"""Cursors: where a page ended, for the one that follows. Opaque to callers."""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar

import msgspec

from phee.errors import InvalidInput

Place = TypeVar("Place", bound=tuple[int, int, int] | tuple[int, int, str])


def cursor_of(place: Place, *, newest_first: bool) -> str:
    """Return the cursor of ``place``: (start or -1, key, what tells equals apart)."""
    content = msgspec.msgpack.encode((place, newest_first))
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def place_of(cursor: str, kind: type[Place], *, newest_first: bool) -> Place:
    """Return what :func:`cursor_of` was given.

    Raises:
        InvalidInput: it is not a cursor of this store, or one of the other order.
    """
    try:
        content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        place, order = msgspec.msgpack.decode(content, type=tuple[kind, bool])  # type: ignore[valid-type]
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise InvalidInput(
            "the cursor is not one of ours", where="cursor", fix="Send nextCursor as it was given"
        ) from None
    if order != newest_first:
        raise InvalidInput(
            "the cursor belongs to the other order",
            where="cursor",
            fix="Send it with the sort order it was given for, or begin again without it",
        )
    return place
