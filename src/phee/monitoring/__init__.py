"""phee.monitoring."""
