"""How an importer takes turns: how long it gathers, and how much is written at once."""

from __future__ import annotations

from dataclasses import dataclass

WINDOW_S = 0.02
"""Small commits are gathered for so long, and none waits longer for it."""
REMOTE_SEARCH_WINDOW_S = 0.1
"""A server shows what was written ten times a second at most; writing more often only costs."""
GATHERED_MAX = 16_000
WHOLE_RECORDS_MAX = 2_000
"""What a batch takes of records that are kept; the others leave only what they change."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How an importer takes turns.

    Attributes:
        window_s: at most one batch in this time, unless much is waiting.
        gathered_max: where a batch ends though more is waiting, in records.
        written_at_once: how many tenants' stores are written at the same time.
    """

    window_s: float = WINDOW_S
    gathered_max: int = GATHERED_MAX
    written_at_once: int = 1


LOCAL = Pace()
"""Of embedded stores."""
