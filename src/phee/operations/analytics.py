"""Analytics: what payments, instances and incidents add up to, asked of the search store.

Amounts are exact sums by currency, as text. Percentiles say whether they are exact.
"""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from phee.operations.answers import amount_text
from phee.operations.dates import from_ms, until_ms
from phee.operations.parameters import SearchFilters, camel, snake
from phee.operations.stores import TenantStores
from phee.stores.search import Amount, Percentile, PercentileGroup, Term, Terms
from phee.stores.search.checks import PERCENTS_MAX, TERMS_MAX
from phee.stores.search.query import GROUP_FIELDS

INTERVALS_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
INTERVALS_MAX = 2_000

Group = Literal[
    "status", "direction", "currency", "flow", "bpmnProcessId", "batchId", "payerPartyId",
    "payerPartyIdType", "payerDfspId", "payeePartyId", "payeePartyIdType", "payeeDfspId",
    "elementId", "errorType",
]  # fmt: skip
assert {camel(name) for name in GROUP_FIELDS} == set(get_args(Group)), "a group is not offered"


_PERCENT = r"(100|[1-9][0-9]?(\.[0-9]{1,3})?|0\.[0-9]{0,2}[1-9])"


class HistogramQuery(SearchFilters):
    """Counts and sums over time; without a start, over the newest intervals."""

    interval: Literal["minute", "hour", "day"] = "hour"
    by: Group = "status"


class TermsQuery(SearchFilters):
    """The most frequent values of a field."""

    field: Group = "status"
    by: Annotated[Group, Meta(description="take each value apart by this field")] | None = None
    terms: Annotated[int, Meta(ge=1, le=TERMS_MAX, description="how many values")] = 10


class PercentilesQuery(SearchFilters):
    """Percentiles of what was measured."""

    field: Literal["durationMs", "amount"] = "durationMs"
    percents: Annotated[
        str,
        Meta(
            pattern=rf"^{_PERCENT}(,{_PERCENT}){{0,{PERCENTS_MAX - 1}}}$",
            description=f"up to {PERCENTS_MAX}, above 0 and at most 100",
            examples=["50,95,99.9"],
        ),
    ] = "50,95,99"
    by: Group | None = None

    def wanted(self) -> list[Decimal]:
        """Return the percents."""
        return [Decimal(text) for text in self.percents.split(",")]


class _Answer(msgspec.Struct, kw_only=True, rename="camel"):
    """Base of answers: camel-case names on the wire."""


class AmountAnswer(_Answer):
    """The documents of one currency (null: they have none), and their exact sum."""

    currency: str | None
    count: int
    amount: str


class PartAnswer(AmountAnswer):
    """The documents of one value (null: they have none) and currency, and their exact sum."""

    value: str | None


class IntervalAnswer(_Answer):
    """What began in one interval; ``start`` is epoch ms."""

    start: int
    count: int
    parts: list[PartAnswer]


class HistogramAnswer(_Answer):
    """The intervals from ``start_from`` to ``start_to`` (epoch ms) that are not empty."""

    start_from: int
    start_to: int
    interval_ms: int
    by: str
    buckets: list[IntervalAnswer]


class TermAnswer(_Answer):
    """A value, how many documents have it, and what they amount to."""

    value: str
    count: int
    amounts: list[AmountAnswer]


class PartsAnswer(_Answer):
    """The most frequent values inside of another value."""

    terms: list[TermAnswer]
    other_count: int
    count_error_max: int


class TermWithParts(TermAnswer):
    """A value, and the most frequent values of another field inside of it."""

    parts: PartsAnswer | None


class TermsAnswer(_Answer):
    """The most frequent values of ``field``; ``other_count`` documents have others.

    A value that is not listed may have ``count_error_max`` more documents than was known when
    these were chosen (0: the choice is exact). Counts and sums of the values are exact.
    """

    field: str
    by: str | None
    terms: list[TermWithParts]
    other_count: int
    count_error_max: int


class PercentileAnswer(_Answer):
    """What ``percent`` of the documents do not exceed, as text."""

    percent: str
    value: str


class GroupAnswer(_Answer):
    """The percentiles of one value of ``by``, and for amounts of one currency."""

    value: str | None
    currency: str | None
    count: int
    percentiles: list[PercentileAnswer]


class PercentilesAnswer(_Answer):
    """Percentiles by group; estimated unless ``is_exact``."""

    field: str
    by: str | None
    is_exact: bool
    groups: list[GroupAnswer]


class Analytics:
    """Answers questions about one tenant at a time."""

    def __init__(self, stores: TenantStores) -> None:
        self._stores = stores

    async def histogram(self, tenant_id: str, query: HistogramQuery) -> HistogramAnswer:
        """Return counts and sums over time, of at most the newest INTERVALS_MAX intervals.

        Raises:
            InvalidInput: there are too many values in too many intervals.
        """
        interval_ms = INTERVALS_MS[query.interval]
        end = until_ms(query.start_to, "startTo") or int(time.time() * 1000)
        begin = from_ms(query.start_from, "startFrom") or 0
        begin = max(begin, end - INTERVALS_MAX * interval_ms)
        asked = query.chosen()
        chosen = replace(asked, ranges={**asked.ranges, "started_at": (begin, end)})
        found = await self._stores.search(
            tenant_id,
            lambda store: store.histogram(chosen, interval_ms=interval_ms, by=snake(query.by)),
        )
        return HistogramAnswer(
            start_from=begin,
            start_to=end,
            interval_ms=interval_ms,
            by=query.by,
            buckets=[
                IntervalAnswer(
                    start=bucket.start,
                    count=bucket.count,
                    parts=[
                        PartAnswer(
                            value=part.value,
                            currency=part.currency,
                            count=part.count,
                            amount=amount_text(part.amount, part.currency) or "0",
                        )
                        for part in bucket.parts
                    ],
                )
                for bucket in found.buckets
            ],
        )

    async def terms(self, tenant_id: str, query: TermsQuery) -> TermsAnswer:
        """Return the most frequent values of a field."""
        chosen, by = query.chosen(), snake(query.by) if query.by else None
        found = await self._stores.search(
            tenant_id,
            lambda store: store.top_terms(
                chosen, field=snake(query.field), size=query.terms, by=by
            ),
        )
        return TermsAnswer(
            field=query.field,
            by=query.by,
            terms=[TermWithParts(**_term(term), parts=_parts(term.parts)) for term in found.terms],
            other_count=found.other_count,
            count_error_max=found.count_error_max,
        )

    async def percentiles(self, tenant_id: str, query: PercentilesQuery) -> PercentilesAnswer:
        """Return percentiles.

        Raises:
            InvalidInput: there are too many groups.
        """
        chosen, by = query.chosen(), snake(query.by) if query.by else None
        percents = query.wanted()
        found = await self._stores.search(
            tenant_id,
            lambda store: store.percentiles(
                chosen, field=snake(query.field), percents=percents, by=by
            ),
        )
        return PercentilesAnswer(
            field=query.field,
            by=query.by,
            is_exact=found.is_exact,
            groups=[_group(group) for group in found.groups],
        )


def _term(term: Term) -> dict[str, Any]:
    return {"value": term.value, "count": term.count, "amounts": [_amount(a) for a in term.amounts]}


def _parts(parts: Terms | None) -> PartsAnswer | None:
    if parts is None:
        return None
    return PartsAnswer(
        terms=[TermAnswer(**_term(term)) for term in parts.terms],
        other_count=parts.other_count,
        count_error_max=parts.count_error_max,
    )


def _amount(amount: Amount) -> AmountAnswer:
    return AmountAnswer(
        currency=amount.currency,
        count=amount.count,
        amount=amount_text(amount.amount, amount.currency) or "0",
    )


def _group(group: PercentileGroup) -> GroupAnswer:
    def answer(one: Percentile) -> PercentileAnswer:
        value = amount_text(one.value, group.currency) or "0"
        return PercentileAnswer(percent=f"{one.percent:f}", value=value)

    return GroupAnswer(
        value=group.value,
        currency=group.currency,
        count=group.count,
        percentiles=[answer(one) for one in group.percentiles],
    )
