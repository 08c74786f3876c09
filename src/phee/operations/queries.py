"""The questions of the operations API, put to the stores of one tenant."""

from __future__ import annotations

import time

from phee.errors import NotFound
from phee.operations.analytics import INTERVALS_MAX, INTERVALS_MS, Analytics
from phee.operations.answers import (
    DeadLetterAnswer,
    IncidentAnswer,
    PageAnswer,
    ProcessInstanceAnswer,
    ProcessInstanceDetail,
    SearchAnswer,
    Statistics,
    StatusSum,
    TimeSums,
    TransferAnswer,
    TransferDetail,
    amount_text,
    document_answer,
    page_answer,
    same_fields,
    transfer_answer,
)
from phee.operations.dates import from_ms, until_ms
from phee.operations.error_codes import explain
from phee.operations.listing_queries import ListingQueries
from phee.operations.parameters import (
    DeadLettersQuery,
    IncidentsQuery,
    ProcessInstancesQuery,
    SearchFields,
    StatisticsQuery,
    TransfersQuery,
    snake,
)
from phee.operations.parts import parts
from phee.operations.stores import TenantStores
from phee.stores.relational.filters import ProcessInstanceFilter, TransferFilter
from phee.stores.relational.models import StatusTotal
from phee.stores.relational.queries import RelationalReader
from phee.stores.search import Bucket, SearchQuery

_incident = same_fields(IncidentAnswer)
_instance = same_fields(ProcessInstanceAnswer)
_dead_letter = same_fields(DeadLetterAnswer)


class OperationsQueries:
    """Answers questions about one tenant at a time; the tenant is an argument of every question."""

    def __init__(self, stores: TenantStores) -> None:
        self._stores = stores
        self.listings = ListingQueries(stores)
        self.analytics = Analytics(stores)

    async def transfers(self, tenant_id: str, query: TransfersQuery) -> PageAnswer[TransferAnswer]:
        """Return a page of transfers."""
        chosen = query.chosen()

        def read(reader: RelationalReader) -> PageAnswer[TransferAnswer]:
            found = reader.list_transfers(
                chosen,
                page=query.page,
                size=query.size,
                cursor=query.cursor or "",
                sorted_by=snake(query.sorted_by),
                sorted_order=query.sorted_order,
            )
            page = page_answer(
                found, transfer_answer, page=query.page, size=query.size, cursor=query.cursor
            )
            explain(reader, page.content)
            return page

        return await self._stores.relational(tenant_id, read)

    async def transfer(self, tenant_id: str, key: int) -> TransferDetail:
        """Return a transfer and everything that happened in it.

        Raises:
            NotFound: the tenant has no transfer with this key.
        """

        def read(reader: RelationalReader) -> TransferDetail:
            transfer = reader.get_transfer(key)
            answer = transfer_answer(transfer)
            explain(reader, [answer])
            return TransferDetail(transfer=answer, **parts(reader, key, transfer.epoch))

        return await self._stores.relational(tenant_id, read)

    async def process_instance(self, tenant_id: str, key: int) -> ProcessInstanceDetail:
        """Return a process instance and everything that happened in it.

        Raises:
            NotFound: the tenant has no instance with this key.
        """

        def read(reader: RelationalReader) -> ProcessInstanceDetail:
            chosen = ProcessInstanceFilter(process_instance_key=key)
            rows = reader.process_instances(chosen, size=1).rows
            if not rows:
                raise NotFound(
                    "No process instance of this tenant has this key",
                    where=str(key),
                    fix="Take the key from /api/v1/process-instances",
                )
            return ProcessInstanceDetail(
                process_instance=_instance(rows[0]), **parts(reader, key, rows[0].epoch)
            )

        return await self._stores.relational(tenant_id, read)

    async def process_instances(
        self, tenant_id: str, query: ProcessInstancesQuery
    ) -> PageAnswer[ProcessInstanceAnswer]:
        """Return a page of process instances."""
        chosen = query.chosen()
        found = await self._stores.relational(
            tenant_id,
            lambda reader: reader.process_instances(
                chosen,
                page=query.page,
                size=query.size,
                cursor=query.cursor or "",
                sorted_by=snake(query.sorted_by),
                sorted_order=query.sorted_order,
            ),
        )
        return page_answer(found, _instance, page=query.page, size=query.size, cursor=query.cursor)

    async def incidents(self, tenant_id: str, query: IncidentsQuery) -> PageAnswer[IncidentAnswer]:
        """Return a page of incidents."""
        chosen = query.chosen()
        found = await self._stores.relational(
            tenant_id,
            lambda reader: reader.incidents(
                chosen,
                page=query.page,
                size=query.size,
                cursor=query.cursor or "",
                sorted_by=snake(query.sorted_by),
                sorted_order=query.sorted_order,
            ),
        )
        return page_answer(found, _incident, page=query.page, size=query.size, cursor=query.cursor)

    async def dead_letters(
        self, tenant_id: str, query: DeadLettersQuery
    ) -> PageAnswer[DeadLetterAnswer]:
        """Return a page of what could not be projected."""
        state = None if query.state == "ALL" else query.state
        found = await self._stores.letters(
            tenant_id,
            query.store,
            lambda reader: reader.dead_letters(
                state=state, page=query.page, size=query.size, cursor=query.cursor or ""
            ),
        )
        return page_answer(
            found, _dead_letter, page=query.page, size=query.size, cursor=query.cursor
        )

    async def search(self, tenant_id: str, query: SearchFields) -> SearchAnswer:
        """Return a page of what was found."""
        chosen = query.chosen()
        hits = await self._stores.search(tenant_id, lambda store: store.search(chosen))
        return SearchAnswer(
            total=hits.total,
            total_is_exact=hits.total_is_exact,
            documents=[document_answer(document) for document in hits.documents],
            next_cursor=hits.next_cursor or None,
        )

    async def statistics(self, tenant_id: str, query: StatisticsQuery) -> Statistics:
        """Return counts and sums over time; without a start, over the newest intervals.

        A range of more intervals is cut at its start, which the answer says.
        """
        interval_ms = INTERVALS_MS[query.interval]
        end = until_ms(query.start_to, "startTo") or int(time.time() * 1000)
        begin = from_ms(query.start_from, "startFrom") or 0
        begin = max(begin, end - INTERVALS_MAX * interval_ms)
        chosen = TransferFilter(
            start_from=begin, start_to=end, direction=query.direction, currency=query.currency
        )
        filters = {"direction": query.direction, "currency": query.currency}
        given = {name: value for name, value in filters.items() if value is not None}
        over_time = SearchQuery(
            filters=given, ranges={"started_at": (begin, end)}, kinds=("payment",)
        )
        totals = await self._stores.relational(
            tenant_id, lambda reader: reader.totals_by_status(chosen)
        )
        histogram = await self._stores.search(
            tenant_id, lambda store: store.histogram(over_time, interval_ms=interval_ms)
        )
        return Statistics(
            start_from=begin,
            start_to=end,
            interval_ms=interval_ms,
            totals=[_sum(total) for total in totals],
            buckets=[
                TimeSums(
                    start=bucket.start,
                    count=bucket.count,
                    by_status=[_bucket(part) for part in bucket.parts],
                )
                for bucket in histogram.buckets
            ],
        )


def _bucket(part: Bucket) -> StatusSum:
    total = StatusTotal(
        status=part.value or "", currency=part.currency, count=part.count, amount=part.amount
    )
    return _sum(total)


def _sum(total: StatusTotal) -> StatusSum:
    return StatusSum(
        status=total.status,
        currency=total.currency,
        count=total.count,
        amount=amount_text(total.amount, total.currency) or "0",
    )
