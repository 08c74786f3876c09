"""The one error of this package: something is missing or refused, and what to do about it."""

from __future__ import annotations


class Missing(Exception):
    """A component cannot be installed, started or stopped; the text says why and what helps."""
