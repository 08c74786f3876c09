"""A payment scheme between participants: lookup, quotes, transfers, asynchronous callbacks."""
