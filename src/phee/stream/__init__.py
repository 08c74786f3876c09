"""phee.stream."""
