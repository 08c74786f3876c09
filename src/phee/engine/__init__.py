"""phee.engine."""
