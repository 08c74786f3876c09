"""The indices of a tenant: their names, fields and settings.

Names are ``{prefix}~{tenant}~{what}``. No tenant id can contain ``~``, so no name or pattern of
one tenant can ever mean another's.

Documents change for as long as their payment lives, so the index that holds one must be known from
the document alone: an index that is rolled over by age or size would leave the old version behind.
Here the process instance's key decides, which grows with time: every 2^31 keys (some ten million
payments) a new index begins, and the whole stays behind one alias for readers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from phee.errors import NotSupported
from phee.records import DEFAULT_TENANT
from phee.stores.search.opensearch.server import SearchServer
from phee.stores.search.query import FILTER_FIELDS, GROUP_FIELDS, TEXT_FIELDS

VERSION = 3
GENERATION_BITS = 31
_COUNTER = (1 << 51) - 1
"""Of a Zeebe key: the bits above are the partition."""
RESULT_WINDOW_MAX = 100_000
REFRESH_INTERVAL = "5s"
"""The refresher is much faster; this is for when a writer dies before it."""
KEYWORD_LENGTH_MAX = 8191
"""Longer values are kept and shown, but not found by their exact value (Lucene's limit)."""
PREFIX_LENGTHS = (2, 5)
"""Of beginnings that are indexed as such: a third of what a document costs the server when it was
1 to 16. One letter is found among those of two, and few words are left to look at after five."""

KEYWORD = {"type": "keyword", "ignore_above": KEYWORD_LENGTH_MAX}
LONG = {"type": "long"}
_STORED_LONG = {"type": "long", "index": False, "doc_values": False}
TIME = {"type": "date", "format": "epoch_millis"}
_DIGITS = {"type": "integer", "index": False}
_STORED_TEXT = {"type": "keyword", "index": False, "doc_values": False}
_WORDS: dict[str, Any] = {"type": "text", "analyzer": "whitespace", "norms": False}
_BEGUN_WORDS = {
    **_WORDS,
    "index_prefixes": dict(zip(("min_chars", "max_chars"), PREFIX_LENGTHS, strict=True)),
}
_FEW_WORDS = ("bpmn_process_id", "element_id", "error_type", "payer_dfsp_id", "payee_dfsp_id")
"""Fields with so few different words that beginnings are found without an index of them."""
_NUMBERS = {"amount", "process_instance_key"}
_SORTED_ONLY = {"index": False}
_FOUND_ONLY = {"doc_values": False}
"""Less than a field can do; each costs the server some microseconds for every document."""

DOCUMENT_FIELDS: dict[str, Any] = {
    "kind": KEYWORD,
    **dict.fromkeys(sorted({*FILTER_FIELDS, *GROUP_FIELDS} - _NUMBERS), KEYWORD),
    "client_correlation_id": KEYWORD | _FOUND_ONLY,
    "id": KEYWORD | _SORTED_ONLY,
    "amount": {**KEYWORD, "fields": {"estimate": {"type": "double", "index": False}}},
    **dict.fromkeys(("epoch", "moment"), LONG),
    "key": LONG | _SORTED_ONLY,
    "process_instance_key": LONG | _FOUND_ONLY,
    **dict.fromkeys(("started_at", "completed_at"), TIME),
    **dict.fromkeys(("instance_position", "variables_position", "jobs_position"), _STORED_LONG),
    "duration_ms": LONG | _SORTED_ONLY,
    **dict.fromkeys(("note", "error_text", "state"), _STORED_TEXT),
    "outcome": {"type": "short", "index": False, "doc_values": False},
    "is_unknown": {"type": "short", "index": False, "doc_values": False},
    "incidents": {"type": "object", "enabled": False},
    "amount_digits": {"properties": dict.fromkeys(("e12", "e6", "e0", "m4"), _DIGITS)},
    "words": {
        "properties": {name: _WORDS if name in _FEW_WORDS else _BEGUN_WORDS for name in TEXT_FIELDS}
    },
}
"""Sums over ``amount_digits`` are exact: each part is below 10^6, and 2^31 documents of a shard add
up to less than 2^53, below which the server's floating-point sums are whole numbers."""

WATERMARK_FIELDS: dict[str, Any] = {
    **dict.fromkeys(("consumer", "lane", "owner"), KEYWORD),
    **dict.fromkeys(("epoch", "partition_id", "position"), LONG),
}
LETTER_FIELDS: dict[str, Any] = {
    **dict.fromkeys(
        ("consumer", "reason_code", "tenant_id", "value_type", "intent", "state"), KEYWORD
    ),
    **dict.fromkeys(
        ("epoch", "partition_id", "position", "record_key", "process_instance_key", "number"), LONG
    ),
    "decisions": {"type": "object", "enabled": False},
    "reason": _STORED_TEXT,
    "record": _STORED_TEXT,
    "timestamp": TIME,
}


@dataclass(frozen=True, slots=True)
class TenantIndices:
    """The names of one tenant's indices."""

    prefix: str
    tenant_id: str

    @property
    def documents(self) -> str:
        """The alias of everything that can be searched."""
        return self._name("documents")

    @property
    def watermarks(self) -> str:
        """How far each lane has been imported, and by whom."""
        return self._name("watermarks")

    @property
    def dead_letters(self) -> str:
        """What could not be made a document."""
        return self._name("dead-letters")

    def generation(self, epoch: int, process_instance_key: int) -> str:
        """Return the index that holds the documents about a process instance."""
        number = (process_instance_key & _COUNTER) >> GENERATION_BITS
        return f"{self.documents}~{epoch:x}~{number}"

    def _name(self, what: str) -> str:
        return f"{self.prefix}~{tenant_part(self.tenant_id)}~{what}"


def tenant_part(tenant_id: str) -> str:
    """Return how a tenant is named in an index."""
    # Index names may not hold < and >; no tenant id begins with an underscore.
    return "_default" if tenant_id == DEFAULT_TENANT else tenant_id


def path_of(index: str, rest: str = "") -> str:
    """Return the path of something about an index."""
    return f"/{quote(index, safe='~')}{rest}"


def prepare(server: SearchServer, names: TenantIndices) -> None:
    """Make the templates and the small indices of a tenant; what is there already stays.

    Every index has a template: one that was deleted is made again by the server at the next write,
    and must not get a form that the server guesses.

    Raises:
        NotSupported: the indices were made by another version; they must be rebuilt.
    """
    server.ask("PUT", f"/_index_template{path_of(names.documents)}", _template(names))
    for name, fields in (
        (names.watermarks, WATERMARK_FIELDS),
        (names.dead_letters, LETTER_FIELDS),
    ):
        body = {"settings": _settings(REFRESH_INTERVAL), "mappings": _mappings(fields)}
        template = {"index_patterns": [name], "priority": 500, "template": body}
        server.ask("PUT", f"/_index_template{path_of(name)}", template)
        create(server, name)
    _check_version(server, names)


def create(server: SearchServer, name: str) -> None:
    """Make an index as its template says; it may be there already."""
    # A second PUT is refused with 400, and so is a wrong one; the first can only be told by asking.
    if server.ask("HEAD", path_of(name), allow={404}).status == 404:
        answer = server.ask("PUT", path_of(name), {}, allow={400})
        if answer.status == 400:
            server.ask("GET", path_of(name))


def _template(names: TenantIndices) -> dict[str, Any]:
    return {
        "index_patterns": [f"{names.documents}~*"],
        "priority": 500,
        "template": {
            "settings": {
                **_settings(REFRESH_INTERVAL),
                "index.max_result_window": RESULT_WINDOW_MAX,
            },
            "mappings": _mappings(DOCUMENT_FIELDS),
            "aliases": {names.documents: {}},
        },
    }


def _settings(refresh_interval: str) -> dict[str, Any]:
    return {
        "index.number_of_shards": 1,
        "index.auto_expand_replicas": "0-1",
        "index.refresh_interval": refresh_interval,
    }


def _mappings(fields: dict[str, Any]) -> dict[str, Any]:
    return {"dynamic": "strict", "_meta": {"phee_version": VERSION}, "properties": fields}


def _check_version(server: SearchServer, names: TenantIndices) -> None:
    answer = server.ask("GET", path_of(names.watermarks, "/_mapping")).decode(dict[str, Any])
    found = {index["mappings"].get("_meta", {}).get("phee_version", 0) for index in answer.values()}
    if found != {VERSION}:
        raise NotSupported(
            f"the search indices have version {sorted(found)}, this program makes {VERSION}",
            where=names.documents,
            fix="Delete the tenant's indices and let the importer build them again from the stream",
        )
