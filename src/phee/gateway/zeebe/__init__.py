"""A Zeebe (Camunda 8) cluster without tenants as a full runtime of the orchestrator.

:class:`ZeebeClient` adds to the gRPC client what such a cluster does not have: walls between
tenants, and creation at most once. docs/decisions/0008 says how and why.
"""

from phee.gateway.zeebe.address import SCHEME, ZeebeAddress, parse_zeebe_address
from phee.gateway.zeebe.client import ZeebeClient

__all__ = ["SCHEME", "ZeebeAddress", "ZeebeClient", "parse_zeebe_address"]
