"""Looking for words in SQLite at a bounded cost.

The full-text index is fast when a word is rare, and slow when every word is in millions of
documents: it finds them all before the newest can be shown. So it is asked first whether one of the
words is rare. If so, it answers; if not, most documents have them all, and it is faster to walk the
documents in the wanted order and to look at each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, text

from phee.stores.search.checks import Term
from phee.stores.search.opensearch.document import fold_words
from phee.stores.search.query import TEXT_FIELDS, SearchQuery

RARE_MAX = 3_000
"""Documents with a word that is rare."""
BEGUN_MAX = 64
"""Words with one beginning that are looked up one by one."""
_HOW_MANY = text(
    "SELECT count(*) FROM (SELECT rowid FROM documents_text WHERE documents_text MATCH :match"
    " LIMIT :most)"
)
_BEGUN = text(
    "SELECT count(*), count(DISTINCT term) FROM (SELECT term FROM documents_words"
    " WHERE term >= :first AND term < :beyond LIMIT :most)"
)
_MATCHING = "documents.id IN (SELECT rowid FROM documents_text WHERE documents_text MATCH :match)"


def is_rare(connection: Connection, query: SearchQuery, terms: Sequence[Term]) -> bool:
    """Return whether so few documents have one of the words that the index finds them at once.

    The words of a phrase are asked for one by one: a phrase is as rare as its rarest word. Begun
    words cost what all words with this beginning cost, so each must be rare by itself.
    """
    begun = [term for term in terms if term.is_prefix]
    if any(not _is_begun_rarely(connection, term) for term in begun):
        return False
    return bool(begun) or any(_is_rare(connection, query, term) for term in terms)


def match_condition(query: SearchQuery, terms: Sequence[Term]) -> ColumnElement[bool]:
    """Return the condition that the full-text index answers; what was typed is never syntax."""
    match = " AND ".join(_containing(term, query) for term in terms)
    return text(_MATCHING).bindparams(bindparam("match", match))  # type: ignore[return-value]


def matcher(query: SearchQuery, terms: Sequence[Term]) -> Callable[[Sequence[Any]], bool]:
    """Return a function that says of a document what the full-text index would say.

    It is asked with the values of :func:`looked_in`.
    """
    clear, _ = _places(query)
    sought = [
        (
            f" {fold_words(term.text)}" + ("" if term.is_prefix else " "),
            f" {fold_words(token)} " if (token := query.tokens.get(term.text)) else None,
        )
        for term in terms
    ]
    first_words = [
        ["".join(words.split()[:1]) for words in either if words is not None] for either in sought
    ]

    def may_match(values: Sequence[Any]) -> bool:
        """Without diacritics a folded word is a part of the text: most others end here."""
        joined = "\n".join(filter(None, values)).lower()
        return not joined.isascii() or all(
            any(word in joined for word in words) for words in first_words
        )

    def matches(values: Sequence[Any]) -> bool:
        if not may_match(values):
            return False
        folded = [f" {fold_words(value)} " if value else "" for value in values]
        plain, tokens = folded[: len(clear)], folded[len(clear) :]
        return all(
            any(words in value for value in plain)
            or (token is not None and any(token in value for value in tokens))
            for words, token in sought
        )

    return matches


def looked_in(query: SearchQuery) -> list[str]:
    """Return the fields that a search looks for words in, in a fixed order."""
    clear, masked = _places(query)
    return clear + masked


def _places(query: SearchQuery) -> tuple[list[str], list[str]]:
    """Return the fields to look in: those with words, and those with tokens instead."""
    fields = query.fields or TEXT_FIELDS
    clear = [name for name in fields if name not in query.masked]
    return clear, [name for name in fields if name in query.masked]


def _containing(term: Term, query: SearchQuery) -> str:
    clear, masked = _places(query)
    token = query.tokens.get(term.text)
    found = [f'{{{" ".join(clear)}}} : "{term.text}"' + ("*" if term.is_prefix else "")]
    if masked and token is not None:
        found.append(f'{{{" ".join(masked)}}} : "{token}"')
    return f"({' OR '.join(found if clear else found[1:])})"


def _is_rare(connection: Connection, query: SearchQuery, term: Term) -> bool:
    """Return whether few documents have it, by its words or by its token."""
    if not any(_is_rare_word(connection, word) for word in _whole_words(term)):
        return False
    token = query.tokens.get(term.text)
    return token is None or _is_rare_word(connection, token)


def _whole_words(term: Term) -> list[str]:
    words = fold_words(term.text).split()
    return words[:-1] if term.is_prefix else words


def _is_rare_word(connection: Connection, word: str) -> bool:
    values = {"match": f'"{word}"', "most": RARE_MAX + 1}
    return int(connection.execute(_HOW_MANY, values).scalar_one()) <= RARE_MAX


def _is_begun_rarely(connection: Connection, term: Term) -> bool:
    beginning = fold_words(term.text).split()[-1]
    values = {"first": beginning, "beyond": beginning + "\U0010ffff", "most": RARE_MAX + 1}
    occurrences, words = connection.execute(_BEGUN, values).one()
    return int(occurrences) <= RARE_MAX and int(words) <= BEGUN_MAX
