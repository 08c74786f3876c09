"""Panels and dashboards, and the JSON form in which Grafana takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

_SOURCE = {"type": "prometheus", "uid": "prometheus"}
_COLUMNS = 24
_HEIGHT = 8
_SCHEMA = 39


@dataclass(frozen=True)
class Query:
    """A PromQL expression and the legend of its lines."""

    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """Lines over time (or one number), in a unit that Grafana knows."""

    title: str
    unit: str
    queries: Sequence[Query]
    description: str = ""
    kind: Literal["timeseries", "stat"] = "timeseries"
    width: int = 8

    def model(self, number: int, x: int, y: int) -> dict[str, Any]:
        """Return the panel as Grafana's JSON, placed at ``x``, ``y``."""
        targets = [
            {
                "refId": chr(ord("A") + index),
                "expr": query.expression,
                "legendFormat": query.legend,
                "datasource": _SOURCE,
            }
            for index, query in enumerate(self.queries)
        ]
        defaults: dict[str, Any] = {"unit": self.unit, "min": 0}
        if self.kind == "timeseries":
            defaults["custom"] = {"fillOpacity": 8, "lineWidth": 1, "showPoints": "never"}
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": _SOURCE,
            "gridPos": {"h": _HEIGHT, "w": self.width, "x": x, "y": y},
            "fieldConfig": {"defaults": defaults, "overrides": []},
            "targets": targets,
        }


@dataclass(frozen=True)
class Dashboard:
    """Panels from left to right and top to bottom."""

    uid: str
    title: str
    panels: Sequence[Panel]
    tags: Sequence[str] = field(default=("phee",))

    def model(self) -> dict[str, Any]:
        """Return the dashboard as Grafana's JSON."""
        placed, x, y = [], 0, 0
        for number, panel in enumerate(self.panels, start=1):
            if x + panel.width > _COLUMNS:
                x, y = 0, y + _HEIGHT
            placed.append(panel.model(number, x, y))
            x += panel.width
        return {
            "uid": self.uid,
            "title": self.title,
            "tags": list(self.tags),
            "schemaVersion": _SCHEMA,
            "editable": False,
            "refresh": "10s",
            "time": {"from": "now-30m", "to": "now"},
            "timezone": "utc",
            "panels": placed,
        }


def rate(metric: str, *by: str, selector: str = "") -> str:
    """Return a counter's rate over the last minute, summed by labels."""
    grouped = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouped} (rate({metric}{selector}[1m]))"


def percentile(share: float, metric: str, *by: str) -> str:
    """Return a percentile of a histogram over the last five minutes, by labels."""
    labels = ", ".join(("le", *by))
    return f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket[5m])))"


def percentiles(metric: str) -> list[Query]:
    """Return the median and the 99th percentile of a histogram."""
    return [Query(percentile(share, metric), f"p{share:.0%}"[:-1]) for share in (0.5, 0.99)]
