"""Files that are replaced or made: whole, with their mode, and nothing left beside them."""

from __future__ import annotations

import stat
from pathlib import Path

from phee.durable_files import create_durably, replace_durably


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"a longer content than the new one")
    replace_durably(path, b"new", mode=0o600)
    assert (path.read_bytes(), mode(path)) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_whoever_was_faster_stays(tmp_path: Path) -> None:
    path = tmp_path / "key"
    create_durably(path, b"first", mode=0o600)
    create_durably(path, b"second", mode=0o600)
    assert (path.read_bytes(), mode(path)) == (b"first", 0o600)
    assert list(tmp_path.iterdir()) == [path]
