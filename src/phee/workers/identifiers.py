"""Identifiers that come out the same however often a job is done."""

from __future__ import annotations

from uuid import UUID, uuid5

PHEE_NAMESPACE = UUID("5b3c1f0e-6d0a-5f5e-9a44-0b7f6a1c2d3e")
"""Names derived here never meet names that others derive. Must never change."""


def derived_uuid(*parts: str | int) -> UUID:
    """The UUID (version 5) of some identifiers, for systems that want one.

    The same parts in the same order give the same UUID, on every machine and for ever; so a call
    that is repeated carries the identifier it carried the first time.
    """
    # The length goes before each part, so that ("ab", "c") and ("a", "bc") differ.
    return uuid5(PHEE_NAMESPACE, "".join(f"{len(str(part))}:{part}" for part in parts))
