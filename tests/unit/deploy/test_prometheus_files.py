"""Rules, alerts and dashboards: well-formed, tested by promtool, generated from one source."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import draw_dashboards
import pytest
import yaml
from prometheus_files import DASHBOARDS, PROMETHEUS, panels, prometheus_program, rules

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook.md"


def promtool(*arguments: str, folder: Path = PROMETHEUS) -> str:
    command = [prometheus_program("promtool"), *arguments]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_configuration_and_rules_are_valid() -> None:
    assert "SUCCESS" in promtool("check", "config", "--lint=all", "--lint-fatal", "prometheus.yml")


@pytest.mark.timeout(300)
def test_alerts_fire_when_they_should_and_not_otherwise() -> None:
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yml", folder=PROMETHEUS / "tests")


def test_every_alert_is_tested_both_ways_and_has_a_runbook() -> None:
    tests = yaml.safe_load((PROMETHEUS / "tests" / "alerts_test.yml").read_text())["tests"]
    calm, firing = set(), set()
    for test in tests:
        for case in test["alert_rule_test"]:
            (firing if case.get("exp_alerts") else calm).add(case["alertname"])
    names = {rule["alert"] for rule in rules("alerts.yml")}
    assert names == calm == firing
    sections = {line[3:] for line in RUNBOOK.read_text().splitlines() if line.startswith("## ")}
    assert sections == names
    for rule in rules("alerts.yml"):
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("critical", "warning")


def test_dashboards_are_what_the_generator_writes() -> None:
    found = {path.name: path.read_text() for path in DASHBOARDS}
    assert found == draw_dashboards.files(), "run scripts/draw_dashboards.py"


def test_dashboards_are_small_and_their_panels_have_names_of_their_own() -> None:
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
        assert len(set(places)) == len(places)
        assert len(places) <= (12 if board["uid"] == "phee-overview" else 20)


def test_every_expression_can_be_parsed(tmp_path: Path) -> None:
    group = {
        "name": "panels",
        "rules": [
            {"record": f"panel:{number}", "expr": expression}
            for number, (_, expression) in enumerate(panels())
        ],
    }
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [group]}))
    promtool("check", "rules", "panels.yml", folder=tmp_path)
