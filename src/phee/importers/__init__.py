"""phee.importers."""
