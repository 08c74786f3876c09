"""phee.flows."""
