"""Erasing a party: its identifier becomes a token wherever it stands, in records and in texts.

An erasure knows its party by a keyed digest alone, so a list of them names nobody. What is erased
follows from the content and the moment of a record and from nothing else: whoever reads the stream
again, in whatever order and however often, gets the same. Invariants:

- a record of a moment before that of the erasure loses the party, a later one does not;
- the identifier goes where it is a value under a personal name (:mod:`phee.projections.masking`),
  and, unless it is very short, wherever it stands in a text as a word of its own; then the other
  personal values of the same object go, too, but not those of the other side of a payment;
- amounts are never touched, and erasing what was erased changes nothing;
- parties are erased in the order of the moments of their erasures, as they were in what was stored.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
from collections.abc import Collection, Iterator
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from phee.errors import InvalidInput
from phee.projections.masking import PersonalData, hidden, is_entry, plain_name
from phee.records import Record, ValueType
from phee.records.values import RecordValue, VariableValue

WORD_MIN = 6
"""A shorter identifier is no word to look for in texts: it would be found in other things."""
LENGTH_MAX = 128
ALWAYS = 1 << 62
"""The moment of an erasure that holds for every record."""
_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9._%+@-]*[A-Za-z0-9])?"
_IDENTIFIER = re.compile(_WORD)
_DIGEST_BYTES = 16
_SIDES = ("payer", "payee", "initiator", "beneficiary")
_CONTENT = frozenset(
    (
        "correlation_key", "message_id", "variables", "custom_headers", "error_code",
        "error_message", "decision_output", "evaluated_decisions", "evaluation_failure_message",
        "exception_message", "stacktrace", "fields",
    )
)  # fmt: skip
"""Fields of record values that hold what people and systems send; all others are the engine's."""
_JSON_STARTS = tuple('{["-0123456789')
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """That a party was erased: how it is recognised, what stands in its place, and up to when.

    Attributes:
        digest: keyed, of the identifier in lower case.
        length: of the identifier, in characters.
        token: what the identifier becomes; random, so it says nothing.
        before_ms: records before this moment (ms since 1970 UTC) lose the party.
    """

    digest: str
    length: int
    token: str
    before_ms: int


def read_identifier(text: str) -> str:
    """Return an identifier as it is looked for: without the plus sign of a phone number.

    Raises:
        InvalidInput: it has another form; the message does not quote it.
    """
    identifier = text.strip().removeprefix("+")
    if len(identifier) > LENGTH_MAX or not _IDENTIFIER.fullmatch(identifier):
        raise InvalidInput(
            "this cannot be the identifier of a party",
            where="party",
            fix=f"Give up to {LENGTH_MAX} letters, digits and . _ % + @ -, without spaces",
        )
    return identifier


def erasure_of(key: bytes, text: str, token: str, before_ms: int = ALWAYS) -> Erasure:
    """Return the erasure of ``text``."""
    return Erasure(digest=_digest(key, text), length=len(text), token=token, before_ms=before_ms)


class Eraser:
    """Applies the erasures of one tenant, each one that is named, in the order of their moments.

    ``is_masked`` says that personal values are masked afterwards: then texts under personal names
    that only mention the party are left to that.
    """

    def __init__(
        self,
        key: bytes,
        erasures: Collection[Erasure],
        rules: PersonalData,
        *,
        is_masked: bool = False,
    ) -> None:
        self._key = key
        self._known: dict[str, list[Erasure]] = {}
        for each in sorted(erasures, key=lambda one: one.before_ms):
            self._known.setdefault(each.digest, []).append(each)
        self._lengths = frozenset(each.length for each in erasures)
        self._words = [_words(n) for n in sorted(self._lengths) if n >= WORD_MIN]
        self.rules = rules
        self.is_masked = is_masked
        self.before_ms = max((each.before_ms for each in erasures), default=0)

    def record(self, record: Record) -> Record:
        """Return what is left of a record; itself when it names nobody who was erased by then."""
        if record.timestamp >= self.before_ms:
            return record
        value = record.value
        content = [getattr(value, name) for name in _content_of(record)]
        for erasure in self._named(content, record.timestamp):
            one = _One(self, erasure)
            changed = {name: one.field(value, name) for name in _content_of(record)}
            value = msgspec.structs.replace(value, **changed)
        return record if value is record.value else msgspec.structs.replace(record, value=value)

    def text(self, name: str, text: str) -> str:
        """Return what is left of a text under ``name``, whatever moment it is of."""
        for erasure in self._named(text, -1):
            text = _One(self, erasure).string(name, text)
        return text

    def variable(self, name: str, text: str) -> str:
        """Return what is left of a variable's value, given as JSON text."""
        for erasure in self._named(text, -1):
            text = _One(self, erasure).json(name, text)
        return text

    def value(self, value: Any) -> Any:
        """Return what is left of anything that JSON can say."""
        for erasure in self._named(value, -1):
            value = _One(self, erasure).value("", value)
        return value

    def is_party(self, text: str, erasure: Erasure) -> bool:
        """Return whether ``text`` is the identifier of one who was erased."""
        return len(text) == erasure.length and _digest(self._key, text) == erasure.digest

    def _named(self, value: Any, at_ms: int) -> list[Erasure]:
        """Return who is named in a value, of those erased after this moment."""
        named: dict[str, Erasure] = {}
        with contextlib.suppress(RecursionError):  # of deeper nesting words alone are looked at
            for text in self._candidates(value):
                if len(text) in self._lengths:
                    erasures = self._known.get(_digest(self._key, text), ())
                    found = next((each for each in erasures if at_ms < each.before_ms), None)
                    if found is not None:
                        named[found.digest] = found
        return sorted(named.values(), key=lambda one: one.before_ms)

    def _candidates(self, value: Any) -> Iterator[str]:
        """Yield every text in a value that may be an identifier."""
        if isinstance(value, str):
            yield value.removeprefix("+")
            for pattern in self._words:
                for word in pattern.finditer(value):
                    yield word[1]
            if value.startswith(_JSON_STARTS):
                yield from self._candidates(_decoded(value))
        elif isinstance(value, dict):
            for name, item in value.items():
                yield from self._candidates(name)
                yield from self._candidates(item)
        elif isinstance(value, list):
            for item in value:
                yield from self._candidates(item)
        elif isinstance(value, int):
            yield str(value)


class _One:
    """Erases one party."""

    __slots__ = ("_eraser", "_erasure", "_rules", "_token")

    def __init__(self, eraser: Eraser, erasure: Erasure) -> None:
        self._eraser = eraser
        self._rules = eraser.rules
        self._erasure = erasure
        self._token = erasure.token

    def field(self, value: RecordValue, name: str) -> Any:
        """Return what is left of a field of a record's value."""
        before = getattr(value, name)
        if isinstance(value, VariableValue):
            return self.json(value.name, before)
        try:
            return self.value("", before)
        except RecursionError:  # what nobody can read is not kept
            return type(before)()

    def json(self, name: str, text: str) -> str:
        """Erase in JSON text; as much of its form as possible stays."""
        value = _decoded(text)
        try:
            erased = self.value(name, value)
        except RecursionError:
            value = None
        if value is None:
            return self._in_words(text)
        if erased == value:
            return text
        words = self._in_words(text)
        return words if _decoded(words) == erased else _ENCODER.encode(erased).decode()

    def value(self, name: str, value: Any) -> Any:
        """Erase in anything that JSON can say."""
        if isinstance(value, str):
            return self.string(name, value)
        if isinstance(value, dict):
            return self._object(value)
        if isinstance(value, list):
            return [self.value(name, item) for item in value]
        if isinstance(value, int) and not isinstance(value, bool) and not _is_money(name):
            is_looked_for = self._rules.covers(name) or self._erasure.length >= WORD_MIN
            return self._token if is_looked_for and self._is_party(value) else value
        return value

    def string(self, name: str, text: str) -> str:
        """Erase in a string, which may hold JSON."""
        if text.startswith(("{", "[")):
            return self.json(name, text)
        if self._rules.covers(name):
            if self._is_party(text):
                return self._token
            if self._eraser.is_masked:
                return text
        return text if _is_money(name) else self._in_words(text)

    def _object(self, value: dict[str, Any]) -> dict[str, Any]:
        if is_entry(value):
            return {"key": value["key"], "value": self.value(value["key"], value["value"])}
        sides = self._sides(value)
        erased = {}
        for name, item in value.items():
            is_theirs = self._rules.covers(name) and _side(name) in sides
            erased[self._in_words(name)] = (
                hidden(item, lambda _: self._token) if is_theirs else self.value(name, item)
            )
        return erased

    def _sides(self, value: dict[str, Any]) -> set[str]:
        """Return which sides of a payment ("": no certain one) an object says are the party."""
        sides = set()
        for name, item in value.items():
            if self._rules.covers(name):
                if self._is_party(item):
                    sides.add(_side(name))
            elif isinstance(item, dict) and plain_name(name) == "partyidinfo":
                sides |= self._sides(item) & {""}
        return sides

    def _is_party(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, str | int):
            return False
        return self._eraser.is_party(str(value).removeprefix("+"), self._erasure)

    def _in_words(self, text: str) -> str:
        if self._erasure.length < WORD_MIN:
            return text
        parts: list[str] = []
        end = 0
        for word in _words(self._erasure.length).finditer(text):
            start = word.start()
            if start >= end and self._eraser.is_party(word[1], self._erasure):
                plus = start > end and text[start - 1] == "+"
                parts += [text[end : start - plus], self._token]
                end = word.end(1)
        return "".join(parts) + text[end:]


@cache
def _words(length: int) -> re.Pattern[str]:
    """Find every place where a word of this length may stand; places may overlap."""
    inside = rf"[A-Za-z0-9][A-Za-z0-9._%+@-]{{{length - 2}}}[A-Za-z0-9]"
    # In JSON text a line break ends with a letter that belongs to no word.
    return re.compile(rf"(?:(?<![^\W_])|(?<=\\[nrtbf]))(?=({inside})(?![^\W_]))")


def _decoded(text: str) -> Any:
    """Return what JSON text says; None when it is none."""
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def _content_of(record: Record) -> list[str]:
    """Return the fields of a record's value that hold what people and systems send."""
    if record.value_type == ValueType.VARIABLE:
        return ["value"]
    return [name for name in record.value.__struct_fields__ if name in _CONTENT]


def _digest(key: bytes, text: str) -> str:
    data = text.lower().encode("utf-8", "surrogatepass")
    return hmac.digest(key, data, hashlib.sha256)[:_DIGEST_BYTES].hex()


def _side(name: str) -> str:
    plain = plain_name(name)
    return next((side for side in _SIDES if plain.startswith(side)), "")


def _is_money(name: str) -> bool:
    return plain_name(name).endswith("amount")
