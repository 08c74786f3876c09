"""A search store whose personal fields are masked, asked with clear values.

What is asked for in a masked field is turned into its token. A word of free text is looked for as
it is and as a token, so a whole identifier is found and a part of one is not; the beginning of one
cannot be looked for, since a token says nothing about it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from phee.errors import InvalidInput
from phee.projections.masking import Masker
from phee.stores.search.checks import check_query, terms_of
from phee.stores.search.query import (
    TEXT_FIELDS,
    Histogram,
    Hits,
    Percentiles,
    SearchQuery,
    SearchStore,
    Terms,
)


class MaskedSearch:
    """A :class:`phee.stores.search.query.SearchStore` over another one.

    ``masker`` is asked at every question, so that a key is used as soon as there is one.
    """

    def __init__(self, store: SearchStore, masker: Callable[[], Masker | None]) -> None:
        self._store = store
        self._masker = masker

    def search(self, query: SearchQuery) -> Hits:
        """See SearchStore."""
        return self._store.search(self._asked(query))

    def histogram(self, query: SearchQuery, *, interval_ms: int, by: str = "status") -> Histogram:
        """See SearchStore."""
        return self._store.histogram(self._asked(query), interval_ms=interval_ms, by=by)

    def top_terms(
        self, query: SearchQuery, *, field: str, size: int = 10, by: str | None = None
    ) -> Terms:
        """See SearchStore."""
        return self._store.top_terms(self._asked(query), field=field, size=size, by=by)

    def percentiles(
        self,
        query: SearchQuery,
        *,
        field: str,
        percents: Sequence[Decimal],
        by: str | None = None,
    ) -> Percentiles:
        """See SearchStore."""
        return self._store.percentiles(self._asked(query), field=field, percents=percents, by=by)

    async def wait_for_position(
        self, epoch: int, partition_id: int, position: int, *, timeout_s: float
    ) -> None:
        """See SearchStore."""
        await self._store.wait_for_position(epoch, partition_id, position, timeout_s=timeout_s)

    def close(self) -> None:
        """See SearchStore."""
        self._store.close()

    def _asked(self, query: SearchQuery) -> SearchQuery:
        masker = self._masker()
        return query if masker is None else masked_query(query, masker)


def masked_query(query: SearchQuery, masker: Masker) -> SearchQuery:
    """Return ``query`` as a masked store understands it.

    Raises:
        InvalidInput: it asks for the beginning of something that is masked.
    """
    check_query(query)
    filters = {
        name: masker.asked(str(value)) if masker.covers(name) else value
        for name, value in query.filters.items()
    }
    masked = frozenset(name for name in TEXT_FIELDS if masker.covers(name))
    terms = terms_of(query.text)
    if any(term.is_prefix for term in terms) and query.fields and masked.issuperset(query.fields):
        raise InvalidInput(
            f"the beginning of what is masked cannot be looked for: {', '.join(query.fields)}",
            where="text",
            fix="Write the whole value, without *",
        )
    tokens = {term.text: masker.asked(term.text) for term in terms if not term.is_prefix}
    return replace(query, filters=filters, tokens=tokens, masked=masked)
