"""phee.gateway."""
