"""Erasing a party: its identifier becomes a token wherever it stands, in records and in texts.

An erasure knows its party by a keyed digest alone, so a list of them names nobody. What is erased
follows from the content and the moment of a record and from nothing else: whoever reads the stream
again, in whatever order and however often, gets the same. Invariants:

- a record of a moment before that of the erasure loses the party, a later one does not;
- the identifier goes where it is a value under a personal name (:mod:`phee.projections.masking`),
  and, unless it is very short, wherever it stands in a text as a word of its own; then the other
  personal values of the same object go, too, but not those of the other side of a payment;
- amounts are never touched, and erasing what was erased changes nothing;
- erasing several parties one after the other, or all at once, leaves the same: where one hides
  another, the one who was erased first decides.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from phee.errors import InvalidInput
from phee.projections.masking import PersonalData, is_erased, plain_name
from phee.records import Record, ValueType
from phee.records.values import RecordValue

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


class Found(NamedTuple):
    """Who was found, in the order of the moments of their erasures."""

    before_ms: int
    token: str


class Eraser:
    """Applies the erasures of one tenant. Pure.

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
        self.rules = rules
        self.is_masked = is_masked
        self.words = [_words(n) for n in sorted(self._lengths) if n >= WORD_MIN]
        self.before_ms = max((each.before_ms for each in erasures), default=0)

    def record(self, record: Record) -> Record:
        """Return what is left of a record; itself when it names nobody who was erased by then."""
        if record.timestamp >= self.before_ms:
            return record
        value, erasing = record.value, _Erasing(self, record.timestamp)
        changed = erasing.fields(value)
        if record.value_type == ValueType.VARIABLE:
            name, text = value.name, value.value  # type: ignore[attr-defined] # a VariableValue
            if (erased := erasing.json(name, text)) != text:
                changed["value"] = erased
        if not changed:
            return record
        return msgspec.structs.replace(record, value=msgspec.structs.replace(value, **changed))

    def text(self, name: str, text: str) -> str:
        """Return what is left of a text under ``name``, whatever moment it is of."""
        return _Erasing(self, -1).string(name, text)

    def variable(self, name: str, text: str) -> str:
        """Return what is left of a variable's value, given as JSON text."""
        return _Erasing(self, -1).json(name, text)

    def value(self, name: str, value: Any) -> Any:
        """Return what is left of a value (anything JSON can say) under ``name``."""
        return _Erasing(self, -1).value(name, value)

    def find(self, text: str, at_ms: int) -> Found | None:
        """Return who ``text`` is, if that is one who was erased after this moment."""
        if len(text) not in self._lengths:
            return None
        erasures = self._known.get(_digest(self._key, text), ())
        return next((Found(e.before_ms, e.token) for e in erasures if at_ms < e.before_ms), None)


class _Erasing:
    """Erases what is of one moment."""

    __slots__ = ("_at_ms", "_eraser", "_rules")

    def __init__(self, eraser: Eraser, at_ms: int) -> None:
        self._eraser = eraser
        self._rules = eraser.rules
        self._at_ms = at_ms

    def fields(self, value: RecordValue) -> dict[str, Any]:
        """Return the fields of a record's value that change."""
        changed = {}
        for name in _CONTENT.intersection(value.__struct_fields__):
            before = getattr(value, name)
            if before and (after := self.value("", before)) != before:
                changed[name] = after
        return changed

    def json(self, name: str, text: str) -> str:
        """Erase in JSON text; as much of its form as possible stays."""
        try:
            value = _DECODER.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return self._in_words(text)
        erased = self.value(name, value)
        if erased == value:
            return text
        words = self._in_words(text)
        try:
            if _DECODER.decode(words) == erased:
                return words
        except msgspec.DecodeError:
            pass  # a number became a word
        return _ENCODER.encode(erased).decode()

    def value(self, name: str, value: Any) -> Any:
        """Erase in anything that JSON can say."""
        if isinstance(value, str):
            return self.string(name, value)
        if isinstance(value, dict):
            return self._object(value)
        if isinstance(value, list):
            return [self.value(name, item) for item in value]
        if isinstance(value, int) and not isinstance(value, bool) and not _is_money(name):
            text = str(value)
            if self._rules.covers(name) or len(text) >= WORD_MIN:
                found = self._eraser.find(text, self._at_ms)
                return found.token if found else value
        return value

    def string(self, name: str, text: str) -> str:
        """Erase in a string, which may hold JSON."""
        if text.startswith(("{", "[")):
            return self.json(name, text)
        if self._rules.covers(name):
            found = self._whole(text)
            if found is not None or self._eraser.is_masked:
                return found.token if found else text
        return text if _is_money(name) else self._in_words(text)

    def _object(self, value: dict[str, Any]) -> dict[str, Any]:
        if value.keys() == {"key", "value"} and isinstance(value["key"], str):
            return {"key": value["key"], "value": self.value(value["key"], value["value"])}
        sides = self._sides(value)
        erased = {}
        for name, item in value.items():
            owner = sides.get(_side(name)) if self._rules.covers(name) else None
            erased[self._in_words(name)] = (
                self._hidden(item, owner) if owner else self.value(name, item)
            )
        return erased

    def _sides(self, value: dict[str, Any]) -> dict[str, Found]:
        """Return which sides of a payment ("": no certain one) an object says are who."""
        sides: dict[str, Found] = {}
        for name, item in value.items():
            found, side = None, ""
            if self._rules.covers(name):
                found, side = self._whole(item), _side(name)
            elif isinstance(item, dict) and plain_name(name) == "partyidinfo":
                found = self._sides(item).get("")
            if found is not None:
                sides[side] = min(found, sides.get(side, found))
        return sides

    def _hidden(self, value: Any, owner: Found) -> Any:
        """Put the owner's token in place of everything that a personal value says."""
        if value is None or value == "" or isinstance(value, bool) or is_erased(value):
            return value
        if isinstance(value, dict):
            return {name: self._hidden(item, owner) for name, item in value.items()}
        if isinstance(value, list):
            return [self._hidden(item, owner) for item in value]
        return min(owner, self._whole(value) or owner).token

    def _whole(self, value: Any) -> Found | None:
        if isinstance(value, bool) or not isinstance(value, str | int):
            return None
        return self._eraser.find(str(value).removeprefix("+"), self._at_ms)

    def _in_words(self, text: str) -> str:
        places = []
        for pattern in self._eraser.words:
            for word in pattern.finditer(text):
                found = self._eraser.find(word[1], self._at_ms)
                if found is not None:
                    places.append((found, *word.span(1)))
        taken: list[tuple[int, int, str]] = []
        for found, start, end in sorted(places):
            if all(end <= first or last <= start for first, last, _ in taken):
                begin = start - 1 if text[start - 1 : start] == "+" else start
                taken.append((begin, end, found.token))
        for start, end, token in sorted(taken, reverse=True):
            text = text[:start] + token + text[end:]
        return text


def _words(length: int) -> re.Pattern[str]:
    """Find every place where a word of this length may stand; places may overlap."""
    inside = rf"[A-Za-z0-9][A-Za-z0-9._%+@-]{{{length - 2}}}[A-Za-z0-9]"
    # In JSON text a line break ends with a letter that belongs to no word.
    return re.compile(rf"(?:(?<![^\W_])|(?<=\\[nrtbf]))(?=({inside})(?![^\W_]))")


def _digest(key: bytes, text: str) -> str:
    data = text.lower().encode("utf-8", "surrogatepass")
    return hmac.digest(key, data, hashlib.sha256)[:_DIGEST_BYTES].hex()


def _side(name: str) -> str:
    plain = plain_name(name)
    return next((side for side in _SIDES if plain.startswith(side)), "")


def _is_money(name: str) -> bool:
    return plain_name(name).endswith("amount")
