"""Deployed process definitions: versions per tenant, their nodes, their start events.

Invariants: a definition never changes; versions of a process id grow by one per tenant; nothing
of one tenant is found for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from phee.bpmn.model import Process
from phee.engine.nodes import Node
from phee.engine.rows import DEFINITION_ROW, RESOURCE_ROW, number_of, numbered


class Definition:
    """One version of a deployed process."""

    __slots__ = (
        "bpmn_process_id",
        "checksum",
        "gone",
        "key",
        "nodes",
        "resource_name",
        "root",
        "start_events",
        "stored",
        "tenant_id",
        "version",
    )

    def __init__(
        self,
        key: int,
        bpmn_process_id: str,
        version: int,
        tenant_id: str,
        resource_name: str,
        checksum: bytes,
    ) -> None:
        self.key = key
        self.bpmn_process_id = bpmn_process_id
        self.version = version
        self.tenant_id = tenant_id
        self.resource_name = resource_name
        self.checksum = checksum
        self.nodes: dict[str, Node] = {}
        self.root: Node
        self.start_events: tuple[Node, ...] = ()
        self.stored = False
        self.gone = False

    def bind(self, process: Process, nodes: dict[str, Node]) -> None:
        """Give the definition its executable form."""
        self.nodes = nodes
        self.root = nodes[process.root.id]
        self.start_events = tuple(nodes[event.id] for event in process.start_events)

    def row_key(self) -> bytes:
        """Return where it lies."""
        return numbered(DEFINITION_ROW, self.key)

    def row(self) -> tuple[Any, ...]:
        """Return what lies there."""
        return (
            self.bpmn_process_id,
            self.version,
            self.tenant_id,
            self.resource_name,
            self.checksum,
        )

    @classmethod
    def load(cls, key: bytes, row: Any) -> Definition:
        """Return the definition of a row (not yet bound)."""
        definition = cls(number_of(key), *row)
        definition.stored = True
        return definition

    def __repr__(self) -> str:
        return f"<{self.bpmn_process_id} version {self.version} of {self.tenant_id}>"


class DeployedResource:
    """A drawing as it was deployed, by its MD5; shared by the processes in it."""

    __slots__ = ("checksum", "content", "gone", "stored")

    def __init__(self, checksum: bytes, content: bytes) -> None:
        self.checksum = checksum
        self.content = content
        self.stored = False
        self.gone = False

    def row_key(self) -> bytes:
        """Return where it lies."""
        return RESOURCE_ROW + self.checksum

    def row(self) -> bytes:
        """Return what lies there."""
        return self.content


class Definitions:
    """Every deployed definition, by key and by tenant, process id and version."""

    def __init__(self, binder: Callable[[Definition], None]) -> None:
        self._binder = binder
        self._by_key: dict[int, Definition] = {}
        self._versions: dict[tuple[str, str], dict[int, Definition]] = {}
        self._latest: dict[tuple[str, str], Definition] = {}

    def add(self, definition: Definition) -> None:
        """Remember a definition; the highest version of its id becomes the latest."""
        name = (definition.tenant_id, definition.bpmn_process_id)
        versions = self._versions.setdefault(name, {})
        assert definition.version not in versions, f"{definition} exists"
        versions[definition.version] = definition
        self._by_key[definition.key] = definition
        latest = self._latest.get(name)
        if latest is None or definition.version > latest.version:
            self._latest[name] = definition

    def by_key(self, key: int) -> Definition | None:
        """Return the definition of ``key``, of whatever tenant."""
        return self._ready(self._by_key.get(key))

    def latest(self, tenant_id: str, bpmn_process_id: str) -> Definition | None:
        """Return the newest version of a process id of that tenant."""
        return self._ready(self._latest.get((tenant_id, bpmn_process_id)))

    def version(self, tenant_id: str, bpmn_process_id: str, version: int) -> Definition | None:
        """Return one version of a process id of that tenant."""
        return self._ready(self._versions.get((tenant_id, bpmn_process_id), {}).get(version))

    def _ready(self, definition: Definition | None) -> Definition | None:
        if definition is not None and not definition.nodes:
            self._binder(definition)
        return definition

    def __iter__(self) -> Iterator[Definition]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)
