"""Every record in Zeebe's index layout, so that dashboards made for it find what they look for.

Index ``{prefix}~{tenant}~_{type}_{version}-{epoch}_{date}``, alias ``{prefix}~{tenant}~-{type}``,
id ``{partition}-{position}``, the partition as routing. The name of the index and the id
follow from the record alone: a replay, however late, finds the same document in the same index and
changes nothing (external version: the position). So a new day is what begins a new index; a
rollover by size would put the same record into two. The epoch keeps the lives of an engine apart,
whose positions begin anew.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args, get_origin, get_type_hints

from phee.errors import InvalidInput
from phee.projections.exported import RecordFold, record_json
from phee.records import Record, ValueType
from phee.records.json_form import BROKER_VERSION
from phee.records.values import OtherValue, RecordValue, value_class
from phee.stores.search.opensearch.bulk import Write, write_all
from phee.stores.search.opensearch.indices import KEYWORD, LONG, TIME, create, path_of, tenant_part
from phee.stores.search.opensearch.server import SearchServer
from phee.stream.port import Lane

DATE_FORM = "%Y-%m-%d"
_PRIORITY = 501
_NOT_INDEXED = {"type": "object", "enabled": False}
_INTEGER = {"type": "integer"}
_ENVELOPE: dict[str, Any] = {
    **dict.fromkeys(("position", "sourceRecordPosition", "key"), LONG),
    **dict.fromkeys(
        ("intent", "recordType", "valueType", "rejectionType", "brokerVersion"), KEYWORD
    ),
    **dict.fromkeys(("partitionId", "recordVersion"), _INTEGER),
    "timestamp": TIME,
    "rejectionReason": {"type": "text"},
    "authorizations": _NOT_INDEXED,
}


class RecordIndices:
    """The names of one tenant's record indices."""

    def __init__(self, prefix: str, tenant_id: str) -> None:
        self._prefix = f"{prefix}~{tenant_part(tenant_id)}~"

    def family(self, value_type: ValueType, epoch: int) -> str:
        """Return what the indices of a value type begin with."""
        return f"{self._prefix}_{_dashed(value_type)}_{BROKER_VERSION}-{epoch:x}_"

    def index(self, record: Record, epoch: int) -> str:
        """Return the index that a record belongs to."""
        day = datetime.fromtimestamp(record.timestamp / 1000, UTC).strftime(DATE_FORM)
        return self.family(ValueType(record.value_type), epoch) + day

    def alias(self, value_type: ValueType) -> str:
        """Return the name under which all records of a value type are found."""
        return f"{self._prefix}-{_dashed(value_type)}"

    @property
    def all(self) -> str:
        """The pattern of every index of the tenant, and of no other."""
        return f"{self._prefix}_*"


class Records:
    """Writes the records of one tenant. For one thread."""

    def __init__(self, server: SearchServer, prefix: str, tenant_id: str) -> None:
        self._server = server
        self._names = RecordIndices(prefix, tenant_id)
        self._families: set[str] = set()
        self._indices: set[str] = set()

    def write(self, lane: Lane, fold: RecordFold) -> list[tuple[Record, str]]:
        """Write every record of a fold; return those that are refused, with the reason.

        Raises:
            Unavailable: the server does not answer; what is missing must be written again.
        """
        refused: list[tuple[Record, str]] = []
        writes: list[Write] = []
        by_id: dict[str, Record] = {}
        masker = fold.masker
        for record in fold.records:
            try:
                source = record_json(record, partition_id=lane.partition_id, masker=masker)
                index = self._index(record, lane.epoch)
            except (InvalidInput, OverflowError, OSError) as error:
                refused.append((record, type(error).__name__))
                continue
            name = f"{lane.partition_id}-{record.position}"
            by_id[name] = record
            writes.append(
                Write(index, name, source, external=record.position, routing=lane.partition_id)
            )
        outcome = write_all(self._server, writes)  # a conflict: it is there already
        return refused + [(by_id[name], reason) for name, reason in outcome.refused.items()]

    def _index(self, record: Record, epoch: int) -> str:
        """Return the name of an index, which is there then."""
        name = self._names.index(record, epoch)
        if name not in self._indices:
            value_type = ValueType(record.value_type)
            family = self._names.family(value_type, epoch)
            if family not in self._families:
                self._put_template(family, value_type)
                self._families.add(family)
            create(self._server, name)
            self._indices.add(name)
        return name

    def _put_template(self, family: str, value_type: ValueType) -> None:
        template = {
            "index_patterns": [f"{family}*"],
            "priority": _PRIORITY,
            "template": {
                "settings": {
                    "index.number_of_shards": 1,
                    "index.auto_expand_replicas": "0-1",
                    "index.refresh_interval": "5s",
                },
                "mappings": {
                    "dynamic": False,
                    "properties": _ENVELOPE | {"value": _value_mapping(value_class(value_type))},
                },
                "aliases": {self._names.alias(value_type): {}},
            },
        }
        self._server.ask("PUT", f"/_index_template{path_of(family + 'all')}", template)


def delete_old_records(
    server: SearchServer, prefix: str, tenant_id: str, *, keep_days: int, today: date
) -> int:
    """Delete the indices of days more than ``keep_days`` ago; return how many those were."""
    pattern = RecordIndices(prefix, tenant_id).all
    options = "?filter_path=*.settings.index.uuid&expand_wildcards=all"
    answer = server.ask("GET", path_of(pattern, f"/_settings{options}"), allow={404})
    found = {} if answer.status == 404 or not answer.content else answer.decode(dict[str, Any])
    oldest = (today - timedelta(days=keep_days)).strftime(DATE_FORM)
    old = [name for name in found if name.rpartition("_")[2] < oldest]
    for name in old:
        server.ask("DELETE", path_of(name), allow={404})
    return len(old)


def _dashed(value_type: ValueType) -> str:
    return value_type.name.lower().replace("_", "-")


def _value_mapping(struct: type[RecordValue]) -> dict[str, Any]:
    """Return the mapping of a value: as its struct has it, unknown fields kept but not indexed."""
    if struct is OtherValue:
        return {"dynamic": False, "properties": {"tenantId": KEYWORD}}
    hints = get_type_hints(struct)
    fields = {_camel(name): _mapping(hints[name]) for name in struct.__struct_fields__}
    return {"dynamic": False, "properties": fields}


def _mapping(annotation: Any) -> dict[str, Any]:
    if get_origin(annotation) is list:
        annotation = get_args(annotation)[0]
    if isinstance(annotation, type) and issubclass(annotation, RecordValue):
        return _value_mapping(annotation)
    return _BY_TYPE.get(annotation, _NOT_INDEXED)


_BY_TYPE: dict[Any, dict[str, Any]] = {int: LONG, str: KEYWORD, bool: {"type": "boolean"}}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
