"""Zeebe's gRPC protocol in front of the engine, and the client port everyone else uses.

This module imports nothing: ``phee.gateway.client`` must stay cheap to import for code that runs
without gRPC and without the engine.
"""
