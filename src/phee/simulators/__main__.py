"""``python -m phee.simulators``: see ``--help``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from phee.errors import PheeError
from phee.simulators.config import SimulatorConfig, parse_rates
from phee.simulators.server import run_simulators


def main() -> int:
    """Run until interrupted; 2 when the settings cannot be used."""
    arguments = _parser().parse_args()
    try:
        run_simulators(_config(arguments))
    except (PheeError, OSError) as error:
        sys.stderr.write(f"phee.simulators: {error}\n")
        return 2
    return 0


def _config(arguments: argparse.Namespace) -> SimulatorConfig:
    return SimulatorConfig(
        data=arguments.data,
        host=arguments.host,
        port=arguments.port,
        seed=arguments.seed,
        rates=parse_rates(arguments.fault),
        magic=arguments.magic,
        late_ms=arguments.late_ms,
        reorder_window_ms=arguments.reorder_window_ms,
        accounts=arguments.accounts,
    )


def _parser() -> argparse.ArgumentParser:
    defaults = SimulatorConfig(data=Path())
    parser = argparse.ArgumentParser(
        prog="python -m phee.simulators", description="A core-banking ledger and a payment scheme."
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of the SQLite files")
    add("--host", default=defaults.host)
    add("--port", type=int, default=defaults.port, help="0 takes a free one")
    add(
        "--accounts", type=Path, help="JSON: banks, participants and parties to know from the start"
    )
    add("--seed", type=int, default=defaults.seed, help="of the random faults")
    add(
        "--fault",
        action="append",
        default=[],
        metavar="KIND:FAULT=RATE,...",
        help="such as transfers-put:drop=0.01,delay=0.1 or *:duplicate=0.05; may be repeated",
    )
    add(
        "--magic",
        action=argparse.BooleanOptionalAction,
        default=defaults.magic,
        help="whether magic amounts and identifiers cause faults",
    )
    add("--late-ms", type=int, default=defaults.late_ms, help="how late a late answer is")
    add("--reorder-window-ms", type=int, default=defaults.reorder_window_ms)
    return parser


if __name__ == "__main__":
    sys.exit(main())
