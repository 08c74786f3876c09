"""Reading dead letters, whatever keeps them."""

from __future__ import annotations

from typing import Protocol

from phee.stores.relational.models import DeadLetter, DeadLetterDecision, Page


class DeadLetterReader(Protocol):
    """The dead letters of one store of one tenant, or of the operator."""

    def dead_letters(
        self, *, state: str | None = "OPEN", page: int = 0, size: int = 20, cursor: str = ""
    ) -> Page[DeadLetter]:
        """Return one page of what could not be projected, newest first (None: in any state).

        Raises:
            InvalidInput: ``cursor`` is none that this store gave.
        """

    def dead_letter(self, letter_id: int) -> DeadLetter:
        """Return one dead letter, whatever its state.

        Raises:
            NotFound: there is none with this id.
        """

    def decisions(self, letter: DeadLetter) -> list[DeadLetterDecision]:
        """Return what was decided about a dead letter, in the order it was."""

    def close(self) -> None:
        """Let go of the store."""
