"""What the operations API can be asked: query parameters, by their names on the wire.

Every filter has an index in the stores, and every sort order is one of a few known ones.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta

from phee.operations.dates import from_ms, until_ms
from phee.stores.relational.filters import IncidentFilter, ProcessInstanceFilter, TransferFilter
from phee.stores.search import SearchQuery
from phee.stores.search.query import FILTER_FIELDS, SORT_FIELDS, TEXT_FIELDS
from phee.web import KEY_MAX, FieldProblem, FreshQuery, InvalidFields, QueryParameters

SIZE_MAX = 1000

Text = Annotated[str, Meta(min_length=1, max_length=255)]
Key = Annotated[int, Meta(ge=1, le=KEY_MAX)]
AmountText = Annotated[
    str, Meta(pattern=r"^[0-9]{1,15}(\.[0-9]{1,4})?$", description="exactly this amount")
]
MOMENT_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?)?$"
)
Moment = Annotated[
    str,
    Meta(
        extra_json_schema={"pattern": MOMENT_PATTERN},  # dates.py says better what is wrong
        description="2025-12-31 23:59:59 (UTC) or ISO 8601; inclusive",
        examples=["2025-12-31 23:59:59"],
    ),
]
TransferStatus = Literal["IN_PROGRESS", "COMPLETED", "FAILED", "EXCEPTION", "UNKNOWN"]
Direction = Literal["INCOMING", "OUTGOING", "UNKNOWN"]
InstanceState = Literal["ACTIVE", "COMPLETED", "TERMINATED"]
OpenState = Literal["OPEN", "RESOLVED"]
SortedOrder = Literal["ASC", "DESC"]
Cursor = Annotated[
    str, Meta(min_length=1, max_length=1000, description="nextCursor of the page before")
]


class PlaceQuery(FreshQuery):
    """Where a page of a listing is: by number, or where the page before ended."""

    page: Annotated[
        int, Meta(ge=0, le=1_000_000, description="counted from 0; its rows must be among 10,000")
    ] = 0
    size: Annotated[int, Meta(ge=1, le=SIZE_MAX)] = 20
    cursor: Cursor | None = None


class PageQuery(PlaceQuery):
    """Which page of a listing, in which order."""

    sorted_order: SortedOrder = "DESC"


TransferOrder = Literal[
    "startedAt", "completedAt", "amount", "currency", "status", "direction", "transactionId",
    "clientCorrelationId", "batchId", "payerPartyId", "payeePartyId", "payerDfspId", "payeeDfspId",
    "workflowInstanceKey",
]  # fmt: skip


class TransfersQuery(PageQuery):
    """A page of transfers: everything that is given must match exactly."""

    sorted_by: TransferOrder = "startedAt"

    payer_party_id: Text | None = None
    payee_party_id: Text | None = None
    payer_dfsp_id: Text | None = None
    payee_dfsp_id: Text | None = None
    transaction_id: Text | None = None
    status: TransferStatus | None = None
    amount: AmountText | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None
    direction: Direction | None = None
    client_correlation_id: Text | None = None
    batch_id: Text | None = None
    party_id: Annotated[str, Meta(max_length=255, description="payer or payee")] | None = None
    party_id_type: Annotated[str, Meta(max_length=32, description="of either")] | None = None
    start_from: Moment | None = None
    start_to: Moment | None = None

    def chosen(self) -> TransferFilter:
        """Return the filter of the relational store.

        Raises:
            InvalidFields: a date is not one.
        """
        return TransferFilter(
            payer_party_id=party(self.payer_party_id),
            payee_party_id=party(self.payee_party_id),
            payer_dfsp_id=self.payer_dfsp_id,
            payee_dfsp_id=self.payee_dfsp_id,
            transaction_id=self.transaction_id,
            status=self.status,
            amount=decimal(self.amount),
            currency=self.currency,
            direction=self.direction,
            client_correlation_id=self.client_correlation_id,
            batch_id=self.batch_id,
            party_id=party(self.party_id),
            party_id_type=self.party_id_type,
            start_from=from_ms(self.start_from, "startFrom"),
            start_to=until_ms(self.start_to, "startTo"),
        )


class IncidentsQuery(PageQuery):
    """A page of incidents."""

    process_instance_key: Key | None = None
    state: OpenState | None = None
    error_type: Text | None = None
    bpmn_process_id: Text | None = None
    sorted_by: Literal["createdAt", "resolvedAt", "errorType", "bpmnProcessId"] = "createdAt"

    def chosen(self) -> IncidentFilter:
        """Return the filter of the relational store."""
        return IncidentFilter(
            process_instance_key=self.process_instance_key,
            state=self.state,
            error_type=self.error_type,
            bpmn_process_id=self.bpmn_process_id,
        )


class ProcessInstancesQuery(PageQuery):
    """A page of process instances."""

    process_instance_key: Key | None = None
    bpmn_process_id: Text | None = None
    state: InstanceState | None = None
    parent_process_instance_key: Key | None = None
    start_from: Moment | None = None
    start_to: Moment | None = None
    sorted_by: Literal["startedAt", "endedAt", "bpmnProcessId", "state"] = "startedAt"

    def chosen(self) -> ProcessInstanceFilter:
        """Return the filter of the relational store.

        Raises:
            InvalidFields: a date is not one.
        """
        return ProcessInstanceFilter(
            process_instance_key=self.process_instance_key,
            bpmn_process_id=self.bpmn_process_id,
            state=self.state,
            parent_process_instance_key=self.parent_process_instance_key,
            start_from=from_ms(self.start_from, "startFrom"),
            start_to=until_ms(self.start_to, "startTo"),
        )


Store = Literal["relational", "search"]
WhichStore = Annotated[Store, Meta(description="the store that could not use the record")]


class DeadLetterQuery(QueryParameters):
    """Which store an id is of."""

    store: WhichStore = "relational"


class DeadLettersQuery(PlaceQuery):
    """A page of what could not be projected, newest first."""

    state: Annotated[
        Literal["OPEN", "REPLAYED", "DISCARDED", "ALL"],
        Meta(description="OPEN: still to be dealt with"),
    ] = "OPEN"
    store: WhichStore = "relational"


SearchOrder = Literal["startedAt", "completedAt", "amount", "status", "transactionId"]


class StatisticsQuery(FreshQuery):
    """Counts and sums of transfers over time."""

    interval: Literal["minute", "hour", "day"] = "hour"
    start_from: Moment | None = None
    start_to: Moment | None = None
    direction: Direction | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None


class SearchFilters(FreshQuery):
    """Which documents: free text, and fields that must have a value."""

    q: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=500,
                description='words that must all occur; "two words" is a phrase, word* a beginning',
                examples=["insufficient"],
            ),
        ]
        | None
    ) = None
    fields: (
        Annotated[
            str,
            Meta(
                max_length=500,
                description=f"where q is looked for; some of {', '.join(TEXT_FIELDS)}",
            ),
        ]
        | None
    ) = None
    kind: Literal["payment", "instance", "incident"] | None = None
    transaction_id: Text | None = None
    client_correlation_id: Text | None = None
    batch_id: Text | None = None
    status: Text | None = None
    direction: Direction | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None
    amount: AmountText | None = None
    payer_party_id: Text | None = None
    payer_party_id_type: Text | None = None
    payer_dfsp_id: Text | None = None
    payee_party_id: Text | None = None
    payee_party_id_type: Text | None = None
    payee_dfsp_id: Text | None = None
    process_instance_key: Key | None = None
    bpmn_process_id: Text | None = None
    flow: Text | None = None
    element_id: Text | None = None
    error_type: Text | None = None
    start_from: Moment | None = None
    start_to: Moment | None = None
    completed_from: Moment | None = None
    completed_to: Moment | None = None
    amount_from: AmountText | None = None
    amount_to: AmountText | None = None

    def chosen(self) -> SearchQuery:
        """Return which documents of the search store these are.

        Raises:
            InvalidFields: a date or a field name is not one.
        """
        return SearchQuery(
            text=self.q or "",
            fields=self._text_fields(),
            filters=self._filters(),
            ranges=self._ranges(),
            kinds=(self.kind,) if self.kind else (),
        )

    def _text_fields(self) -> tuple[str, ...]:
        if not self.fields:
            return ()
        names = tuple(snake(name.strip()) for name in self.fields.split(","))
        unknown = [name for name in names if name not in TEXT_FIELDS]
        if unknown:
            fix = f"Use some of {', '.join(camel(name) for name in TEXT_FIELDS)}"
            raise InvalidFields([FieldProblem("query.fields", "names an unknown field", fix)])
        return names

    def _filters(self) -> dict[str, str | int | Decimal]:
        given: dict[str, Any] = {name: getattr(self, name) for name in FILTER_FIELDS}
        given["amount"] = decimal(self.amount)
        for side in ("payer_party_id", "payee_party_id"):
            given[side] = party(given[side])
        return {name: value for name, value in given.items() if value is not None}

    def _ranges(self) -> dict[str, tuple[int | Decimal | None, int | Decimal | None]]:
        ranges: dict[str, tuple[int | Decimal | None, int | Decimal | None]] = {
            "started_at": (
                from_ms(self.start_from, "startFrom"),
                until_ms(self.start_to, "startTo"),
            ),
            "completed_at": (
                from_ms(self.completed_from, "completedFrom"),
                until_ms(self.completed_to, "completedTo"),
            ),
            "amount": (decimal(self.amount_from), decimal(self.amount_to)),
        }
        return {name: bounds for name, bounds in ranges.items() if bounds != (None, None)}


class SearchFields(SearchFilters):
    """A page of documents."""

    sorted_by: SearchOrder = "startedAt"
    sorted_order: SortedOrder = "DESC"
    size: Annotated[int, Meta(ge=1, le=SIZE_MAX)] = 20
    cursor: Cursor | None = None

    def chosen(self) -> SearchQuery:
        """Return the question to the search store.

        Raises:
            InvalidFields: a date or a field name is not one.
        """
        return replace(
            super().chosen(),
            sorted_by=snake(self.sorted_by),
            newest_first=self.sorted_order == "DESC",
            size=self.size,
            cursor=self.cursor or "",
        )


def party(identifier: str | None) -> str | None:
    """Return a party identifier; a leading + that was not percent-encoded arrives as a space."""
    if identifier is not None and identifier.startswith(" "):
        return f"+{identifier[1:]}"
    return identifier


def decimal(text: str | None) -> Decimal | None:
    """Return the amount that a checked text spells."""
    return None if text is None else Decimal(text)


def snake(name: str) -> str:
    """Return a wire name as the stores spell it: ``startedAt`` -> ``started_at``."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def camel(name: str) -> str:
    """Return a store's name as it is on the wire: ``started_at`` -> ``startedAt``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


assert set(FILTER_FIELDS) <= set(SearchFields.__struct_fields__), "a search filter is not offered"
assert set(SORT_FIELDS) == {snake(name) for name in get_args(SearchOrder)}, "an order is missing"
