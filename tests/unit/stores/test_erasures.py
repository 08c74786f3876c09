"""The list of erased parties: who reads it, who changes it, and what it says.

Goal: it never changes while somebody projects with it, and it names nobody.
"""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from phee.errors import InvalidInput, Unavailable
from phee.stores import erasures
from phee.stores.erasures import KEY_NAME, LIST_NAME, ErasureLists, KeptErasure

PARTY = "27710101999"


@pytest.fixture
def lists(tmp_path: Path) -> ErasureLists:
    found = ErasureLists(tmp_path)
    found.make_key("rhino")
    return found


def add(lists: ErasureLists, party: str = PARTY, before_ms: int = 1_000) -> KeptErasure:
    return lists.add("rhino", party, party_type="MSISDN", before_ms=before_ms, erased_by="me")


def test_nobody_changes_it_while_somebody_reads(tmp_path: Path, lists: ErasureLists) -> None:
    added, entered = threading.Event(), threading.Event()

    def change() -> None:
        add(ErasureLists(tmp_path))
        added.set()

    def read_later() -> None:
        with ErasureLists(tmp_path).reading():
            assert lists.kept("rhino"), "who comes later reads the new list"
            entered.set()

    with lists.reading(), ErasureLists(tmp_path).reading():
        changing = threading.Thread(target=change)
        changing.start()
        assert not added.wait(0.2)
        assert lists.eraser("rhino") is None
        reading = threading.Thread(target=read_later)
        reading.start()
        assert not entered.wait(0.2), "or the one who changes might wait for ever"
    changing.join(30)
    reading.join(30)
    assert added.is_set()
    assert entered.is_set()
    assert lists.eraser("rhino") is not None


def test_who_waits_too_long_is_told(lists: ErasureLists, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasures, "WAIT_S", 0.05)
    with lists.reading(), pytest.raises(Unavailable):
        add(lists)
    assert lists.kept("rhino") == []
    assert add(lists).touched is None


def test_it_names_nobody_and_is_for_its_owner_alone(tmp_path: Path, lists: ErasureLists) -> None:
    first, second, other = add(lists), add(lists, before_ms=2_000), add(lists, "27710102999")
    assert first.token == second.token != other.token
    assert first.digest == second.digest != other.digest
    folder = tmp_path / "tenants/rhino"
    assert sorted(path.name for path in folder.iterdir()) == [KEY_NAME, LIST_NAME]
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert PARTY not in path.read_text()
    assert lists.kept("gorilla") == []
    lists.finish("rhino", second, {"relational": {"transfers": 1}})
    touched = [each.touched for each in lists.kept("rhino")]
    assert touched == [{}, {"relational": {"transfers": 1}}, None]
    assert not lists.is_done("rhino")


def test_a_list_that_cannot_be_read_stops_who_projects(tmp_path: Path, lists: ErasureLists) -> None:
    add(lists)
    folder = tmp_path / "tenants/rhino"
    key = (folder / KEY_NAME).read_bytes()
    (folder / KEY_NAME).unlink()
    with pytest.raises(InvalidInput, match="gone"):
        ErasureLists(tmp_path).eraser("rhino")
    (folder / KEY_NAME).write_bytes(key)
    assert ErasureLists(tmp_path).eraser("rhino") is not None
    (folder / LIST_NAME).write_text("{")
    with pytest.raises(InvalidInput, match="cannot be read"):
        ErasureLists(tmp_path).eraser("rhino")
