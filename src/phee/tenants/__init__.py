"""phee.tenants."""
