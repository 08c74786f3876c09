"""phee.connectors."""
