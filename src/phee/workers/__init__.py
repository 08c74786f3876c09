"""phee.workers."""
