"""phee.stores."""
