"""Run a module as a child process that never outlives its parent.

``python -m phee.cli.child MODULE [ARG ...]``: the parent keeps the other end of our standard
input open and never writes to it, so end of file means that the parent is gone, however it died.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading

from phee.collecting import collect_seldom


def follow_parent() -> None:
    """End this process (as if by SIGTERM) when its standard input ends."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="follow-parent", daemon=True).start()


if __name__ == "__main__":
    collect_seldom()
    follow_parent()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
