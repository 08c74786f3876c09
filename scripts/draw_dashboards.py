#!/usr/bin/env python3
"""Write the Grafana dashboards of ``deploy/grafana/dashboards`` from the panels listed here.

    scripts/draw_dashboards.py

Run it after a change; a test compares the files with what this would write.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from dashboards.data_side import DATA_SIDE
from dashboards.engine import ENGINE
from dashboards.overview import OVERVIEW

FOLDER = Path(__file__).parent.parent / "deploy" / "grafana" / "dashboards"


def files() -> dict[str, str]:
    """Return the content of every dashboard file by its name."""
    return {
        f"{board.uid}.json": json.dumps(board.model(), indent=1) + "\n"
        for board in (OVERVIEW, ENGINE, DATA_SIDE)
    }


if __name__ == "__main__":
    for name, content in files().items():
        (FOLDER / name).write_text(content, encoding="utf-8")
