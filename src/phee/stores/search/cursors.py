"""Cursors: where a page ended, for the one that follows. Opaque to callers."""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar

import msgspec

from phee.errors import InvalidInput

Place = TypeVar("Place", bound=tuple[int | str, int, int | str])


def cursor_of(place: Place, *, order: str) -> str:
    """Return the cursor of ``place``: (what is sorted by, key, what tells equals apart)."""
    content = msgspec.msgpack.encode((place, order))
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def place_of(cursor: str, kind: type[Place], *, order: str) -> Place:
    """Return what :func:`cursor_of` was given.

    Raises:
        InvalidInput: it is not a cursor of this store, or one of another order.
    """
    try:
        content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        place, given_for = msgspec.msgpack.decode(content, type=tuple[tuple[object, ...], str])
        if given_for == order:
            return msgspec.convert(place, type=kind)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise InvalidInput(
            "the cursor is not one of ours", where="cursor", fix="Send nextCursor as it was given"
        ) from None
    raise InvalidInput(
        "the cursor belongs to another order",
        where="cursor",
        fix="Send it with the sort order it was given for, or begin again without it",
    )
