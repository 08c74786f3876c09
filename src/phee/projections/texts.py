"""Texts that are kept up to a length, and say so when they were longer."""

from __future__ import annotations

CHARACTERS_MAX = 8_192
"""What a row of history keeps of one value; the latest value of a variable is always whole."""


def cut(text: str) -> tuple[str, int]:
    """Return what is kept of ``text``, and 1 when that is not all of it (else 0)."""
    return text[:CHARACTERS_MAX], int(len(text) > CHARACTERS_MAX)
