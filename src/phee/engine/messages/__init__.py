"""Messages: the buffer, the subscriptions of waiting elements and those of start events."""
