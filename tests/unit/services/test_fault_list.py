"""The page that lists the faults says what the tests run."""

from __future__ import annotations

import list_faults
from failpoints import SEAMS, find_seam
from fault_cases import all_cases


def test_the_page_is_that_of_the_tables() -> None:
    assert list_faults.PAGE.read_text(encoding="utf-8") == list_faults.page()


def test_names_are_unique_and_many() -> None:
    names = [case.name for case in all_cases()]
    assert len(names) == len(set(names))
    assert len(names) >= 60


def test_every_seam_exists() -> None:
    for path in SEAMS.values():
        owner, name = find_seam(path)
        assert callable(getattr(owner, name)), path
