"""phee.feel."""

from typing import Any


class Expression:
    """Placeholder until the language lands."""

    def evaluate(self, context: Any) -> Any:
        """Evaluate."""
