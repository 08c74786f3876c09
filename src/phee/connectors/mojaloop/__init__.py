"""A Mojaloop-like scheme (FSPIOP): what the hub asks, and what it is asked and told."""
