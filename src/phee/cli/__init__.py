"""phee.cli."""
