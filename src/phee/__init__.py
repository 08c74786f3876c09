"""phee: a headless payment hub.

Payments come in over REST, run as BPMN flows on an orchestrator, and every record of what
happened streams into a relational and a search store per tenant. ``docs/architecture.md`` is the
map of the packages and of who may import whom.
"""

__version__ = "0.1.0"
