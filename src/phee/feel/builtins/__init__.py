"""The built-in functions, by family. ``registry`` declares them and fits their arguments."""

from phee.feel.builtins import (
    context,
    conversion,
    lists,
    logic,
    numeric,
    ordering,
    ranges,
    statistics,
    strings,
    temporal,
)

__all__ = [
    "context",
    "conversion",
    "lists",
    "logic",
    "numeric",
    "ordering",
    "ranges",
    "statistics",
    "strings",
    "temporal",
]
