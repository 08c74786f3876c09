"""What a question to a search store may contain: checked here, the same for every runtime.

What people type never becomes part of a query's syntax: fields come from fixed lists, words are
taken apart into letters and digits, values are checked by type.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from phee.errors import InvalidInput
from phee.stores.search.query import (
    FILTER_FIELDS,
    GROUP_FIELDS,
    KINDS,
    PERCENTILE_FIELDS,
    RANGE_FIELDS,
    SORT_FIELDS,
    TEXT_FIELDS,
    SearchQuery,
)

SIZE_MAX = 1_000
BUCKETS_MAX = 10_000
TEXT_MAX = 1_000
WORDS_MAX = 64
TERMS_MAX = 100
PARTS_MAX = 20
"""Values listed inside of each value."""
PERCENTS_MAX = 20
GROUPS_MAX = 1_000
PERCENT_DIGITS = 3
"""Of a percent after the point."""
_INTEGER_MAX = (1 << 63) - 1
_TERM = re.compile(r'"([^"]*)"|(\S+)')
_WORD = re.compile(r"[^\W_]+")


class Term(NamedTuple):
    """Something that must occur: words in this order, the last one perhaps only begun."""

    text: str
    is_prefix: bool


def check_query(query: SearchQuery) -> None:
    """Refuse what no runtime answers.

    Raises:
        InvalidInput: a field, kind, size or value that does not exist here.
    """
    if not 1 <= query.size <= SIZE_MAX or query.offset < 0:
        raise InvalidInput(f"size must be between 1 and {SIZE_MAX}, offset not negative")
    unknown_kinds = set(query.kinds) - set(KINDS)
    if unknown_kinds:
        raise InvalidInput(f"kinds are not known: {sorted(unknown_kinds)}", fix=f"Use {KINDS}")
    _known(query.sorted_by, SORT_FIELDS)
    for name in query.fields:
        _known(name, TEXT_FIELDS)
    for name, value in query.filters.items():
        _check_value(_known(name, FILTER_FIELDS), value)
    for name, bounds in query.ranges.items():
        for bound in bounds:
            if bound is not None:
                _check_value(_known(name, RANGE_FIELDS), bound)


def check_histogram(interval_ms: int, by: str) -> None:
    """Refuse a histogram without width, or by what cannot be counted."""
    if interval_ms < 1:
        raise InvalidInput("the interval must be at least 1 ms", where="interval")
    _known(by, GROUP_FIELDS)


def check_terms(field: str, size: int, by: str | None) -> None:
    """Refuse what cannot be counted, or too much of it."""
    _known(field, GROUP_FIELDS)
    if by is not None:
        _known(by, GROUP_FIELDS)
    if not 1 <= size <= TERMS_MAX:
        raise InvalidInput(f"size must be between 1 and {TERMS_MAX}", where="size")


def check_percentiles(field: str, percents: Sequence[Decimal], by: str | None) -> None:
    """Refuse what has no percentiles, and percents that are none."""
    _known(field, PERCENTILE_FIELDS)
    if by is not None:
        _known(by, GROUP_FIELDS)
    if not 1 <= len(percents) <= PERCENTS_MAX:
        raise InvalidInput(f"ask for 1 to {PERCENTS_MAX} percents", where="percents")
    for percent in percents:
        if not 0 < percent <= 100 or percent != round(percent, PERCENT_DIGITS):
            raise InvalidInput(
                f"a percent is above 0, at most 100, with up to {PERCENT_DIGITS} digits after the"
                " point",
                where="percents",
                fix="Ask for such as 50, 95 and 99.9",
            )


def too_many_groups() -> InvalidInput:
    """Return the error of percentiles by something that has too many values."""
    return InvalidInput(
        f"there are more than {GROUPS_MAX} groups",
        where="by",
        fix="Narrow the search, or group by a field with fewer values",
    )


def too_many_buckets() -> InvalidInput:
    """Return the error of a histogram that is too fine."""
    return InvalidInput(
        f"the histogram has more than {BUCKETS_MAX} buckets",
        where="interval",
        fix="Use a longer interval, or bound started_at",
    )


def terms_of(text: str) -> list[Term]:
    """Take typed words apart: ``"two words"`` is a phrase, ``word*`` a beginning.

    Raises:
        InvalidInput: there is something, but no letter or digit in it; or it is too long.
    """
    if len(text) > TEXT_MAX:
        raise InvalidInput(f"the text is longer than {TEXT_MAX} characters", where="text")
    terms = []
    for phrase, word in _TERM.findall(text.replace("\0", " ")):
        plain = (phrase or word.rstrip("*")).replace('"', " ").strip()
        if any(character.isalnum() for character in plain):
            terms.append(Term(plain, word.endswith("*")))
    if text.strip() and not terms:
        raise InvalidInput(
            "the text has no letter or digit to look for",
            where="text",
            fix="Name a word or a number that must occur",
        )
    if sum(len(_WORD.findall(term.text)) for term in terms) > WORDS_MAX:
        raise InvalidInput(f"the text has more than {WORDS_MAX} words", where="text")
    return terms


def _known(name: str, allowed: Sequence[str]) -> str:
    if name not in allowed:
        raise InvalidInput(f"there is no field {name[:64]!r} here", fix=f"Use one of {allowed}")
    return name


def _check_value(name: str, value: object) -> None:
    if isinstance(value, int) and abs(value) > _INTEGER_MAX:
        raise InvalidInput("a number is too large", where=name)
    if name == "amount":
        if isinstance(value, bool) or not isinstance(value, Decimal | int):
            raise InvalidInput("an amount must be an exact number", where=name)
    elif isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidInput("a filter value must be a text or a whole number", where=name)
