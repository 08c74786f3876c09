"""The REST API that initiates payments.

Sees the orchestrator only through the client port, and the data side only through the protocols
of :mod:`phee.channel.status` and :mod:`phee.channel.recovery`.
"""

from phee.channel.initiation import Initiator, payer_fund_transfer, transaction_id_of
from phee.channel.recovery import OwnershipLookup, Recovery
from phee.channel.routes import routes
from phee.channel.served_jobs import JobTypeNotServed, require_served_jobs, unserved_job_types
from phee.channel.status import StatusReader, TransferLookup, TransferView

__all__ = [
    "Initiator",
    "JobTypeNotServed",
    "OwnershipLookup",
    "Recovery",
    "StatusReader",
    "TransferLookup",
    "TransferView",
    "payer_fund_transfer",
    "require_served_jobs",
    "routes",
    "transaction_id_of",
    "unserved_job_types",
]
