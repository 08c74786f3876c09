"""Reading XML that may be hostile.

Invariants: no entity is expanded, no file or address is opened, and memory and time are bounded by
the limits below. Whatever is wrong with the bytes is an :class:`InvalidBpmn`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from lxml import etree

from phee.bpmn.problems import InvalidBpmn, Problem

XmlElement: TypeAlias = etree._Element  # noqa: SLF001 - lxml exports no other name for its type

_DECLARED_ENCODING = re.compile(rb"""\A<\?xml\s[^>]*?encoding\s*=\s*["']([^"']*)["']""")
_DOCTYPE = re.compile(r"(?:\s|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL | re.IGNORECASE)
_UTF8_NAMES = frozenset({b"utf-8", b"utf8", b"us-ascii", b"ascii"})
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a drawing may be. The defaults are far above any drawing a person can read."""

    size_bytes: int = 4 * 1024 * 1024
    elements: int = 50_000
    depth: int = 64
    attributes_per_element: int = 200


DEFAULT_LIMITS = Limits()


def read_xml(content: bytes, limits: Limits, resource_name: str = "") -> XmlElement:
    """Parse ``content`` and return its root element, without comments and instructions.

    Raises:
        InvalidBpmn: it is not well-formed UTF-8 XML, or declares a document type, or is over a
            limit.
    """
    fault = _fault_of_bytes(content, limits)
    if fault is None:
        root, fault = _parse(content)
    if fault is None:
        fault = _fault_of_tree(root, limits)
    if fault is not None:
        raise InvalidBpmn([fault], resource_name)
    return root


def _fault_of_bytes(content: bytes, limits: Limits) -> Problem | None:
    if not content.strip():
        return Problem("", "empty-file", "The file is empty; save the drawing and send it again")
    if len(content) > limits.size_bytes:
        text = f"The file has {len(content)} bytes, more than the {limits.size_bytes} allowed"
        return Problem("", "too-large", f"{text}; split the drawing with call activities")
    return _fault_of_encoding(content) or _fault_of_text(content, limits)


def _fault_of_encoding(content: bytes) -> Problem | None:
    declared = _DECLARED_ENCODING.match(content.removeprefix(_BOM))
    if declared and declared[1].lower() not in _UTF8_NAMES:
        name = declared[1].decode("latin-1")[:40]
        return Problem(
            "", "not-utf-8", f"The file declares the encoding {name!r}; save it as UTF-8"
        )
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return Problem("", "not-utf-8", f"Byte {error.start} is not UTF-8; save the file as UTF-8")
    return None


def _fault_of_text(content: bytes, limits: Limits) -> Problem | None:
    if b"\0" in content:
        return Problem("", "not-xml", "The file holds a NUL character; save it as XML text")
    if _DOCTYPE.match(content.removeprefix(_BOM).decode("utf-8")):
        text = "A document type (<!DOCTYPE ...>) is not allowed in a drawing; delete it"
        return Problem("", "document-type", text)
    if content.count(b"<") > 3 * limits.elements:  # before any memory is spent on them
        return _too_many(limits)
    return None


def _parse(content: bytes) -> tuple[XmlElement, Problem | None]:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        strip_cdata=True,
    )
    try:
        return etree.fromstring(content, parser), None
    except etree.LxmlError as error:
        text = str(error).splitlines()[0][:200] if str(error) else "not well-formed"
        return etree.Element("none"), Problem("", "not-xml", f"The file is not valid XML: {text}")


def _fault_of_tree(root: XmlElement, limits: Limits) -> Problem | None:
    count = 0
    level: list[XmlElement] = [root]
    depth = 0
    while level:
        depth += 1
        count += len(level)
        if depth > limits.depth:
            text = f"Elements are nested more than {limits.depth} deep; use call activities"
            return Problem("", "too-deep", text)
        if count > limits.elements:
            return _too_many(limits)
        if any(len(element.attrib) > limits.attributes_per_element for element in level):
            return Problem("", "too-large", "An element has too many attributes; remove some")
        level = [child for element in level for child in element]
    return None


def _too_many(limits: Limits) -> Problem:
    text = f"The file has more than {limits.elements} XML elements"
    return Problem("", "too-large", f"{text}; split the drawing with call activities")
