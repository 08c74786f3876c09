"""Reading DMN XML safely, and finding one's way in it.

No entities, no document type, no network, bounded size: a model comes from outside. Elements are
told by their local name, since the namespaces of DMN 1.1 to 1.5 share one vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lxml import etree

from phee.dmn.errors import InvalidModel

BYTES_MAX: Final = 8_000_000

NAMESPACES: Final = frozenset(
    {
        "http://www.omg.org/spec/DMN/20130901",
        "http://www.omg.org/spec/DMN/20151101/dmn.xsd",
        "http://www.omg.org/spec/DMN/20180521/MODEL/",
        "https://www.omg.org/spec/DMN/20191111/MODEL/",
        "https://www.omg.org/spec/DMN/20211108/MODEL/",
        "https://www.omg.org/spec/DMN/20230324/MODEL/",
        "https://www.omg.org/spec/DMN/20240513/MODEL/",
    }
)
"""DMN 1.0 to 1.6, of which 1.1 to 1.5 are supported in full."""


def read_document(xml: bytes | str) -> etree._Element:
    """The ``definitions`` element.

    Raises:
        InvalidModel: see its description.
    """
    data = xml.encode() if isinstance(xml, str) else xml
    if len(data) > BYTES_MAX:
        raise InvalidModel(f"The model has more than {BYTES_MAX} bytes")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as problem:
        raise InvalidModel(f"The model is not XML: {problem.msg}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise InvalidModel("A document type is not allowed", fix="Remove <!DOCTYPE ...>.")
    name = etree.QName(root)
    if name.localname != "definitions" or name.namespace not in NAMESPACES:
        raise InvalidModel(
            f"The document is <{name.localname}> of {name.namespace}, not DMN",
            fix="Use <definitions> in a namespace of DMN 1.1 to 1.5.",
        )
    return root


def local_name(element: etree._Element) -> str:
    """The name without namespace."""
    return etree.QName(element).localname


def children(element: etree._Element, *names: str) -> Iterator[etree._Element]:
    """The child elements of these names (all, without names) in the model's own namespace."""
    namespace = etree.QName(element).namespace
    for child in element.iterchildren(etree.Element):
        name = etree.QName(child)
        if name.namespace == namespace and (not names or name.localname in names):
            yield child


def first(element: etree._Element, *names: str) -> etree._Element | None:
    """The first such child."""
    return next(children(element, *names), None)


def text_in(element: etree._Element | None, name: str = "text") -> str:
    """The text of a child element, trimmed; empty without one."""
    child = None if element is None else first(element, name)
    return "".join(str(part) for part in child.itertext()).strip() if child is not None else ""


def attribute(element: etree._Element, name: str) -> str:
    """An attribute; empty without it."""
    return str(element.get(name, ""))


def describe_place(element: etree._Element) -> str:
    """Where an element is, for people: the nearest id, else its kind, and the line."""
    owner: etree._Element | None = element
    while owner is not None and not owner.get("id"):
        owner = owner.getparent()
    identity = f" '{owner.get('id')}'" if owner is not None else ""
    return f"{local_name(element)}{identity}, line {element.sourceline}"
