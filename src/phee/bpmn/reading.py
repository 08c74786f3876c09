"""What the readers of one drawing share: its definitions, its problems, and how values are read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from phee.bpmn.model import Element, Value
from phee.bpmn.problems import ProblemList
from phee.bpmn.safe_xml import XmlElement
from phee.bpmn.vocabulary import (
    ATTRIBUTES,
    MODEL,
    ZEEBE,
    ZEEBE_IGNORED,
    ZEEBE_NOT_SUPPORTED,
    ZEEBE_READ,
    local_name,
    namespace,
)
from phee.feel import FeelSyntaxError
from phee.feel import compile as compile_feel

_ID = re.compile(r"[^\W\d][\w.-]*")
ID_LENGTH_MAX = 255

Extensions: TypeAlias = dict[str, list[XmlElement]]


@dataclass(frozen=True, slots=True)
class Node:
    """A flow node being read: where it comes from, what it becomes, its Zeebe extensions."""

    xml: XmlElement
    element: Element
    extensions: Extensions


@dataclass(slots=True)
class Reading:
    """One drawing being read: its sequence flows' ids, its messages and errors by id."""

    problems: ProblemList = field(default_factory=ProblemList)
    flow_ids: set[str] = field(default_factory=set)
    messages: dict[str, XmlElement] = field(default_factory=dict)
    errors: dict[str, XmlElement] = field(default_factory=dict)

    def value(self, element_id: str, what: str, text: str) -> Value:
        """Static text, or FEEL when ``text`` starts with ``=``; notes a syntax error."""
        if not text.startswith("="):
            return Value(text)
        try:
            return Value(text, compile_feel(text[1:]))
        except FeelSyntaxError as error:
            message = f"{what} is not a valid expression: {error}"
            self.problems.add(element_id, "expression", message)
            return Value(text)

    def dynamic(self, element_id: str, what: str, text: str) -> Value:
        """A value that only makes sense as an expression; static text is a problem."""
        value = self.value(element_id, what, text)
        if not text.startswith("="):
            message = f"{what} {text[:80]!r} is not an expression; write '={text[:80]}'"
            self.problems.add(element_id, "static-expression", message)
        return value

    def required(self, element_id: str, xml: XmlElement, attribute: str) -> str:
        """The attribute's text; notes a problem and answers "" when it is missing or empty."""
        text = xml.get(attribute, "")
        if not text:
            message = f"{_shown(xml)} needs the attribute {attribute!r}; fill it in"
            self.problems.add(element_id, "missing-attribute", message)
        return text

    def flag(self, element_id: str, xml: XmlElement, attribute: str, default: bool) -> bool:
        """A boolean attribute."""
        text = xml.get(attribute)
        if text is None:
            return default
        if text not in ("true", "false", "1", "0"):
            message = f"The attribute {attribute!r} must be 'true' or 'false'"
            self.problems.add(element_id, "invalid-attribute", message)
        return text in ("true", "1")

    def id_of(self, xml: XmlElement) -> str:
        """The element's id; notes a problem when it is missing or malformed."""
        text = xml.get("id", "")
        if not text:
            message = f"A {local_name(xml.tag)} (line {xml.sourceline}) has no id; give it one"
            self.problems.add("", "missing-id", message)
        elif _ID.fullmatch(text) is None or len(text) > ID_LENGTH_MAX:
            message = f"An id has up to {ID_LENGTH_MAX} letters, digits, '_', '.' or '-'"
            self.problems.add(text[:ID_LENGTH_MAX], "invalid-id", f"{message}; rename the element")
        return text

    def check_attributes(self, xml: XmlElement, element_id: str) -> None:
        """Note attributes that BPMN does not know; those of other namespaces are ignored."""
        for name in xml.attrib:
            if name not in ATTRIBUTES and not str(name).startswith("{"):
                message = (
                    f"{str(name)[:80]!r} is not an attribute of BPMN; remove it or mend its name"
                )
                self.problems.add(element_id, "unknown-attribute", message)

    def check_outgoing(self, xml: XmlElement, element_id: str) -> None:
        """Note ``outgoing`` parts that name no flow (``incoming`` ones are often left behind)."""
        for part in xml.iterchildren(f"{{{MODEL}}}outgoing"):
            flow_id = text_of(part).rpartition(":")[2]
            if flow_id not in self.flow_ids:
                message = f"The outgoing flow {flow_id[:80]!r} does not exist; draw it"
                self.problems.add(element_id, "dangling-reference", message)

    def extensions(self, xml: XmlElement, element_id: str) -> Extensions:
        """The Zeebe extensions of an element by name; notes those that cannot run here."""
        found: Extensions = {}
        for holder in xml.iterchildren(f"{{{MODEL}}}extensionElements"):
            for extension in holder:
                if namespace(extension.tag) == ZEEBE:
                    name = local_name(extension.tag)
                    self._check_extension(element_id, name)
                    found.setdefault(name, []).append(extension)
        return found

    def single(self, found: Extensions, name: str, element_id: str) -> XmlElement | None:
        """The one extension of that name, None without any; notes a problem for several."""
        several = found.get(name, [])
        if len(several) > 1:
            message = f"There is more than one zeebe:{name}; keep one"
            self.problems.add(element_id, "repeated-extension", message)
        return several[0] if several else None

    def _check_extension(self, element_id: str, name: str) -> None:
        if name in ZEEBE_NOT_SUPPORTED:
            message = f"{ZEEBE_NOT_SUPPORTED[name]} (zeebe:{name}) are not supported; remove them"
            self.problems.add(element_id, "not-supported", message)
        elif name not in ZEEBE_READ and name not in ZEEBE_IGNORED:
            message = f"zeebe:{name[:80]} is not a known extension; remove it or mend its name"
            self.problems.add(element_id, "unknown-extension", message)


def zeebe_children(xml: XmlElement, name: str) -> Iterator[XmlElement]:
    """The direct children of that name in the Zeebe namespace."""
    return xml.iterchildren(f"{{{ZEEBE}}}{name}")


def model_children(xml: XmlElement) -> Iterator[XmlElement]:
    """The direct children that belong to BPMN itself; foreign ones are skipped."""
    return (child for child in xml if namespace(child.tag) == MODEL)


def text_of(xml: XmlElement) -> str:
    """The text content without surrounding white space."""
    return "".join(str(part) for part in xml.itertext()).strip()


def _shown(xml: XmlElement) -> str:
    prefix = "zeebe" if namespace(xml.tag) == ZEEBE else "bpmn"
    return f"{prefix}:{local_name(xml.tag)}"
