"""phee.exporter."""
