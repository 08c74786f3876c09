#!/usr/bin/env python3
"""Write docs/faults.md from the tables of the fault tests.

PYTHONPATH=src:tests/support:scripts python scripts/list_faults.py
"""

from __future__ import annotations

from pathlib import Path

from fault_cases import TABLES, Case, all_cases

PAGE = Path(__file__).parents[1] / "docs" / "faults.md"
_HEAD = """# What was broken, and what held

Every line is a test (`tests/e2e/faults`) with a real engine and its record log, the exporter and
importer processes, a real Kafka (one node, and three), MariaDB and OpenSearch. Each case breaks
one thing at one step. In the end the rows and documents of every tenant must be, one by one, the
fold of the whole log: nothing missing, nothing twice, and the dead letters exactly those that were
to be expected.

```
PHEE_TEST_LONG=1 python -m pytest tests/e2e/faults        # all of them, part of `make test-long`
PHEE_TEST_LONG=1 python -m pytest tests/e2e/faults -k network  # some
PHEE_TEST_LONG=1 PHEE_SEED=7 PHEE_FAULT_ROUNDS=20 python -m pytest tests/e2e/faults -k killed
```

`PHEE_FAULT_ROUNDS` repeats the fault of a case, from the second time on at a random moment; the
seed of the moments is printed and `PHEE_SEED` repeats it. The components are installed and started
by themselves (docs/architecture.md); where they cannot be had the tests are skipped and say so.

*Step* is the step of the product at which it happens: before or after it, a request, or a moment.
This page is written by `scripts/list_faults.py` from the tables that the tests run.
"""


def page() -> str:
    """Return the text of the page."""
    parts = [_HEAD, f"{len(list(all_cases()))} cases:"]
    for title, cases in TABLES.items():
        rows = "\n".join(_row(case) for case in cases)
        parts.append(
            f"## {title}\n| case | step | what happens | what holds |\n|---|---|---|---|\n{rows}"
        )
    return "\n\n".join(parts) + "\n"


def _row(case: Case) -> str:
    return f"| `{case.name}` | {case.step} | {case.fault} | {case.holds} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
