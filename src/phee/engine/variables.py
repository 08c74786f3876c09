"""Variables: JSON values by name, in the scope of an element instance.

Invariants: a value in here is never shared with a caller (documents are copied on the way in and
out), so nothing outside can change the state. Equality is that of the JSON text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

import msgspec

from phee.engine import codes
from phee.engine.rows import variable_key
from phee.errors import InputTooLarge, InvalidInput
from phee.records.values import VariableValue

if TYPE_CHECKING:
    from phee.engine.core import Core
    from phee.engine.instances import ElementInstance

INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1

JAVA_PLAIN_MIN, JAVA_PLAIN_MAX = 1e-3, 1e7
"""Between these Java writes a double without an exponent."""

DOCUMENT_BYTES_MAX = 4 * 1024 * 1024
"""Zeebe's limit of a message, and so of all variables in one command."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode
_to_text = msgspec.json.Encoder().encode
_from_text = msgspec.json.Decoder().decode


def json_text(value: Any) -> str:
    """Return the JSON text of ``value``; a float by itself is spelled as Java does (1.0E20)."""
    if type(value) is not float:
        return _to_text(value).decode()
    if value == 0 or JAVA_PLAIN_MIN <= abs(value) < JAVA_PLAIN_MAX or not isfinite(value):
        return _to_text(value).decode()
    digits, _, exponent = f"{value!r}e".partition("e")
    if not exponent:
        digits, _, exponent = f"{value:.17e}".partition("e")
        digits = _shortest(value, int(exponent))
    whole, _, fraction = digits.partition(".")
    return f"{whole}.{fraction or '0'}E{int(exponent.rstrip('e'))}"


def _shortest(value: float, exponent: int) -> str:
    """Return the fewest digits that give ``value`` back with that exponent."""
    for precision in range(17):
        digits, _, found = f"{value:.{precision}e}".partition("e")
        if float(f"{digits}e{found}") == value and int(found) == exponent:
            return digits
    return f"{value:.17e}".partition("e")[0]


def storable(value: Any) -> Any:
    """Return a computed JSON value as a variable can hold it: integers beyond 64 bits as float."""
    kind = type(value)
    if kind is int:
        return value if INTEGER_MIN <= value <= INTEGER_MAX else _as_float(value)
    if kind is list:
        return [storable(item) for item in value]
    if kind is dict:
        return {name: storable(item) for name, item in value.items()}
    return value


def _as_float(value: int) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


class Document:
    """Variables on their way: ``values`` as Python objects, ``raw`` as MessagePack for records."""

    __slots__ = ("raw", "values")

    def __init__(self, values: dict[str, Any], raw: Any) -> None:
        self.values = values
        self.raw = raw


EMPTY = Document({}, msgspec.Raw(b"\x80"))


def document(values: dict[str, Any]) -> Document:
    """Return a document of values that nobody else holds."""
    return Document(values, msgspec.Raw(_encode(values))) if values else EMPTY


def stored_document(raw: bytes | msgspec.Raw | dict[str, Any]) -> Document:
    """Return the document of its MessagePack form, or of the values a decoded row holds."""
    if isinstance(raw, dict):
        return document(raw)
    return Document(_decode(raw), msgspec.Raw(raw)) if bytes(raw) != b"\x80" else EMPTY


def received_document(variables: Mapping[str, Any]) -> Document:
    """Copy and check what a caller sent.

    Raises:
        InvalidInput: not a JSON object, or a number JSON readers cannot hold.
        InputTooLarge: over :data:`DOCUMENT_BYTES_MAX`.
    """
    if not variables:
        return EMPTY
    try:
        raw = _encode(dict(variables))
        values = _decode(raw)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidInput(
            f"the variables are not a JSON object: {error}",
            fix="send an object with text names and JSON values",
        ) from error
    if len(raw) > DOCUMENT_BYTES_MAX:
        raise InputTooLarge(
            f"the variables are {len(raw)} bytes large, at most {DOCUMENT_BYTES_MAX} are allowed",
            fix="keep large content outside and pass a reference",
        )
    return Document(values, msgspec.Raw(raw))


class Variable:
    """One value in one scope; ``text`` is its JSON."""

    __slots__ = ("gone", "instance_key", "key", "name", "scope_key", "stored", "text", "value")

    def __init__(
        self, key: int, name: str, value: Any, text: str, scope_key: int, instance_key: int
    ) -> None:
        self.key = key
        self.name = name
        self.value = value
        self.text = text
        self.scope_key = scope_key
        self.instance_key = instance_key
        self.stored = False
        self.gone = False

    def row_key(self) -> bytes:
        """Return where it lies."""
        return variable_key(self.instance_key, self.scope_key, self.name)

    def row(self) -> tuple[int, str]:
        """Return what lies there."""
        return (self.key, self.text)

    @classmethod
    def load(cls, row_key: bytes, row: Any) -> Variable:
        """Return the variable of a row."""
        key, text = row
        variable = cls(
            key,
            row_key[18:].decode(),
            _from_text(text),
            text,
            int.from_bytes(row_key[10:18], "big"),
            int.from_bytes(row_key[1:9], "big"),
        )
        variable.stored = True
        return variable


def set_local(core: Core, scope: ElementInstance, name: str, value: Any) -> None:
    """Set one variable right in ``scope``; nothing is written when it has that value already."""
    text = json_text(value)
    variables = scope.variables
    if variables is None:
        variables = scope.variables = {}
    variable = variables.get(name)
    if variable is None:
        variable = Variable(core.next_key(), name, value, text, scope.key, scope.instance.key)
        variables[name] = variable
        intent = codes.VARIABLE_CREATED
    elif variable.text == text:
        return
    else:
        variable.value = value
        variable.text = text
        intent = codes.VARIABLE_UPDATED
    core.dirty(variable)
    definition = scope.instance.definition
    core.event(
        variable.key,
        codes.VARIABLE,
        intent,
        VariableValue(
            name,
            text,
            scope.key,
            scope.instance.key,
            definition.key,
            definition.bpmn_process_id,
            definition.tenant_id,
        ),
    )


def set_all_local(core: Core, scope: ElementInstance, values: Mapping[str, Any]) -> None:
    """Set variables right in ``scope``."""
    for name, value in values.items():
        set_local(core, scope, name, value)


def propagate(core: Core, scope: ElementInstance, values: Mapping[str, Any]) -> None:
    """Merge ``values`` upwards from ``scope``: update where a name exists, create at the root.

    As in Zeebe a value is used up only by an update: an equal value found on the way keeps
    travelling, and may be created again at the root (reference: variable propagation).
    """
    left = dict(values)
    while scope.scope is not None:
        variables = scope.variables
        if variables:
            for name in [name for name in left if name in variables]:
                variable = variables[name]
                before = variable.text
                set_local(core, scope, name, left[name])
                if variable.text != before:
                    del left[name]
        if not left:
            return
        scope = scope.scope
    for name, value in left.items():
        set_local(core, scope, name, value)


def forget(core: Core, scope: ElementInstance) -> None:
    """Drop the variables of a scope that ends."""
    if scope.variables:
        for variable in scope.variables.values():
            core.drop(variable)
        scope.variables = None


def visible(scope: ElementInstance | None) -> dict[str, Any]:
    """Return every variable that ``scope`` sees, the nearest of each name."""
    found: dict[str, Any] = {}
    while scope is not None:
        if scope.variables:
            for name, variable in scope.variables.items():
                if name not in found:
                    found[name] = variable.value
        scope = scope.scope
    return found


def fetched(scope: ElementInstance, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the variables of ``names`` that ``scope`` sees (all when no name is given)."""
    if not names:
        return visible(scope)
    context = Context(scope)
    return {name: context[name] for name in names if name in context}


class Context(Mapping[str, Any]):
    """What an expression sees: the variables of a scope and of every scope around it."""

    __slots__ = ("_scope",)

    def __init__(self, scope: ElementInstance | None) -> None:
        self._scope = scope

    def __getitem__(self, name: str) -> Any:
        scope = self._scope
        while scope is not None:
            variables = scope.variables
            if variables is not None and name in variables:
                return variables[name].value
            scope = scope.scope
        raise KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the nearest value of ``name``."""
        scope = self._scope
        while scope is not None:
            variables = scope.variables
            if variables is not None and name in variables:
                return variables[name].value
            scope = scope.scope
        return default

    def __contains__(self, name: object) -> bool:
        scope = self._scope
        while scope is not None:
            if scope.variables is not None and name in scope.variables:
                return True
            scope = scope.scope
        return False

    def __iter__(self) -> Iterator[str]:
        return iter(visible(self._scope))

    def __len__(self) -> int:
        return len(visible(self._scope))
