"""The questions about batches, requests, messages, timers and decisions of one tenant."""

from __future__ import annotations

from typing import Any, TypeVar

from phee.errors import NotFound
from phee.operations.answers import PageAnswer, page_answer
from phee.operations.listing_answers import (
    BatchAnswer,
    BatchCounters,
    BatchDetail,
    ErrorCodeAnswer,
    ListedAnswer,
    ProcessDefinitionAnswer,
    SubBatchAnswer,
    TransactionRequestAnswer,
    TransactionRequestDetail,
    VariableValueAnswer,
    columns_of,
    listed,
)
from phee.operations.listing_parameters import TimedQuery, VariableHistoryQuery
from phee.operations.parameters import SIZE_MAX
from phee.operations.parts import parts
from phee.operations.stores import TenantStores
from phee.stores.relational import tables
from phee.stores.relational.listings import BATCHES, SUB_BATCHES, TRANSACTION_REQUESTS, ListedTable
from phee.stores.relational.queries import RelationalReader

T = TypeVar("T", bound=ListedAnswer)


class ListingQueries:
    """Answers questions about one tenant at a time; the tenant is an argument of every question."""

    def __init__(self, stores: TenantStores) -> None:
        self._stores = stores

    async def page(
        self, tenant_id: str, listing: ListedTable, answer: type[T], query: TimedQuery
    ) -> PageAnswer[T]:
        """Return a page of a listing."""
        chosen = query.chosen()
        found = await self._stores.relational(
            tenant_id,
            lambda reader: reader.listing(
                listing,
                columns_of(answer),
                chosen,
                page=query.page,
                size=query.size,
                sorted_order=query.sorted_order,
            ),
        )
        return page_answer(found, lambda row: listed(answer, row), page=query.page, size=query.size)

    async def transaction_request(self, tenant_id: str, key: int) -> TransactionRequestDetail:
        """Return a request and everything that happened in it.

        Raises:
            NotFound: the tenant has no request with this key.
        """

        def read(reader: RelationalReader) -> TransactionRequestDetail:
            row = _newest(
                reader,
                TRANSACTION_REQUESTS,
                [*columns_of(TransactionRequestAnswer), "epoch"],
                {"workflow_instance_key": key},
                "transaction request of this tenant has this key",
            )
            return TransactionRequestDetail(
                transaction_request=listed(TransactionRequestAnswer, row),
                **parts(reader, key, row["epoch"]),
            )

        return await self._stores.relational(tenant_id, read)

    async def batch(self, tenant_id: str, batch_id: str) -> BatchDetail:
        """Return a batch with its sub-batches (the newest SIZE_MAX) and amounts by currency.

        Raises:
            NotFound: the tenant has no such batch.
        """

        def read(reader: RelationalReader) -> BatchDetail:
            row = _newest(
                reader,
                BATCHES,
                [*columns_of(BatchAnswer), "epoch"],
                {"batch_id": batch_id},
                "batch of this tenant has this id",
            )
            here = {"batch_id": batch_id, "epoch": row["epoch"]}
            inside = reader.listing(
                SUB_BATCHES, columns_of(SubBatchAnswer), here, size=SIZE_MAX, sorted_order="ASC"
            ).rows
            amounts = reader.select(
                tables.business_tables.batch_amounts,
                columns_of(BatchCounters),
                {**here, "sub_batch_id": ""},
            )
            return BatchDetail(
                batch=listed(BatchAnswer, row),
                amounts=[listed(BatchCounters, one) for one in amounts],
                sub_batches=[listed(SubBatchAnswer, one) for one in inside],
            )

        return await self._stores.relational(tenant_id, read)

    async def process_definitions(self, tenant_id: str) -> list[ProcessDefinitionAnswer]:
        """Return every deployed definition, in the order they were deployed."""
        table = tables.process_definitions
        names = columns_of(ProcessDefinitionAnswer)
        rows = await self._stores.relational(
            tenant_id, lambda reader: reader.select(table, names, {})
        )
        return [listed(ProcessDefinitionAnswer, row) for row in rows]

    async def variable_history(
        self, tenant_id: str, key: int, query: VariableHistoryQuery
    ) -> list[VariableValueAnswer]:
        """Return the values that the variables of an instance have had, oldest first.

        Only the newest ``query.size`` of them. An unknown instance has none.
        """
        wanted = {"name": query.name, "scope_key": query.scope_key}
        given = {name: value for name, value in wanted.items() if value is not None}
        equal = {"workflow_instance_key": key, **given}
        names = ["scope_key", "name", "value", "timestamp", "position"]

        def read(reader: RelationalReader) -> list[dict[str, Any]]:
            history = tables.happening_tables.variable_history
            earlier = reader.select(history, [*names, "is_truncated"], equal)
            latest = reader.select(tables.variables, names, equal)
            return [{**row, "is_latest": False} for row in earlier] + [
                {**row, "is_latest": True, "is_truncated": 0} for row in latest
            ]

        rows = await self._stores.relational(tenant_id, read)
        rows.sort(key=lambda row: int(row["position"]))
        return [
            VariableValueAnswer(**{**row, "is_truncated": bool(row["is_truncated"])})
            for row in rows[-query.size :]
        ]

    async def error_codes(self, tenant_id: str) -> list[ErrorCodeAnswer]:
        """Return what error codes mean."""
        codes = await self._stores.relational(tenant_id, lambda reader: reader.error_codes())
        return [
            ErrorCodeAnswer(
                transaction_type=code.transaction_type,
                error_code=code.error_code,
                error_message=code.error_message,
                recoverable=code.recoverable,
            )
            for code in codes
        ]


def _newest(
    reader: RelationalReader,
    listing: ListedTable,
    names: list[str],
    chosen: dict[str, Any],
    what: str,
) -> dict[str, Any]:
    rows = reader.listing(listing, names, chosen, size=1).rows
    if not rows:
        raise NotFound(
            f"No {what}",
            where=str(next(iter(chosen.values()))),
            fix="Take it from the listing",
        )
    return rows[0]
