"""phee.dmn."""
