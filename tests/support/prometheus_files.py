"""The Prometheus and Grafana files that ship, as tests read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from real_components.missing import Missing
from real_components.prometheus import program

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))


def prometheus_program(name: str) -> str:
    """The path of ``prometheus`` or ``promtool``; skips the test when it cannot be had."""
    try:
        return program(name)
    except Missing as missing:
        pytest.skip(f"Prometheus cannot be had: {missing}")


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def rules(name: str) -> list[dict[str, Any]]:
    """The rules of rules.yml or alerts.yml."""
    return [rule for group in read_yaml(PROMETHEUS / name)["groups"] for rule in group["rules"]]


def panels() -> list[tuple[str, str]]:
    """Every query of every dashboard: (dashboard / panel, expression)."""
    return [
        (f"{path.stem} / {panel['title']}", target["expr"])
        for path in DASHBOARDS
        for panel in json.loads(path.read_text())["panels"]
        for target in panel["targets"]
    ]
