"""What the listings beside transfers can be asked; see phee.operations.parameters."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from phee.operations.dates import from_ms, until_ms
from phee.operations.parameters import (
    SIZE_MAX,
    AmountText,
    Direction,
    Key,
    Moment,
    PageQuery,
    Text,
    TransferStatus,
    decimal,
    party,
)
from phee.web import FreshQuery

RequestState = Literal[
    "INITIATED",
    "IN_PROGRESS",
    "RECEIVED",
    "REQUEST_ACCEPTED",
    "ACCEPTED",
    "REJECTED",
    "FAILED",
    "SUCCESS",
]
_PAGING = frozenset((*PageQuery.__struct_fields__, "start_from", "start_to"))


class TimedQuery(PageQuery):
    """A page of rows by time; everything that is given must match exactly."""

    start_from: Moment | None = None
    start_to: Moment | None = None

    def chosen(self) -> dict[str, Any]:
        """Return the filter of the relational store, by column.

        Raises:
            InvalidFields: a date is not one.
        """
        given = {
            name: getattr(self, name) for name in self.__struct_fields__ if name not in _PAGING
        }
        given["start_from"] = from_ms(self.start_from, "startFrom")
        given["start_to"] = until_ms(self.start_to, "startTo")
        return given


class TransactionRequestsQuery(TimedQuery):
    """A page of transaction requests."""

    payer_party_id: Text | None = None
    payee_party_id: Text | None = None
    payer_dfsp_id: Text | None = None
    payee_dfsp_id: Text | None = None
    transaction_id: Text | None = None
    state: RequestState | None = None
    amount: AmountText | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None
    direction: Direction | None = None
    client_correlation_id: Text | None = None
    external_id: Text | None = None

    def chosen(self) -> dict[str, Any]:
        """See TimedQuery."""
        given = super().chosen()
        given["status"] = given.pop("state")
        given["amount"] = decimal(self.amount)
        for side in ("payer_party_id", "payee_party_id"):
            given[side] = party(given[side])
        return given


class BatchesQuery(TimedQuery):
    """A page of batches."""

    batch_id: Text | None = None
    payer_fsp: Text | None = None
    registering_institution_id: Text | None = None
    client_correlation_id: Text | None = None
    status: TransferStatus | None = None


class OutboundMessagesQuery(TimedQuery):
    """A page of messages to people."""

    internal_id: Text | None = None
    external_id: Text | None = None
    mobile_number: Text | None = None
    status: TransferStatus | None = None

    def chosen(self) -> dict[str, Any]:
        """See TimedQuery."""
        given = super().chosen()
        given["mobile_number"] = party(self.mobile_number)
        return given


class MessagesQuery(TimedQuery):
    """A page of messages, by when they were published."""

    message_key: Key | None = None
    name: Text | None = None
    correlation_key: Text | None = None


class MessageSubscriptionsQuery(TimedQuery):
    """A page of waits for messages, by when they began."""

    process_instance_key: Key | None = None
    correlation_key: Text | None = None
    message_name: Text | None = None
    state: Literal["OPEN", "CORRELATED", "CLOSED"] | None = None


class TimersQuery(TimedQuery):
    """A page of timers, by when they are due."""

    process_instance_key: Key | None = None
    state: Literal["ACTIVE", "TRIGGERED", "CANCELED"] | None = None


class DecisionDefinitionsQuery(TimedQuery):
    """A page of deployed decisions."""

    decision_key: Key | None = None
    decision_id: Text | None = None


class DecisionEvaluationsQuery(TimedQuery):
    """A page of evaluations."""

    evaluation_key: Key | None = None
    process_instance_key: Key | None = None
    decision_id: Text | None = None
    state: Literal["EVALUATED", "FAILED"] | None = None


class VariableHistoryQuery(FreshQuery):
    """Of which variable; without a name, all of the instance."""

    name: Text | None = None
    scope_key: Key | None = None
    size: Annotated[int, Meta(ge=1, le=SIZE_MAX)] = SIZE_MAX
