"""Where reading may begin: never behind what somebody lacks, whatever a topic repeats."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phee.stream.kafka.offsets import Bookmark, Bookmarks, from_metadata, to_metadata
from phee.stream.port import Lane

ONE, OTHER = Lane(1, 1, "t/0"), Lane(2, 1, "t/0")
EVERY = 1 << 62


def topic_with_repetitions(rng: random.Random, runs: int) -> list[tuple[Lane, int]]:
    """Messages as exporters write them: each run begins at or before what is confirmed."""
    messages: list[tuple[Lane, int]] = []
    confirmed = {ONE: 0, OTHER: 0}
    for _ in range(runs):
        lane = rng.choice([ONE, OTHER])
        start = rng.randint(0, confirmed[lane])
        end = start + rng.randint(1, 30)
        messages += [(lane, position) for position in range(start + 1, end + 1)]
        confirmed[lane] = max(confirmed[lane], end)
    return messages


@given(seed=st.integers(0, 1 << 32), stride=st.integers(1, 9))
def test_nothing_that_is_needed_lies_before_the_bookmark(seed: int, stride: int) -> None:
    rng = random.Random(seed)
    messages = topic_with_repetitions(rng, 8)
    bookmarks, passed = Bookmarks(Bookmark(0, {})), dict[Lane, int]()
    for offset, (lane, position) in enumerate(messages, start=1):
        passed[lane] = max(position, passed.get(lane, 0))
        if offset % stride == 0:
            bookmarks.add(offset, passed)
    after = {lane: rng.randint(0, max(passed.get(lane, 0), 1)) for lane in (ONE, OTHER)}
    found = bookmarks.find(after, unsaid=-1)
    assert found is not None
    assert all(position <= after[lane] for lane, position in messages[: found.offset])


def test_many_bookmarks_are_thinned_but_the_newest_stay() -> None:
    bookmarks = Bookmarks(Bookmark(0, {}))
    for offset in range(1, 10_000):
        bookmarks.add(offset, {ONE: offset})
    newest = bookmarks.find({ONE: 9_999}, unsaid=-1)
    assert newest is not None
    assert newest.offset == 9_999
    middle = bookmarks.find({ONE: 5_000}, unsaid=-1)
    assert middle is not None
    assert middle.offset <= 5_000


def test_a_lane_that_is_not_mentioned_counts_as_told() -> None:
    bookmarks = Bookmarks(Bookmark(0, {}))
    bookmarks.add(7, {ONE: 5, OTHER: 3})
    assert bookmarks.find({ONE: 5}, unsaid=-1) == Bookmark(0, {})
    assert bookmarks.find({ONE: 5}, unsaid=EVERY) == Bookmark(7, {ONE: 5, OTHER: 3})


@given(
    st.dictionaries(
        st.builds(
            Lane,
            st.integers(0, (1 << 63) - 1),
            st.integers(0, 8),
            st.sampled_from(["t/0", "t/0/unplaced"]),
        ),
        st.integers(0, 1 << 62),
        max_size=12,
    )
)
def test_a_hint_survives_kafka(passed: dict[Lane, int]) -> None:
    assert from_metadata(to_metadata(passed)) == passed


def test_a_hint_of_too_many_lanes_keeps_the_newest() -> None:
    passed = {Lane(epoch, 1, "zeebe-export/12"): 1 << 60 for epoch in range(1, 400)}
    text = to_metadata(passed)
    assert len(text) < 4096
    found = from_metadata(text)
    assert found
    assert Lane(399, 1, "zeebe-export/12") in found


@pytest.mark.parametrize("text", [None, "", "[[1]]", "not JSON", '{"a": 1}'])
def test_what_is_no_hint_is_none(text: str | None) -> None:
    assert from_metadata(text) is None
