"""Tenants are written at the same time, and a failure is told when nobody writes any more."""

from __future__ import annotations

import threading

import pytest

from phee.importers.writers import Writers
from phee.stores.writing import Fenced


def test_one_at_a_time_is_in_order_and_in_this_thread() -> None:
    seen: list[tuple[int, int]] = []

    def write(number: int) -> int:
        seen.append((number, threading.get_ident()))
        return number

    writers = Writers(1)
    assert writers.run([lambda: write(1), lambda: write(2), lambda: write(3)]) == 6
    assert seen == [(number, threading.get_ident()) for number in (1, 2, 3)]
    writers.close()


def test_several_meet() -> None:
    together = threading.Barrier(3, timeout=20)

    def write() -> int:
        together.wait()
        return 2

    writers = Writers(3)
    assert writers.run([write] * 3) == 6
    assert writers.run([]) == 0
    writers.close()


def test_a_failure_is_raised_when_all_have_ended() -> None:
    fenced, written = threading.Event(), threading.Event()

    def fails() -> int:
        fenced.set()
        raise Fenced("another importer has taken over")

    def takes_longer() -> int:
        assert fenced.wait(20)
        written.set()
        return 1

    writers = Writers(2)
    with pytest.raises(Fenced):
        writers.run([fails, takes_longer])
    assert written.is_set()
    assert writers.run([lambda: 1, lambda: 1]) == 2
    writers.close()
