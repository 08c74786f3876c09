"""Which partition takes a record: the same one whenever it is sent, however its topic grew."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phee.exporter.kafka.layout import Layout, Step
from phee.exporter.kafka.state import Place, State

KEYS = [str(number).encode() for number in range(200)]
growths = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1_000)), max_size=6)
"""So many partitions more, and so many records later."""


def test_a_topic_that_grew_is_used_as_a_whole_from_then_on() -> None:
    layout = Layout().grown(2, 0).grown(5, 100)
    assert layout.steps == (Step(0, 2), Step(100, 5))
    assert {layout.partition(key, 100) for key in KEYS} == {0, 1}
    assert {layout.partition(key, 101) for key in KEYS} == {0, 1, 2, 3, 4}


def test_a_topic_that_has_not_changed_has_the_same_layout() -> None:
    layout = Layout().grown(3, 7)
    assert layout.steps == (Step(0, 3),), "nothing was sent before"
    assert layout.grown(3, 90) is layout


def test_a_topic_with_fewer_partitions_is_another_one() -> None:
    assert Layout().grown(5, 0).grown(8, 40).grown(2, 90).steps == (Step(0, 2),)


@given(growths, st.sampled_from(KEYS))
def test_growth_changes_nothing_that_can_have_been_sent(
    growth: list[tuple[int, int]], key: bytes
) -> None:
    layouts, ends, partitions, end = [Layout().grown(1, 0)], [0], 1, 0
    for more, later in growth:
        partitions, end = partitions + more, end + later
        layouts.append(layouts[-1].grown(partitions, end))
        ends.append(end)
    for (before, after), end in zip(pairwise(layouts), ends[1:], strict=True):
        for position in {1, max(1, end // 2), max(1, end)}:
            if position <= end:
                assert before.partition(key, position) == after.partition(key, position)
    assert layouts[-1].partition(key, end + 1) < partitions


def test_a_layout_survives_a_restart_and_ends_with_its_log(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    layout = Layout().grown(2, 0).grown(5, 100)
    with State(path) as state:
        assert state.layout("records").steps == ()
        state.keep_layout("records", layout)
    with State(path) as state:
        assert state.layout("records").steps == layout.steps
        assert state.layout("others").steps == ()
        state.begin_life(Place(2, 1, 0))
        assert state.layout("records").steps == ()


def test_nothing_lies_before_the_first_position() -> None:
    with pytest.raises(AssertionError):
        Layout().grown(2, 0).partition(b"1", 0)
