"""A folder of the data directory for one piece of upkeep at a time.

What a killed run left behind is removed by the next one; the folder is empty again at the end.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from phee.errors import InvalidState


@contextmanager
def workspace(data: Path, name: str) -> Iterator[Path]:
    """Yield an empty folder on the disk of the stores, for this process alone.

    Raises:
        InvalidState: another process does the same already.
    """
    folder = data / "upkeep" / name
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder.parent / f"{name}.lock").open("ab") as lock:
        _hold(lock, folder)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _hold(lock: BinaryIO, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InvalidState(
            "another process does this on the same data directory",
            where=str(folder),
            fix="Wait until it is done",
        ) from error
