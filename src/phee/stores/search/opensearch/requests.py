"""Questions in the server's language.

Built as data, never as text: what people type ends up as a value and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from phee.errors import InvalidInput
from phee.stores.money import money_text
from phee.stores.search.checks import Term, check_query, terms_of
from phee.stores.search.cursors import place_of
from phee.stores.search.opensearch.document import fold_words
from phee.stores.search.opensearch.indices import RESULT_WINDOW_MAX
from phee.stores.search.query import SORT_FIELDS, TEXT_FIELDS, SearchQuery

_EXPANSIONS_MAX = 10_000
"""Of a begun word after others; beginnings of some length are indexed themselves."""
_NUMBERS = frozenset({"process_instance_key", "started_at", "completed_at"})
_NOTHING: dict[str, Any] = {"match_none": {}}
_LEAST: dict[str, tuple[str, object]] = {
    **{name: (name, "") for name in SORT_FIELDS},
    "started_at": ("moment", -1),
    "completed_at": ("completed_at", -1),
}
"""What documents are sorted by, and where those without it come: before all others."""


def search_body(query: SearchQuery) -> dict[str, Any]:
    """Return the request for one page, with one hit more to see whether there is another.

    Raises:
        InvalidInput: something in it does not exist here.
    """
    matching = condition(query)
    if query.offset + query.size >= RESULT_WINDOW_MAX:
        raise InvalidInput(
            f"pages by number end at {RESULT_WINDOW_MAX} hits",
            where="offset",
            fix="Follow nextCursor instead, or narrow the search",
        )
    order = "desc" if query.newest_first else "asc"
    field, least = _LEAST[query.sorted_by]
    body: dict[str, Any] = {
        "query": matching,
        "sort": [
            {field: {"order": order, "missing": least}},
            *({name: {"order": order}} for name in ("key", "id")),
        ],
        "size": query.size + 1,
        "from": query.offset,
        "track_total_hits": True,
        "_source": {"excludes": ["words", "amount_digits"]},
    }
    if query.cursor:
        body["search_after"] = list(_place(query))
    return body


def _place(query: SearchQuery) -> tuple[int | str, int, str]:
    if _LEAST[query.sorted_by][1] == -1:
        return place_of(query.cursor, tuple[int, int, str], order=query.order)
    return place_of(query.cursor, tuple[str, int, str], order=query.order)


def condition(query: SearchQuery) -> dict[str, Any]:
    """Return the condition that documents must meet.

    Raises:
        InvalidInput: something in it does not exist here.
    """
    check_query(query)
    filters: list[dict[str, Any]] = []
    if query.kinds:
        filters.append({"terms": {"kind": list(query.kinds)}})
    filters += [_equal(name, value) for name, value in query.filters.items()]
    for name, (lowest, highest) in query.ranges.items():
        bounds = {"gte": lowest, "lte": highest}
        filters.append(_between(name, {k: v for k, v in bounds.items() if v is not None}))
    fields = query.fields or TEXT_FIELDS
    filters += [_containing(term, query, fields) for term in terms_of(query.text)]
    return {"bool": {"filter": filters}}


def _equal(name: str, value: str | int | Decimal) -> dict[str, Any]:
    if name == "amount":
        return {"term": {name: money_text(Decimal(value))}}
    if name in _NUMBERS:
        number = _number(value)
        return _NOTHING if number is None else {"term": {name: number}}
    return {"term": {name: str(value)}}


def _between(name: str, bounds: dict[str, Any]) -> dict[str, Any]:
    if not bounds:
        return {"match_all": {}}
    if name == "amount":
        # Of fixed width, so the order of the texts is that of the numbers.
        return {"range": {name: {k: money_text(Decimal(v)) for k, v in bounds.items()}}}
    numbers = {k: _number(v) for k, v in bounds.items()}
    return _NOTHING if None in numbers.values() else {"range": {name: numbers}}


def _number(value: object) -> int | None:
    """Return a whole number, also one that was given as text; None for any other text."""
    try:
        number = int(str(value))
    except ValueError:
        return None
    return number if abs(number) < 1 << 63 else None


def _containing(term: Term, query: SearchQuery, fields: Sequence[str]) -> dict[str, Any]:
    token = query.tokens.get(term.text)
    masked = [name for name in fields if name in query.masked]
    found = [_in_words(term, [name for name in fields if name not in query.masked])]
    if token is not None:
        found += [{"term": {f"words.{name}": token}} for name in masked]
    return _any_of(found)


def _any_of(conditions: list[dict[str, Any]]) -> dict[str, Any]:
    if len(conditions) == 1:
        return conditions[0]
    return {"bool": {"should": conditions, "minimum_should_match": 1}}


def _in_words(term: Term, fields: Sequence[str]) -> dict[str, Any]:
    words = fold_words(term.text)
    if not words or not fields:
        return _NOTHING
    if term.is_prefix and " " not in words:
        # Elasticsearch 7 fails on fewer letters than are indexed unless it is told its own default.
        how = {"value": words, "rewrite": "constant_score"}
        begun = [{"prefix": {f"words.{name}": how}} for name in fields]
        return _any_of(begun)
    match: dict[str, Any] = {
        "query": words,
        "type": "phrase_prefix" if term.is_prefix else "phrase",
        "fields": [f"words.{name}" for name in fields],
    }
    if term.is_prefix:
        match["max_expansions"] = _EXPANSIONS_MAX
    return {"multi_match": match}
