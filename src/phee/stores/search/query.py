"""Questions to a search store and its answers, independent of the engine behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol

import msgspec

Kind = Literal["payment", "instance", "incident"]
KINDS: tuple[Kind, ...] = ("payment", "instance", "incident")

FILTER_FIELDS = (
    "transaction_id",
    "client_correlation_id",
    "batch_id",
    "status",
    "direction",
    "currency",
    "amount",
    "payer_party_id",
    "payer_party_id_type",
    "payer_dfsp_id",
    "payee_party_id",
    "payee_party_id_type",
    "payee_dfsp_id",
    "process_instance_key",
    "bpmn_process_id",
    "flow",
    "element_id",
    "error_type",
)
"""Fields that can be compared with a value."""

TEXT_FIELDS = (
    "transaction_id",
    "client_correlation_id",
    "batch_id",
    "payer_party_id",
    "payer_dfsp_id",
    "payee_party_id",
    "payee_dfsp_id",
    "bpmn_process_id",
    "element_id",
    "error_type",
    "note",
    "error_text",
)
"""Fields that free text is looked for in."""

RANGE_FIELDS = ("started_at", "completed_at", "amount")
"""Fields that can be bounded."""

SORT_FIELDS = ("started_at", "completed_at", "amount", "status", "transaction_id")
"""Fields that documents can be ordered by; one without the field comes before all that have it."""

GROUP_FIELDS = (
    "status",
    "direction",
    "currency",
    "flow",
    "bpmn_process_id",
    "batch_id",
    "payer_party_id",
    "payer_party_id_type",
    "payer_dfsp_id",
    "payee_party_id",
    "payee_party_id_type",
    "payee_dfsp_id",
    "element_id",
    "error_type",
)
"""Fields whose values can be counted, at the top or inside of another aggregation."""

PERCENTILE_FIELDS = ("amount", "duration_ms")
"""What percentiles can be asked of; the duration is from the start to the end."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What the store knows of one payment, instance or incident. Times are ms since 1970 UTC.

    ``status`` is that of the transfer for a payment, ACTIVE, COMPLETED or TERMINATED for an
    instance, OPEN or RESOLVED for an incident. ``key`` is the instance's or the incident's.
    """

    kind: str
    epoch: int
    key: int
    process_instance_key: int
    bpmn_process_id: str | None
    flow: str | None
    status: str
    started_at: int | None
    completed_at: int | None
    direction: str | None
    transaction_id: str | None
    client_correlation_id: str | None
    batch_id: str | None
    amount: Decimal | None
    currency: str | None
    payer_dfsp_id: str | None
    payer_party_id: str | None
    payer_party_id_type: str | None
    payee_dfsp_id: str | None
    payee_party_id: str | None
    payee_party_id_type: str | None
    note: str | None
    element_id: str | None
    error_type: str | None
    error_text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """Which documents, in which order.

    Attributes:
        text: words that must all occur; ``"two words"`` is a phrase, ``word*`` a beginning.
        fields: the fields to look for ``text`` in (of TEXT_FIELDS; none: all of them).
        filters: field -> value that it must equal (of FILTER_FIELDS).
        ranges: field -> (lowest or None, highest or None), both inclusive (of RANGE_FIELDS).
        kinds: the kinds of documents to look at (none: all).
        sorted_by: order by this field (of SORT_FIELDS); documents with equal values by key.
        newest_first: the largest first.
        size: at most this many hits (1 to 1,000).
        cursor: ``next_cursor`` of the page before; empty for the first.
        offset: how many hits to leave out, for callers that page by number.
        tokens: what else a term of ``text`` may be in the masked fields (set by MaskedSearch).
        masked: the fields that hold tokens; beginnings are not looked for in them.
    """

    text: str = ""
    fields: tuple[str, ...] = ()
    filters: Mapping[str, str | int | Decimal] = field(default_factory=dict)
    ranges: Mapping[str, tuple[int | Decimal | None, int | Decimal | None]] = field(
        default_factory=dict
    )
    kinds: tuple[Kind, ...] = ()
    sorted_by: str = "started_at"
    newest_first: bool = True
    size: int = 20
    cursor: str = ""
    offset: int = 0
    tokens: Mapping[str, str] = field(default_factory=dict)
    masked: frozenset[str] = frozenset()

    @property
    def order(self) -> str:
        """The order of the hits, by name: a cursor belongs to one."""
        return f"{self.sorted_by} {'descending' if self.newest_first else 'ascending'}"


class Hits(msgspec.Struct, frozen=True):
    """One page of documents, the number of all that match, and where the next page begins.

    ``total`` is a lower bound when it is not exact. A page may have fewer documents than were asked
    for, and yet a cursor: the store looked for as long as it may, and goes on from there.
    """

    total: int
    documents: list[Document]
    next_cursor: str
    total_is_exact: bool = True


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """The documents of one value (None: they have none) and currency, and their exact amount."""

    value: str | None
    currency: str | None
    count: int
    amount: Decimal


class TimeBucket(msgspec.Struct, frozen=True, kw_only=True):
    """What began from ``start`` (ms since 1970 UTC) until the next bucket."""

    start: int
    count: int
    parts: list[Bucket]


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """Time buckets that are not empty, in order."""

    interval_ms: int
    buckets: list[TimeBucket]


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """The documents of one currency (None: they have none): how many, and their exact sum."""

    currency: str | None
    count: int
    amount: Decimal


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """A value of a field, how many documents have it, and what these amount to."""

    value: str
    count: int
    amounts: list[Amount]
    parts: Terms | None = None


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The most frequent values of a field, the most frequent first.

    Attributes:
        terms: the values; counts and amounts of each are exact while ``count_error_max`` is 0.
        other_count: how many documents have another value.
        count_error_max: a value that is not listed may have this many documents more than the
            server knew when it chose. Always 0 on SQLite.
    """

    terms: list[Term]
    other_count: int
    count_error_max: int = 0


class Percentile(msgspec.Struct, frozen=True, kw_only=True):
    """The value that ``percent`` of the documents do not exceed."""

    percent: Decimal
    value: Decimal


class PercentileGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The percentiles of the documents of one value, and for amounts of one currency."""

    value: str | None
    currency: str | None
    count: int
    percentiles: list[Percentile]


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """Percentiles by group.

    ``is_exact``: each value is one that occurs (the nearest rank). Otherwise it is an estimate.
    """

    is_exact: bool
    groups: list[PercentileGroup]


class SearchStore(Protocol):
    """A tenant's search store, for reading.

    Raises :class:`phee.errors.InvalidInput` for a field, cursor or size that does not exist and
    :class:`phee.errors.Unavailable` while the store cannot be reached.
    """

    def search(self, query: SearchQuery) -> Hits:
        """Return the documents that match."""

    def histogram(self, query: SearchQuery, *, interval_ms: int, by: str = "status") -> Histogram:
        """Return counts and exact sums over start time, by a group field and currency."""

    def top_terms(
        self, query: SearchQuery, *, field: str, size: int = 10, by: str | None = None
    ) -> Terms:
        """Return the most frequent values of a group field, each again taken apart ``by`` one."""

    def percentiles(
        self,
        query: SearchQuery,
        *,
        field: str,
        percents: Sequence[Decimal],
        by: str | None = None,
    ) -> Percentiles:
        """Return percentiles of a percentile field, amounts by currency, all ``by`` a field."""

    async def wait_for_position(
        self, epoch: int, partition_id: int, position: int, *, timeout_s: float
    ) -> None:
        """Return once everything up to ``position`` is visible here (TimedOut otherwise)."""

    def close(self) -> None:
        """Give back what the reader holds."""
