"""A real Prometheus scrapes a hub that makes payments: every panel and alert has what it asks for.

What only some deployments have (Kafka, a Zeebe) is not shown by this hub; those names are looked up
in what their own metrics objects, or a real Zeebe, show.
"""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry
from prometheus_files import panels, prometheus_program, rules
from real_components import process
from real_components.operate import free_ports, start_component
from real_components.prometheus import Prometheus, Target
from running_hub import Http, eventually
from running_world import World

from phee.exporter.kafka.metrics import KafkaExporterMetrics
from phee.monitoring import render

ZEEBE_NAMES = Path(__file__).parents[1] / "unit" / "monitoring" / "zeebe_8_5_8_metrics.txt"
NAME = re.compile(r"\b(?:phee_|zeebe_|process_|phee:)[a-z0-9_:]+")
QUIET = {
    "phee-data / Our exporter to Kafka", "phee-data / Exporters behind",
    "phee-data / Exported by value type",  # no Kafka here
    "phee-data / Dead letters", "phee-overview / Dead letters",  # all is well here
    "phee-data / Slow statements", "phee-data / Records that came again",
    "phee-data / Trouble with stores",
}  # fmt: skip


@pytest.fixture(scope="module")
def paid(world: World) -> World:
    for number in range(3):
        world.pay_to_its_end(f"prometheus-{number}")
    return world


@pytest.fixture(scope="module")
def prometheus(
    paid: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Http, World]]:
    prometheus_program("prometheus")
    targets = [
        Target("phee-hub", paid.hub.port),
        Target("phee-importer-relational", paid.importers[0].port),
        Target("phee-importer-search", paid.importers[1].port),
    ]
    component = Prometheus(targets)
    ports = free_ports(component)
    running = start_component(component, tmp_path_factory.mktemp("prometheus"), ports, {})
    yield Http(ports["http"]), paid
    process.stop(running)


def ask(api: Http, expression: str) -> list[Any]:
    """The result of an instant query."""
    query = urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(f"http://127.0.0.1:{api.port}/api/v1/query?{query}") as answer:
        found = json.load(answer)
    assert found["status"] == "success", found
    result: list[Any] = found["data"]["result"]
    return result


def ask_topology(target: str) -> None:
    with grpc.insecure_channel(target) as channel:
        channel.unary_unary("/gateway_protocol.Gateway/Topology")(b"", timeout=20)


def exposed(text: str) -> set[str]:
    """Every series name that a /metrics page declares, with or without values yet."""
    names = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            parts = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            names |= {name + part for part in parts}
    return names


def known_elsewhere() -> set[str]:
    """What a Kafka exporter of ours and a real Zeebe show."""
    registry = CollectorRegistry()
    KafkaExporterMetrics(registry, "kafka")
    zeebe = {line.split()[0] for line in ZEEBE_NAMES.read_text().splitlines()}
    return exposed(render(registry).decode()) | zeebe


def test_every_name_in_panels_rules_and_alerts_is_one_that_a_process_shows(paid: World) -> None:
    pages = [api.get("/metrics").body.decode() for api in (paid.hub, *paid.importers)]
    recorded = {rule["record"] for rule in rules("rules.yml")}
    known = set(chain.from_iterable(map(exposed, pages))) | recorded | known_elsewhere()
    wanted = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules("alerts.yml")]
    wanted += [(rule["record"], rule["expr"]) for rule in rules("rules.yml")] + panels()
    missing = {where: set(NAME.findall(text)) - known for where, text in wanted}
    assert {where: names for where, names in missing.items() if names} == {}
    assert sum(len(NAME.findall(text)) for _, text in wanted) > 80


@pytest.mark.timeout(240)
def test_every_panel_shows_something_while_payments_are_made(
    prometheus: tuple[Http, World],
) -> None:
    api, world = prometheus
    waiting = {panel for panel in panels() if panel[0] not in QUIET}
    numbers = iter(range(10_000))

    def all_show() -> bool:
        world.pay_to_its_end(f"seen-{next(numbers)}")
        ask_topology(world.grpc_target)
        for panel in list(waiting):
            if any(sample["value"][1] != "NaN" for sample in ask(api, panel[1])):
                waiting.remove(panel)
        return not waiting

    try:
        eventually(all_show, timeout_s=120, what="values in every panel")
    except AssertionError:
        raise AssertionError(f"these panels show nothing: {sorted(waiting)}") from None
    for _, expression in panels():
        ask(api, expression)


def test_no_alert_fires_on_a_hub_that_is_well(prometheus: tuple[Http, World]) -> None:
    api, _ = prometheus
    eventually(lambda: len(ask(api, "up == 1")) == 3 or None, timeout_s=60, what="three targets up")
    firing = {sample["metric"]["alertname"] for sample in ask(api, "ALERTS")}
    assert firing - {"DiskLow", "FreshnessObjectiveMissed", "IncidentsOpen"} == set(), firing


def test_the_process_metrics_of_each_are_there(prometheus: tuple[Http, World]) -> None:
    api, _ = prometheus
    jobs = {"phee-hub", "phee-importer-relational", "phee-importer-search"}
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total"):
        eventually(
            lambda name=name: {s["metric"]["job"] for s in ask(api, name)} == jobs or None,
            timeout_s=60,
            what=name,
        )
