"""Every record in Zeebe's index layout: complete, once, masked where asked for, and deleted by day.

What is expected is the exported form of every event in the log, by the same rule as a Zeebe
exporter's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from importing import copy_log, import_all, onboard
from record_stream import Instance, RecordWriter, channel_request
from search_runtimes import SERVERS_ONLY

from phee.projections.exported import KEPT_VALUE_TYPES
from phee.records import RecordType, ValueType, decode_block
from phee.records.json_form import to_json
from phee.stores.search.opensearch.records import RecordIndices, delete_old_records
from phee.stores.search.runtime import MASKING_VARIABLE, RemoteSearch, search_runtime
from phee.stream.memory import MemoryLog

pytestmark = SERVERS_ONLY
DAY_MS = 86_400_000
PAYER = "+27710101999"


@pytest.fixture
def raw(search: str) -> Iterator[tuple[str, str]]:
    """The line for PHEE_SEARCH, and the prefix of the record indices; these are deleted after."""
    prefix = f"r{search.rpartition('=')[2]}"
    yield f"{search}&raw=true&raw_prefix={prefix}", prefix
    runtime = search_runtime(search, Path())
    assert isinstance(runtime, RemoteSearch)
    server = runtime._writing
    for name in server.ask("GET", f"/{prefix}~*/_settings", allow={404}).decode(dict):
        server.ask("DELETE", f"/{name}")
    server.ask("DELETE", f"/_index_template/{prefix}~*")
    runtime.close()


def new_log() -> MemoryLog:
    writer, log = RecordWriter(), MemoryLog()
    for number in range(4):
        tenant = ("rhino", "gorilla")[number % 2]
        instance = Instance(writer, "PayerFundTransfer", tenant_id=tenant)
        request = channel_request("5.25", payer=PAYER)
        log.append(instance.start(transactionId=f"tx-{number}", channelRequest=request))
        writer.clock_ms += DAY_MS
        log.append(instance.end())
    return log


def events_of(log: MemoryLog, tenant: str) -> dict[str, bytes]:
    found = {}
    for _, block in log.read(0, max_bytes=1 << 40):
        assert isinstance(block, bytes)
        for stored in decode_block(block).records:
            record = stored.decoded()
            kept = record.value_type in KEPT_VALUE_TYPES and record.record_type == RecordType.EVENT
            if kept and record.tenant_id == tenant:
                found[f"1-{record.position}"] = to_json(record, partition_id=1)
    return found


def stored(runtime: RemoteSearch, prefix: str, tenant: str) -> list[dict[str, Any]]:
    server, pattern = runtime._writing, RecordIndices(prefix, tenant).all
    server.ask("POST", f"/{pattern}/_refresh")
    answer = server.ask("POST", f"/{pattern}/_search", {"size": 1_000, "version": True})
    hits: list[dict[str, Any]] = answer.decode(dict)["hits"]["hits"]
    return hits


def test_every_event_is_there_once_under_the_names_of_the_layout(
    raw: tuple[str, str], tmp_path: Path
) -> None:
    line, prefix = raw
    onboard(tmp_path, "rhino", "gorilla")
    runtime = search_runtime(line, tmp_path)
    assert isinstance(runtime, RemoteSearch)
    log = new_log()
    import_all("search", tmp_path, log, runtime)
    first = {tenant: stored(runtime, prefix, tenant) for tenant in ("rhino", "gorilla")}
    for tenant, hits in first.items():
        expected = {
            name: msgspec.json.decode(content) for name, content in events_of(log, tenant).items()
        }
        assert len(expected) > 20
        assert {hit["_id"]: hit["_source"] for hit in hits} == expected
        for hit in hits:
            source = hit["_source"]
            day = datetime.fromtimestamp(source["timestamp"] / 1000, UTC).strftime("%Y-%m-%d")
            kind = source["valueType"].lower().replace("_", "-")
            assert hit["_index"].startswith(f"{prefix}~{tenant}~_{kind}_8.5.")
            assert hit["_index"].endswith(f"_{day}")
            assert (hit["_routing"], hit["_version"]) == ("1", source["position"])
    server = runtime._writing
    alias = RecordIndices(prefix, "rhino").alias(ValueType.VARIABLE)
    body = {"query": {"term": {"value.name": "transactionId"}}, "track_total_hits": True}
    found = server.ask("POST", f"/{alias}/_search", body).decode(dict)
    assert found["hits"]["total"]["value"] == 2
    # The watermarks are lost, and everything comes again.
    for tenant in first:
        server.ask("DELETE", f"/{server.prefix}~{tenant}~watermarks")
    import_all("search", tmp_path, copy_log(log), runtime)
    assert {tenant: stored(runtime, prefix, tenant) for tenant in first} == first
    runtime.close()


def test_records_are_masked_like_documents(
    raw: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MASKING_VARIABLE, "on")
    line, prefix = raw
    onboard(tmp_path, "rhino", "gorilla")
    runtime = search_runtime(line, tmp_path)
    assert isinstance(runtime, RemoteSearch)
    log = new_log()
    import_all("search", tmp_path, log, runtime)
    hits = stored(runtime, prefix, "rhino")
    assert len(hits) == len(events_of(log, "rhino"))
    assert PAYER not in str(hits)
    requests = [h["_source"]["value"] for h in hits if "channelRequest" in str(h)]
    assert requests
    assert all("tok" in value["value"] and "5.25" in value["value"] for value in requests)
    runtime.close()


def test_days_that_are_over_are_deleted(raw: tuple[str, str], tmp_path: Path) -> None:
    line, prefix = raw
    onboard(tmp_path, "rhino", "gorilla")
    runtime = search_runtime(line, tmp_path)
    assert isinstance(runtime, RemoteSearch)
    log = new_log()
    import_all("search", tmp_path, log, runtime)
    hits = stored(runtime, prefix, "rhino")
    days = sorted({hit["_index"].rpartition("_")[2] for hit in hits})
    kept = days[1:]
    keep_days = (date.fromisoformat(days[-1]) - date.fromisoformat(kept[0])).days
    options: dict[str, Any] = {"keep_days": keep_days, "today": date.fromisoformat(days[-1])}
    assert delete_old_records(runtime._writing, prefix, "rhino", **options) > 0
    assert delete_old_records(runtime._writing, prefix, "rhino", **options) == 0
    left = {hit["_index"].rpartition("_")[2] for hit in stored(runtime, prefix, "rhino")}
    assert sorted(left) == kept
    assert len(stored(runtime, prefix, "gorilla")) == len(events_of(log, "gorilla"))
    assert delete_old_records(runtime._writing, prefix, "nobody", **options) == 0
    runtime.close()
