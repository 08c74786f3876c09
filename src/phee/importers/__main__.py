"""``python -m phee.importers relational|search --data DIR [--stream S] [--database URL]``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from phee.errors import PheeError
from phee.importers.process import KINDS, ImporterSettings, run_importer
from phee.stores.relational.stores import SQLITE
from phee.stores.search.runtime import EMBEDDED
from phee.stream.choice import STREAM_VARIABLE


def main() -> int:
    """Run one importer; return its exit status."""
    arguments = _parser().parse_args()
    settings = ImporterSettings(
        data=arguments.data,
        stream=arguments.stream,
        http_host=arguments.http_host,
        http_port=arguments.http_port,
        mapping=arguments.mapping,
        database=arguments.database,
        search=arguments.search,
        log_level=arguments.log_level,
    )
    try:
        run_importer(arguments.kind, settings)
    except PheeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m phee.importers")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--data", type=Path, required=True, help="the hub's data directory")
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
    parser.add_argument("--log-level", default="INFO")
    return parser


if __name__ == "__main__":
    sys.exit(main())
