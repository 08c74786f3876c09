"""The demo on the real engines, as `make run-real` runs it: every payment ends as it must.

Needs Kafka, MariaDB, OpenSearch, Prometheus and (for one mix) Zeebe; skipped, saying so, where one
cannot be had.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAYMENTS = 20


@pytest.mark.slow
@pytest.mark.services
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mix", ["engine", "zeebe"])
def test_every_payment_ends_as_it_must(mix: str) -> None:
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "scripts" / "run_real.py",
            "--mix",
            mix,
            "--payments",
            str(PAYMENTS),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=590,
    )
    if "a real engine cannot be had here" in done.stdout:
        pytest.skip(done.stdout[done.stdout.index("a real engine cannot be had here") :][:500])
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    assert f"All {PAYMENTS} payments ended as they must" in done.stdout
    assert "processes scraped" in done.stdout
