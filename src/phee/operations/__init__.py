"""The REST API that looks: payments, runs, incidents, search and statistics of one tenant.

Reads the stores of the data side and nothing else; also answers the channel's questions to them.
"""

from phee.operations.dead_letters import DeadLetters, dead_letter_routes
from phee.operations.freshness import SearchWaiter, Waiter, relational_waiter
from phee.operations.lookup import StoreOwnershipLookup, StoreTransferLookup
from phee.operations.operator_letters import operator_letter_routes
from phee.operations.queries import OperationsQueries
from phee.operations.routes import routes
from phee.operations.stores import TenantStores

__all__ = [
    "DeadLetters",
    "OperationsQueries",
    "SearchWaiter",
    "StoreOwnershipLookup",
    "StoreTransferLookup",
    "TenantStores",
    "Waiter",
    "dead_letter_routes",
    "operator_letter_routes",
    "relational_waiter",
    "routes",
]
