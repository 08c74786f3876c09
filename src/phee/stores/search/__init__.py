"""The search store: one document per payment, per other process instance and per incident.

:mod:`phee.stores.search.query` is the language of questions and answers, the same for every
runtime; :mod:`phee.stores.search.fts5` answers them from SQLite.
"""

from phee.stores.search.query import (
    Amount,
    Bucket,
    Document,
    Histogram,
    Hits,
    Percentile,
    PercentileGroup,
    Percentiles,
    SearchQuery,
    SearchStore,
    Term,
    Terms,
    TimeBucket,
)

__all__ = [
    "Amount",
    "Bucket",
    "Document",
    "Histogram",
    "Hits",
    "Percentile",
    "PercentileGroup",
    "Percentiles",
    "SearchQuery",
    "SearchStore",
    "Term",
    "Terms",
    "TimeBucket",
]
