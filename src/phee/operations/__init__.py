"""phee.operations."""
