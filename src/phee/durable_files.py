"""Small files that are there whole or not at all, and on disk when a call returns.

The content is written beside the file under another name and synced, then takes its name; the
folder is synced last. A process that is killed leaves the file as it was, and perhaps another one.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path


def replace_durably(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Put ``content`` in the place of ``path``; ``mode`` is that of the new file."""
    _written_beside(path, content, mode).replace(path)
    sync(path.parent)


def create_durably(path: Path, content: bytes, *, mode: int) -> None:
    """Make ``path`` with ``content``, unless it is there: whoever was faster stays."""
    temporary = _written_beside(path, content, mode)
    try:
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        temporary.unlink()
    sync(path.parent)


def _written_beside(path: Path, content: bytes, mode: int) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    temporary.unlink(missing_ok=True)  # left by a process that was killed
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def sync(path: Path) -> None:
    """Put a file's content, or which names a folder has, on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
