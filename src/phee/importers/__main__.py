"""``python -m phee.importers relational|search --data DIR [--stream S] [--database URL]``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from phee.errors import PheeError
from phee.importers.process import KINDS, ImporterSettings, run_importer
from phee.monitoring.logs import LEVEL_VARIABLE
from phee.stores.relational.stores import SQLITE
from phee.stores.search.runtime import EMBEDDED
from phee.stream.choice import STREAM_VARIABLE

DATA_VARIABLE = "PHEE_DATA"


def main(arguments: Sequence[str] | None = None, *, name: str = "python -m phee.importers") -> int:
    """Run one importer; return its exit status. ``name`` is what the help calls this program."""
    options = _parser(name).parse_args(arguments)
    settings = ImporterSettings(
        data=options.data,
        stream=options.stream,
        http_host=options.http_host,
        http_port=options.http_port,
        mapping=options.mapping,
        database=options.database,
        search=options.search,
        log_level=options.log_level,
    )
    try:
        run_importer(options.kind, settings)
    except PheeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=name, description="Import the stream into one kind of store, until Ctrl-C or SIGTERM."
    )
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument(
        "--data",
        type=Path,
        default=os.environ.get(DATA_VARIABLE),
        required=DATA_VARIABLE not in os.environ,
        help=f"the hub's data directory (default: {DATA_VARIABLE})",
    )
    parser.add_argument(
        "--stream",
        default=os.environ.get(STREAM_VARIABLE, ""),
        help=f"log or kafka://host:port/topic (default: {STREAM_VARIABLE}, or log)",
    )
    parser.add_argument("--http-host", default="127.0.0.1", help="address of health and metrics")
    parser.add_argument("--http-port", type=int, default=0, help="health and metrics (0: any)")
    parser.add_argument("--mapping", type=Path, help="a mapping file instead of the shipped one")
    parser.add_argument(
        "--database",
        default=os.environ.get("PHEE_DATABASE", SQLITE),
        help="sqlite, or mysql://operator@host:3306/phee (default: PHEE_DATABASE)",
    )
    parser.add_argument(
        "--search",
        default=os.environ.get("PHEE_SEARCH", EMBEDDED),
        help="sqlite, or https://user@host:port of a search server (default: PHEE_SEARCH)",
    )
    level = os.environ.get(LEVEL_VARIABLE, "INFO")
    parser.add_argument("--log-level", default=level, help=f"(default: {LEVEL_VARIABLE}, or INFO)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
