"""phee.channel."""
