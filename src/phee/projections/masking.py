"""Masking: personal data as tokens, by rule; equal values stay equal, and nothing else shows.

A rule is a name. A value under that name (a field of a document, a column, a variable, a key
anywhere inside a variable's JSON) is replaced by a token: HMAC-SHA256 of the value under the
tenant's own key, cut to 128 bits. The same value has the same token everywhere in a tenant and
another one in any other tenant; without the key nobody can try values out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Mapping
from importlib import resources
from typing import Any, Literal, TypeVar

import msgspec

from phee.errors import InvalidInput

KEY_BYTES = 32
_PREFIX = "tok"
_TOKEN_BYTES = 16
_TOKEN = re.compile(rf"{_PREFIX}[a-z2-7]{{26}}")
_ERASED_PREFIX = "erased"
ERASED_BYTES = 10
_ERASED = re.compile(rf"{_ERASED_PREFIX}[a-z2-7]{{16}}")
_MENTIONED = re.compile(rf"{_ERASED_PREFIX}(?:[a-z2-7]{{16}}|[a-z2-7]*\Z)")
_PLAIN = str.maketrans("", "", "_- ")
T = TypeVar("T", bound=msgspec.Struct)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    version: Literal[1]
    names: list[str]


class PersonalData:
    """Which names stand for personal data; case, ``_`` and ``-`` do not matter."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(plain_name(name) for name in names)
        self._known: dict[str, bool] = {}
        self._of_structs: dict[type[msgspec.Struct], tuple[str, ...]] = {}

    def covers(self, name: str) -> bool:
        """Return whether what bears this name is personal."""
        known = self._known.get(name)
        if known is None:
            known = plain_name(name) in self._names
            if len(self._known) < 10_000:  # names come from outside, too
                self._known[name] = known
        return known

    def of_struct(self, kind: type[msgspec.Struct]) -> tuple[str, ...]:
        """Return the fields of a struct that are personal."""
        names = self._of_structs.get(kind)
        if names is None:
            names = tuple(name for name in kind.__struct_fields__ if self.covers(name))
            self._of_structs[kind] = names
        return names


def load_personal_data(content: bytes) -> PersonalData:
    """Read a rule file: ``{"version": 1, "names": [...]}``.

    Raises:
        InvalidInput: it has another form.
    """
    try:
        return PersonalData(msgspec.json.decode(content, type=_File).names)
    except msgspec.MsgspecError as error:
        raise InvalidInput(
            f"the file with the rules of masking is wrong: {error}",
            where="PHEE_MASKING_RULES",
            fix='Write {"version": 1, "names": ["accountId", ...]}',
        ) from error


def default_personal_data() -> PersonalData:
    """Return the rules that ship."""
    file = resources.files("phee.projections") / "personal_data.json"
    return load_personal_data(file.read_bytes())


def is_token(value: object) -> bool:
    """Return whether this is what stands in place of a masked value."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def erased_token(number: bytes) -> str:
    """Return what stands in place of an erased party, for a number of ERASED_BYTES: one word."""
    assert len(number) == ERASED_BYTES
    return _ERASED_PREFIX + base64.b32encode(number).decode().lower()


def is_erased(value: object) -> bool:
    """Return whether this is what stands in place of an erased party; it is not masked again."""
    return isinstance(value, str) and _ERASED.fullmatch(value) is not None


def mentions_erased(text: str) -> bool:
    """Return whether such a token, or the beginning of one that was cut, is in a text."""
    return _MENTIONED.search(text) is not None


class Masker:
    """Masks the data of one tenant. Pure: the same value always becomes the same token."""

    def __init__(self, key: bytes, rules: PersonalData) -> None:
        if len(key) != KEY_BYTES:
            raise InvalidInput(f"a masking key has {KEY_BYTES} bytes", where="masking key")
        self._key = key
        self._rules = rules

    def token(self, value: str) -> str:
        """Return the token of a value: one word of letters and digits."""
        data = value.encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._key, data, hashlib.sha256)[:_TOKEN_BYTES]
        return _PREFIX + base64.b32encode(digest).decode().rstrip("=").lower()

    def covers(self, name: str) -> bool:
        """Return whether what bears this name is masked."""
        return self._rules.covers(name)

    def asked(self, value: str) -> str:
        """Return what to look for in a masked field; a token that was shown stands for itself."""
        return value if is_token(value) or is_erased(value) else self.token(value)

    def value(self, name: str, value: Any) -> Any:
        """Return ``value`` (anything JSON can say) as it may be shown under ``name``."""
        if self.covers(name):
            return hidden(value, self.token)
        if isinstance(value, dict):
            return self._object(value)
        if isinstance(value, list):
            return [self.value("", item) for item in value]
        if isinstance(value, str) and value.startswith(("{", "[")):
            return self._inside(value)
        return value

    def json_text(self, name: str, text: str) -> str:
        """Return a variable's value, given as JSON text, as it may be shown."""
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return self.token(text) if text else text  # what cannot be read cannot be judged
        return msgspec.json.encode(self.value(name, value)).decode()

    def row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row or a log entry with its personal columns masked."""
        return {name: self.value(name, value) for name, value in row.items()}

    def struct(self, found: T) -> T:
        """Return ``found`` with its personal fields masked; itself when it has none."""
        masked = {
            name: hidden(value, self.token)
            for name in self._rules.of_struct(type(found))
            if (value := getattr(found, name)) is not None
        }
        return msgspec.structs.replace(found, **masked) if masked else found

    def _object(self, value: dict[str, Any]) -> dict[str, Any]:
        if is_entry(value):
            return {"key": value["key"], "value": self.value(value["key"], value["value"])}
        return {name: self.value(name, item) for name, item in value.items()}

    def _inside(self, text: str) -> str:
        """Mask what a text holds that is itself JSON, as upstream's channelRequest is."""
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return text
        masked = self.value("", value)
        return text if masked == value else msgspec.json.encode(masked).decode()


def hidden(value: Any, token: Callable[[str], str]) -> Any:
    """Return a personal value (anything JSON can say) with a token for each thing it says."""
    if value is None or value == "" or isinstance(value, bool) or is_erased(value):
        return value
    if isinstance(value, dict):
        return {name: hidden(item, token) for name, item in value.items()}
    if isinstance(value, list):
        return [hidden(item, token) for item in value]
    return token(str(value))


def is_entry(value: dict[str, Any]) -> bool:
    """Return whether an object says its own name, as the entries of an extension list do."""
    return value.keys() == {"key", "value"} and isinstance(value["key"], str)


def plain_name(name: str) -> str:
    """Return a name as rules compare it."""
    return name.translate(_PLAIN).lower()
