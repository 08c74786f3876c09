"""The page at /schema: every operation, readable without a network and without scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from litestar import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881 }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 2.5rem; text-transform: capitalize }
p { margin: .4rem 0 }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; padding: .5rem }
summary { cursor: pointer }
code, pre { font: 14px/1.45 ui-monospace, monospace }
pre { background: var(--soft); padding: .6rem; border-radius: .4rem; overflow: auto }
table { border-collapse: collapse; width: 100%; font-size: 15px; margin: .5rem 0 }
td, th { border-bottom: 1px solid var(--line); padding: .25rem .5rem }
td, th { text-align: left; vertical-align: top }
.verb { display: inline-block; min-width: 3.6rem; font-weight: 700 }
.soft { opacity: .7 }
"""


class OfflinePage(OpenAPIRenderPlugin):
    """Renders the OpenAPI document as one self-contained HTML page."""

    def __init__(self) -> None:
        super().__init__(path="/")
        self._page: bytes | None = None

    def render(
        self,
        request: Request[Any, Any, Any],  # noqa: ARG002  (given by the framework)
        openapi_schema: dict[str, Any],
    ) -> bytes:
        """Return the page (made once: the document does not change while the hub runs)."""
        if self._page is None:
            self._page = "".join(_page(openapi_schema)).encode()
        return self._page


def _page(document: dict[str, Any]) -> Iterator[str]:
    title = escape(document["info"]["title"])
    yield "<!doctype html><html lang=en><meta charset=utf-8>"
    yield "<meta name=viewport content='width=device-width'>"
    yield f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>"
    yield f"<p>{escape(document['info'].get('description', ''))}</p>"
    yield "<p>The machine-readable document: <a href=/schema/openapi.json>openapi.json</a></p>"
    by_tag: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            tag = (operation.get("tags") or ["other"])[0]
            by_tag.setdefault(tag, []).append("".join(_operation(document, path, verb, operation)))
    for tag, operations in by_tag.items():
        yield f"<h2>{escape(tag)}</h2>"
        yield from operations


def _operation(
    document: dict[str, Any], path: str, verb: str, operation: dict[str, Any]
) -> Iterator[str]:
    summary = escape(operation.get("summary", ""))
    yield f"<details><summary><span class=verb>{verb.upper()}</span> <code>{escape(path)}</code>"
    yield f" <span class=soft>{summary}</span></summary>"
    yield f"<p>{escape(operation.get('description', ''))}</p>"
    yield from _parameters(operation.get("parameters", []))
    yield from _body(document, operation)
    yield "<table><tr><th>status<th>meaning"
    for status, response in operation.get("responses", {}).items():
        yield f"<tr><td>{escape(status)}<td>{escape(response.get('description', ''))}"
    yield "</table></details>"


def _parameters(parameters: list[dict[str, Any]]) -> Iterator[str]:
    if not parameters:
        return
    yield "<table><tr><th>parameter<th>in<th>form<th>meaning"
    for parameter in parameters:
        name = escape(parameter["name"]) + (" *" if parameter.get("required") else "")
        form = escape(_form(parameter.get("schema", {})))
        meaning = escape(parameter.get("description", ""))
        yield f"<tr><td><code>{name}</code><td>{parameter['in']}<td>{form}<td>{meaning}"
    yield "</table>"


def _form(schema: dict[str, Any]) -> str:
    if values := schema.get("enum"):
        return " | ".join(map(str, values))
    form = str(schema.get("type", ""))
    if "default" in schema:
        form += f" = {schema['default']}"
    return form


def _body(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[str]:
    content = operation.get("requestBody", {}).get("content", {})
    for media_type, description in content.items():
        named = description.get("examples", {}).get("example")
        made = _example(document, description.get("schema", {}), depth=0)
        example = named["value"] if named else made
        text = escape(json.dumps(example, indent=2, ensure_ascii=False))
        yield f"<p>Body, {escape(media_type)}:</p><pre>{text}</pre>"


def _example(document: dict[str, Any], schema: dict[str, Any], *, depth: int) -> Any:
    """Return an example of ``schema``: its own, or one put together from its properties."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = document["components"]["schemas"][name]
    if schema.get("examples"):
        return schema["examples"][0]
    for choice in schema.get("oneOf", schema.get("anyOf", [])):
        if choice.get("type") != "null":
            return _example(document, choice, depth=depth)
    if schema.get("type") == "object" and depth < 6:
        return {
            name: _example(document, item, depth=depth + 1)
            for name, item in schema.get("properties", {}).items()
        }
    if schema.get("type") == "array":
        return [_example(document, schema.get("items", {}), depth=depth + 1)]
    return schema.get("enum", [schema.get("default")])[0]
