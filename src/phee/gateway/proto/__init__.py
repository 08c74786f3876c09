"""The messages of the gRPC interface, generated from ``gateway.proto`` by ``make proto``."""
