"""phee.projections."""
