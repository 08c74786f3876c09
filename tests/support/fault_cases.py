"""Every fault that is tested, by name: what goes wrong, and what holds all the same.

Each table belongs to one file of tests/e2e/faults; ``docs/faults.md`` is written from all of them
by ``scripts/list_faults.py``. After every case the stores equal the fold of the whole log, with
exactly the dead letters that were to be expected; ``holds`` says what else does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

SAME = "begins again where the store is; nothing is lost or doubled"


@dataclass(frozen=True)
class Case:
    """One fault at one step.

    Attributes:
        name: unique, ``component/what-happens``.
        step: the step of the product at which it happens, as failpoints name them; or a moment.
        fault: what happens, in words.
        holds: what is guaranteed, beyond the stores being the fold of the log.
        skip: so many times the step is passed unharmed before.
        options: what the test of this table needs to do it.
    """

    name: str
    step: str
    fault: str
    holds: str = SAME
    skip: int = 0
    options: Any = None

    def __str__(self) -> str:
        return self.name


def kills(component: str, who: str, steps: Mapping[str, int], holds: str) -> tuple[Case, ...]:
    """A kill -9 at each of these steps (name -> how often it is passed before)."""
    return tuple(
        Case(f"{component}/killed-{text.replace(' ', '-')}", text, f"kill -9 of {who}", holds, skip)
        for text, skip in steps.items()
    )


EXPORTER_KILLS = kills(
    "exporter",
    "the exporter",
    {
        "before topics": 0,
        "after topics": 0,
        "before begin of a log": 0,
        "before send": 0,
        "after send": 900,
        "before confirmation": 300,
        "after confirmation": 900,
        "before position saved": 1,
        "after position saved": 1,
        "after log told": 0,
        "before marks": 0,
        "after marks": 1,
    },
    "sends again from the saved position: repetitions in Kafka, no gap; importers pass them over",
)
EXPORTER_NETWORK = (
    Case("exporter/network-reset", "produce", "the connection is reset instead of a request",
         "the producer sends again; in order, nothing left out", 2, ("reset", 3)),
    Case("exporter/answer-lost", "produce", "Kafka has written, the answer is lost",
         "sent again, and recognised by Kafka: idempotent producer", 2, ("lost answer", 3)),
    Case("exporter/network-stalls", "produce", "a black hole for 3 s",
         "waits; nothing is given up", 2, ("stall", 1)),
    Case("exporter/network-trickles", "produce", "bytes drip for 2 s",
         "is slow; nothing is given up", 2, ("trickle", 1)),
    Case("exporter/half-closed", "produce", "Kafka's side of the connection ends, ours stays open",
         "connects again", 2, ("half-closed", 1)),
    Case("exporter/delivered-twice", "produce", "requests are delivered twice, on two connections",
         "Kafka takes each once", 1, ("duplicate", 5)),
)  # fmt: skip
EXPORTER_OTHER = (
    Case("exporter/broker-killed-while-sending", "after send",
         "kill -9 of the only broker, which comes back", "waits and goes on", 1_000),
    Case("exporter/broker-killed-before-confirmation-is-noted", "before confirmation",
         "kill -9 of the broker after it wrote", "confirmed on its disk, or sent again", 300),
    Case("exporter/broker-killed-before-position-saved", "before position saved",
         "kill -9 of the broker after it confirmed", "what was confirmed is still there", 1),
    Case("exporter/suspended", "after send", "the exporter is suspended for 3 s and goes on",
         "as if nothing had been", 1_000),
    Case("exporter/started-twice", "while it runs", "a second process of the same name",
         "the second one is refused, the first goes on"),
    Case("exporter/told-to-send-everything-again", "when done", "its position is reset to 0",
         "the topic has everything twice, the stores once"),
    Case("exporter/disk-full-for-its-position", "before position saved",
         "no byte more fits on its disk, for a while", "stops sending, goes on when there is room",
         1),
    Case("exporter/records-too-large", "while it sends",
         "records of more than 5 MB, where Kafka takes 1 MB",
         "their parts are in the topic for dead letters with the reason, the stream goes on"),
    Case("exporter/killed-between-the-parts-of-a-large-record", "before send",
         "kill -9 of the exporter", "the parts are sent again, whole"),
    Case("exporter/disk-full-under-kafka", "while it sends",
         "Kafka can write nothing more to its log and ends; it comes back when there is room",
         "nothing is acknowledged before Kafka has it"),
)  # fmt: skip
RELATIONAL_KILLS = kills(
    "relational",
    "the importer",
    {
        "after partitions taken": 0,
        "before claim": 0,
        "after claim": 3,
        "after fetch": 3,
        "before operator letters": 1,
        "after operator letters": 1,
        "before transaction": 4,
        "after watermark row": 5,
        "after rows of a table": 40,
        "before commit": 14,
        "after commit": 14,
        "before offset commit": 2,
        "after offset commit": 2,
    },
    "rows and watermark change in one transaction; reading begins at the watermark",
)
RELATIONAL_ONBOARDING = kills(
    "relational",
    "the importer while it onboards a tenant",
    {
        "before tenant's database": 0,
        "after tenant's database": 0,
        "after tenant's account": 0,
        "after tenant's tables": 0,
    },
    "onboarding is done again, whole",
)
RELATIONAL_NETWORK = (
    Case("relational/reset-instead-of-commit", "COMMIT", "the connection is reset",
         "rolled back by the server, written again", 8, ("reset", 2, "COMMIT")),
    Case("relational/answer-to-commit-lost", "COMMIT", "committed, and nobody told",
         "the watermark is read again before anything is written", 8, ("lost answer", 3, "COMMIT")),
    Case("relational/reset-amid-rows", "INSERT", "the connection is reset",
         SAME, 20, ("reset", 3, "INSERT")),
    Case("relational/answer-to-rows-lost", "INSERT", "written, not committed, and nobody told",
         SAME, 20, ("lost answer", 3, "INSERT")),
    Case("relational/network-stalls", "COMMIT", "a black hole for 3 s",
         "waits", 8, ("stall", 1, "COMMIT")),
    Case("relational/network-trickles", "INSERT", "bytes drip for 2 s",
         "is slow", 8, ("trickle", 1, "INSERT")),
    Case("relational/half-closed", "COMMIT", "the server's side ends, ours stays open",
         "connects again", 8, ("half-closed", 2, "COMMIT")),
)  # fmt: skip
DATABASE_KILLS = tuple(
    Case(f"relational/database-killed-{step.replace(' ', '-')}", step,
         "kill -9 of the database server, which comes back",
         "tenants wait, each goes on from its watermark", skip)
    for step, skip in (("before transaction", 4), ("after watermark row", 5),
                       ("before commit", 14), ("after commit", 14))
)  # fmt: skip
DATABASE_TROUBLE = (
    Case("relational/database-away-at-start", "start", "the importer finds no database",
         "waits until it is there"),
    Case("relational/row-lock", "before transaction", "another session locks the watermarks",
         "the lock is waited for, again and again", 4),
    Case("relational/table-lock", "before transaction", "another session locks a whole table",
         "the lock is waited for, again and again; other tenants go on", 4),
    Case("relational/metadata-lock", "before transaction",
         "a change of a table waits for somebody's open transaction, and everyone behind it",
         "given up after 5 s and tried again; other tenants go on", 4),
    Case("relational/deadlock", "before transaction", "a deadlock, and the importer is its victim",
         "the transaction is repeated", 4),
    Case("relational/no-connection-free", "start", "max_connections is reached",
         "waits until one is free"),
    Case("relational/read-only-server", "before transaction", "the server becomes read-only",
         "no record becomes a dead letter; goes on when it may write", 4),
    Case("relational/connections-killed", "all the time", "an operator kills connections at random",
         SAME),
)  # fmt: skip
SEARCH_KILLS = kills(
    "search",
    "the importer",
    {
        "before index": 0,
        "after index": 0,
        "before watermark claim": 1,
        "after watermark claim": 2,
        "before documents": 3,
        "before bulk": 3,
        "after bulk": 3,
        "before watermark document": 5,
        "after watermark document": 5,
        "before offset commit": 2,
        "after offset commit": 2,
    },
    "documents defend themselves by position, the watermark moves last",
)
SEARCH_ANSWERS = (
    Case("search/busy", "bulk", "429 for the whole request", "asked again, with pauses", 0,
         ("busy",)),
    Case("search/overloaded", "bulk", "503 and no JSON", "asked again, with pauses", 0,
         ("overloaded",)),
    Case("search/partly-busy", "bulk", "429 for every second document",
         "those alone are sent again", 0, ("partly_busy",)),
    Case("search/request-lost", "bulk", "the connection ends before the server has it",
         "sent again", 0, ("lost_request",)),
    Case("search/answer-lost", "bulk", "the server has it, the connection ends",
         "sent again; what is there already is read and merged", 0, ("lost_answer",)),
    Case("search/delivered-twice", "bulk", "every second request is delivered twice",
         "the second one conflicts and changes nothing", 0, ("twice",)),
    Case("search/watermark-answer-lost", "watermark document", "moved, and nobody told",
         "read again; ours", 0, ("lost_answer", "_doc")),
    Case("search/watermark-busy", "watermark document", "429", "asked again", 0,
         ("busy", "_doc")),
)  # fmt: skip
SEARCH_NETWORK = (
    Case("search/network-reset", "bulk", "the connection is reset", SAME, 2, ("reset", 3)),
    Case("search/network-stalls", "bulk", "a black hole for 3 s", "waits", 2, ("stall", 1)),
    Case("search/network-trickles", "bulk", "bytes drip for 2 s", "is slow", 2, ("trickle", 1)),
    Case("search/half-closed", "bulk", "the server's side ends, ours stays open",
         "connects again", 2, ("half-closed", 2)),
)  # fmt: skip
SEARCH_NODE = (
    Case("search/node-killed-before-bulk", "before bulk",
         "kill -9 of the search server, which comes back",
         "what it confirmed is on its disk; the rest is written again", 3),
    Case("search/node-killed-before-watermark", "before watermark document",
         "kill -9 of the search server between documents and watermark",
         "the documents are merged again and do not change", 5),
    Case("search/index-not-writable", "before bulk", "the index is blocked for writing (403)",
         "no record becomes a dead letter; goes on when it is opened", 3),
    Case("search/index-read-only-for-lack-of-disk", "before bulk",
         "the server made it read-only because its disk is full",
         "no record becomes a dead letter; goes on when it is opened", 3),
    Case("search/watermarks-not-writable", "before watermark document",
         "the index of the watermarks is blocked for writing", "waits", 5),
    Case("search/indices-deleted", "before bulk", "somebody deletes every index of a tenant",
         "the importer ends instead of going on; started again it fills them from the stream", 3),
)  # fmt: skip
STREAM_NETWORK = (
    Case("stream/fetch-reset", "fetch", "connections to Kafka are reset", "connects again", 3,
         ("reset", 3, "fetch")),
    Case("stream/fetch-answer-lost", "fetch", "answers are lost", "fetches again", 3,
         ("lost answer", 3, "fetch")),
    Case("stream/fetch-stalls", "fetch", "a black hole for 3 s", "waits", 3,
         ("stall", 1, "fetch")),
    Case("stream/fetch-trickles", "fetch", "bytes drip for 2 s", "is slow", 3,
         ("trickle", 1, "fetch")),
    Case("stream/fetch-half-closed", "fetch", "Kafka's side ends, ours stays open",
         "connects again", 3, ("half-closed", 1, "fetch")),
    Case("stream/offset-commit-lost", "offset commit", "the answers to committed offsets are lost",
         "the offset is only a hint", 0, ("lost answer", 3, "commit")),
    Case("stream/joining-reset", "join", "joining the group is reset", "joins again", 0,
         ("reset", 2, "join")),
)  # fmt: skip
STREAM_GROUPS = (
    Case("stream/rebalance-in-mid-batch", "before commit",
         "a second importer joins while the first is in a transaction",
         "the first finishes what it began, then hands over", 6),
    Case("stream/member-killed-in-mid-batch", "before commit",
         "of two importers of a group one is killed in a transaction",
         "the other takes its partitions over", 6),
    Case("stream/started-twice-in-a-group", "start", "two importers of the same group at once",
         "they share the partitions"),
    Case("stream/started-twice-with-one-name", "when done",
         "a second process with the same lasting name (instance=)",
         "the newer one works, the older one ends and says why"),
    Case("stream/twins-of-two-groups", "while it runs", "two importers read everything",
         "the newer one owns the watermarks, the older one is fenced and ends"),
    Case("stream/twins-restarted-again-and-again", "while they run",
         "two importers read everything, each started again when it ends",
         "they take turns, nothing is doubled"),
    Case("stream/paused-relational-twin", "before commit",
         "suspended in a transaction past the session timeout; another takes over; it wakes",
         "the one that wakes writes nothing", 6),
    Case("stream/paused-search-twin", "before bulk",
         "suspended before a bulk past the session timeout; another takes over; it wakes",
         "what it still writes is merged, its watermark is refused", 3),
    Case("stream/broker-killed-in-mid-batch", "before commit",
         "kill -9 of the broker while the importer is in a transaction", "goes on with it back", 6),
)  # fmt: skip
STREAM_CONTENT = (
    Case("stream/replayed-from-zero", "when done", "the group's offsets are deleted",
         "everything is read again, nothing written"),
    Case("stream/watermarks-set-back", "when done",
         "the watermarks go back to 0, as in a restored backup",
         "everything is written again, and is the same"),
    Case("stream/partitions-added", "when the importers have caught up",
         "the exporter is killed, the topic gets more partitions",
         "payments whose records are in two partitions come out right"),
    Case("stream/another-epoch", "while it is read", "records of another engine's life",
         "both are there, apart"),
    Case("stream/poison", "while it is read",
         "no JSON, no record, wrong types, unknown types and tenants, 900 KB of nothing",
         "each is a dead letter with its reason; the stream goes on"),
)  # fmt: skip
ENGINE_KILLS = kills(
    "engine",
    "the engine under load",
    {
        "before engine write": 60,
        "after engine write": 60,
        "before engine flush": 40,
        "after engine flush": 40,
        "before engine told of a position": 4,
    },
    "what was answered is in the log; what was not is done once when it is ordered again",
)
ENGINE_OTHER = (
    Case("engine/disk-full", "under load", "no byte more fits on the engine's disk",
         "the engine stops instead of answering; started again with room it has all it answered"),
    Case("engine/suspended", "under load", "the engine is suspended for 2 s", "readers wait"),
)  # fmt: skip
CLUSTER = (
    Case("cluster/leader-killed-while-sending", "after send", "kill -9 of a leader of three nodes",
         "the others have everything that was confirmed", 1_000, "exporter"),
    Case("cluster/leader-killed-before-position-saved", "before position saved",
         "kill -9 of a leader of three nodes", "what was confirmed is on the others", 1,
         "exporter"),
    Case("cluster/two-nodes-killed-while-sending", "after send", "kill -9 of two nodes of three",
         "nothing is confirmed until two are in sync again", 1_000, "exporter twice"),
    Case("cluster/leader-killed-in-mid-batch", "before commit",
         "kill -9 of a leader while the importer is in a transaction", "reads on from another", 6,
         "importer"),
    Case("cluster/coordinator-killed", "before offset commit",
         "kill -9 of the node that knows the group's offsets", "another node takes over", 2,
         "coordinator"),
)  # fmt: skip
EMBEDDED_KILLS = kills(
    "embedded",
    "an importer into SQLite",
    {
        "after claim": 3,
        "before transaction": 4,
        "after watermark row": 5,
        "after rows of a table": 20,
        "after transaction": 6,
        "before sqlite durable": 1,
        "after sqlite durable": 1,
        "before offset commit": 2,
    },
    "rows and watermark change in one transaction; acknowledged is only what is on disk",
)
EMBEDDED_OTHER = (
    Case("embedded/disk-full", "before transaction", "no byte more fits on the stores' disk",
         "tenants wait, nothing becomes a dead letter; they go on when there is room", 4),
    Case("embedded/locked", "before transaction", "another program holds the write lock",
         "the tenant waits, the other one goes on", 4),
)  # fmt: skip
PIPELINE = (
    Case("pipeline/anything-killed-at-random", "any",
         "under load, kill -9 of engine, exporter, importers, database, broker at random moments",
         "PHEE_FAULT_ROUNDS times as many with a seed that is printed"),
)  # fmt: skip

TABLES: Mapping[str, Sequence[Case]] = {
    "The exporter": (*EXPORTER_KILLS, *EXPORTER_NETWORK, *EXPORTER_OTHER),
    "The relational importer and its database": (
        *RELATIONAL_KILLS, *RELATIONAL_ONBOARDING, *RELATIONAL_NETWORK, *DATABASE_KILLS,
        *DATABASE_TROUBLE,
    ),
    "The search importer and its server": (
        *SEARCH_KILLS, *SEARCH_ANSWERS, *SEARCH_NETWORK, *SEARCH_NODE,
    ),
    "Importers and Kafka": (*STREAM_NETWORK, *STREAM_GROUPS, *STREAM_CONTENT),
    "The engine, with everything behind it": ENGINE_KILLS + ENGINE_OTHER,
    "Kafka with three nodes": CLUSTER,
    "Embedded stores": EMBEDDED_KILLS + EMBEDDED_OTHER,
    "Everything at once": PIPELINE,
}  # fmt: skip


def all_cases() -> Iterator[Case]:
    for cases in TABLES.values():
        yield from cases


def table(*cases: Sequence[Case]) -> pytest.MarkDecorator:
    """Parametrize a test with cases, by their names."""
    rows = [case for part in cases for case in part]
    return pytest.mark.parametrize("case", rows, ids=str)


def named(cases: Sequence[Case], name: str) -> Case:
    """The case of this name, for tests that are one case."""
    return next(case for case in cases if case.name == name)
