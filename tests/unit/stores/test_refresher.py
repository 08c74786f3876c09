"""When indices are refreshed: soon after little, late after much, never after nothing."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from phee.errors import Unavailable
from phee.stores.search.opensearch.refresher import (
    LATE_S,
    MANY,
    NAMES_MAX,
    SOON_S,
    Refresher,
)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Idle(Refresher):
    """One whose thread never starts: the test asks for what is due."""

    def __init__(self, seen: list[str], clock: Clock) -> None:
        super().__init__(seen.extend, clock=clock)
        self._thread = threading.Thread()


def test_little_is_shown_at_once_but_not_too_often() -> None:
    seen: list[str] = []
    clock = Clock()
    refresher = Idle(seen, clock)
    refresher.written("a", 1)
    assert refresher.run_due() is None
    assert seen == ["a"]
    clock.now += SOON_S / 4
    refresher.written("a", 1)
    refresher.written("b", 1)
    pause_s = refresher.run_due()
    assert seen == ["a"]
    assert pause_s is not None
    assert 0 < pause_s < SOON_S
    clock.now += SOON_S
    assert refresher.run_due() is None
    assert seen == ["a", "a", "b"]


def test_many_are_shown_with_few_requests() -> None:
    rounds: list[Sequence[str]] = []
    clock = Clock()
    refresher = Idle([], clock)
    refresher._refresh = rounds.append
    for number in range(NAMES_MAX + 1):
        refresher.written(f"tenant-{number}", 1)
    assert refresher.run_due() is not None
    clock.now += SOON_S
    assert refresher.run_due() is None
    assert [len(names) for names in rounds] == [NAMES_MAX, 1]


def test_a_server_that_needs_long_twice_is_let_alone_for_as_long() -> None:
    clock = Clock()
    seen: list[str] = []
    refresher = Idle(seen, clock)

    def slow(names: Sequence[str]) -> None:
        seen.extend(names)
        clock.now += 3.0

    refresher._refresh = slow
    refresher.written("a", 1)
    refresher.run_due()
    refresher.written("a", 1)
    refresher.run_due()
    assert seen == ["a", "a"]
    refresher.written("a", 1)
    assert refresher.run_due() == 3.0
    clock.now += 3.0
    refresher.run_due()
    assert seen == ["a", "a", "a"]


def test_a_backlog_is_shown_seldom_and_nothing_never() -> None:
    seen: list[str] = []
    clock = Clock()
    refresher = Idle(seen, clock)
    refresher.written("a", 0)
    assert refresher.run_due() is None
    for _ in range(9):
        refresher.written("a", MANY)
        refresher.run_due()
        clock.now += LATE_S / 10
    assert seen == []
    clock.now += LATE_S
    refresher.run_due()
    assert seen == ["a"]


def test_its_thread_goes_on_after_a_failure_and_ends() -> None:
    seen: list[str] = []
    failed, both = threading.Event(), threading.Event()

    def refresh(names: Sequence[str]) -> None:
        seen.extend(names)
        if "b" in names:
            both.set()
            return
        failed.set()
        raise Unavailable("the server is away")

    refresher = Refresher(refresh)
    refresher.written("a", 1)
    assert failed.wait(10)
    refresher.written("b", 1)
    assert both.wait(10)
    refresher.stop()
    refresher.stop()
    assert set(seen) == {"a", "b"}
