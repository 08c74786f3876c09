"""Rebuilds a store of tenant rhino and is killed at a step: ``python rebuild_child.py ARGUMENTS``.

Arguments: step, kind, data directory, stream, database, search.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from phee.importers.process import KINDS
from phee.projections.mapping import default_mapping
from phee.stores.mysql.shadow import MysqlShadow
from phee.stores.search.opensearch.server import SearchServer
from phee.upkeep import rebuilding
from phee.upkeep.runtimes import Runtimes

STEPS = ("made", "compared", "locked", "before-swap", "after-swap", "removing")


def die(*_: object, **__: object) -> Any:
    """Be killed: nothing in this process may see to it."""
    os.kill(os.getpid(), signal.SIGKILL)


def before(holder: Any, name: str, applies: Callable[..., bool] = lambda *_, **__: True) -> None:
    """Die when a method is called."""
    method = getattr(holder, name)

    def called(*arguments: Any, **options: Any) -> Any:
        if applies(*arguments, **options):
            die()
        return method(*arguments, **options)

    setattr(holder, name, called)


def after(holder: Any, name: str, applies: Callable[..., bool] = lambda *_, **__: True) -> None:
    """Die when a method has done its work."""
    method = getattr(holder, name)

    def called(*arguments: Any, **options: Any) -> Any:
        done = method(*arguments, **options)
        if applies(*arguments, **options):
            die()
        return done

    setattr(holder, name, called)


def is_swap(_server: object, _method: str, path: str, *_: object, **__: object) -> bool:
    return path.startswith("/_aliases")


def arrange(step: str) -> None:
    """Die at ``step``, whichever runtime the store is on."""
    rebuilder = rebuilding.Rebuilder
    if step == "made":
        after(rebuilding, "open_replacement")
    elif step == "compared":
        after(rebuilder, "_fold_and_compare")
    elif step == "locked":
        swap = rebuilder._swap

        def killed_when_locked(self: Any, shadow: Any, replacement: Any) -> int:
            replacement.swap = lambda _, swap=replacement.swap: swap(die)
            return swap(self, shadow, replacement)

        rebuilder._swap = killed_when_locked  # type: ignore[method-assign]
    elif step in ("before-swap", "after-swap"):
        arranged = before if step == "before-swap" else after
        arranged(Path, "replace")
        arranged(MysqlShadow, "_rename")
        arranged(SearchServer, "ask_once", is_swap)
    else:
        after(rebuilder, "_swap")


def main() -> None:
    step, kind, data, stream, database, search = sys.argv[1:]
    runtimes = Runtimes(data=Path(data), stream=stream, database=database, search=search)
    history = runtimes.open_history()
    arrange(step)
    (chosen,) = (each for each in KINDS if each == kind)
    rebuilding.Rebuilder(chosen, runtimes, "rhino", history, default_mapping()).rebuild()


if __name__ == "__main__":
    main()
