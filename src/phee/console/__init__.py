"""phee.console."""
