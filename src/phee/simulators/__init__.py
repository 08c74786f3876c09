"""phee.simulators."""
