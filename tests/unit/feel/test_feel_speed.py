"""The promise: a plain condition takes at most 5 times as long as hand-written Python."""

from __future__ import annotations

import timeit

import pytest

from phee import feel

RATIO_MAX = 5.0


@pytest.mark.slow
def test_a_condition_of_a_drawing_is_fast():
    expression = feel.compile('transferFailed = true or transferState != "COMMITTED"')
    variables = {"transferFailed": False, "transferState": "COMMITTED"}

    def by_hand(v):
        return v.get("transferFailed") is True or v.get("transferState") != "COMMITTED"

    def best(function):
        return min(timeit.repeat(lambda: function(variables), number=20_000, repeat=7))

    assert expression.evaluate(variables) is by_hand(variables) is False
    assert best(expression.evaluate) / best(by_hand) <= RATIO_MAX
