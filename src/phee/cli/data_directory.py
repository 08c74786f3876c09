"""A data directory belongs to one supervisor at a time.

The engine's own lock would keep a second hub out, but its importers would still take over from
those of the first one; so the whole directory is held before any process starts.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from phee.errors import InvalidState

LOCK_FILE = "hub.lock"


class DataDirectory:
    """Holds a data directory as a context manager, or from :meth:`hold` to :meth:`release`.

    The lock ends with this process, however it ends; the file stays and says nothing by itself.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None

    def hold(self) -> None:
        """Create the directory if need be, and keep others out of it.

        Raises:
            InvalidState: another supervisor holds it, or it cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = (self.path / LOCK_FILE).open("a+b")
        except OSError as error:
            raise InvalidState(
                f"the data directory cannot be used: {error.strerror}",
                where=str(self.path),
                fix="Make it a directory that this user may write, or choose another with --data",
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read(20).decode(errors="replace").strip()
            file.close()
            raise InvalidState(
                f"another hub runs on this data directory (process {holder or 'unknown'})",
                where=str(self.path),
                fix="Stop that hub, or choose another directory with --data",
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n".encode())
        file.flush()
        self._file = file

    def release(self) -> None:
        """Let others in; repeating it changes nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        self.hold()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
