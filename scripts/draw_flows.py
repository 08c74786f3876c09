#!/usr/bin/env python3
"""Draw the flows that ship: write ``src/phee/flows/*.bpmn`` from their description here.

    .venv/bin/python scripts/draw_flows.py           write the files
    .venv/bin/python scripts/draw_flows.py --check   fail when a file differs from its description

The files are generated, and complete BPMN: any modeler opens them. A change belongs into
``scripts/flow_drawing/``, where rows and columns are chosen by hand.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from flow_drawing import payee_party_lookup, payee_quote_transfer, payer_fund_transfer
from flow_drawing.bpmn_file import to_bpmn

FLOWS = Path(__file__).parent.parent / "src/phee/flows"
COMMENT = (
    " Generated: change scripts/flow_drawing and run .venv/bin/python scripts/draw_flows.py."
    " Ids and job types end with the tenant's id. "
)


def files() -> dict[Path, bytes]:
    """Every file and its content."""
    drawings = [payer_fund_transfer, payee_quote_transfer, payee_party_lookup]
    drawn = [module.draw() for module in drawings]
    return {FLOWS / f"{each.process_id}.bpmn": to_bpmn(each, COMMENT) for each in drawn}


def main() -> int:
    """Write or check the files; the exit status is 1 when a check finds a difference."""
    parser = argparse.ArgumentParser(description="Draw the flows that ship")
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args().check
    stale = [path for path, content in files().items() if not _is(path, content)]
    for path in stale:
        if not check:
            path.write_bytes(files()[path])
        print(f"{'differs' if check else 'written'}: {path.name}")
    return 1 if check and stale else 0


def _is(path: Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() == content


if __name__ == "__main__":
    sys.exit(main())
