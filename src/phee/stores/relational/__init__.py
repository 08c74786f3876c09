"""The relational store: upstream's tables with exact types, one database per tenant."""
