"""Where the stream's socket lies: in the data directory, or near it when that path is too long.

A Unix socket's path must fit 104 to 108 bytes. Both sides work out the same short place: a folder
of this user alone, a name from a digest of the long path.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from phee.errors import Forbidden

FILE_NAME = "stream.sock"
PATH_BYTES_MAX = 100


def stream_path(data: Path) -> Path:
    """Return the path of the stream's socket for a data directory."""
    return data / FILE_NAME


def socket_address(path: Path) -> Path:
    """Return where to bind or connect for ``path``.

    Raises:
        Forbidden: the folder for short paths belongs to someone else, or others may write to it.
    """
    absolute = path.absolute()
    if len(os.fsencode(absolute)) <= PATH_BYTES_MAX:
        return absolute
    digest = hashlib.sha256(os.fsencode(absolute)).hexdigest()[:20]
    return _own_folder() / f"{digest}.sock"


def _own_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"phee-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    private = not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or not private:
        raise Forbidden(
            "the folder for sockets is not this user's alone",
            where=str(folder),
            fix="Remove it, or use a data directory with a shorter path",
        )
    return folder
