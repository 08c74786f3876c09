"""What the FEEL tests share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings

from phee import feel

# a busy machine is no failure; a failure prints how to repeat it
settings.register_profile("feel", deadline=None, print_blob=True)
settings.load_profile("feel")

Agree = Callable[..., None]


@pytest.fixture
def agree() -> Agree:
    """Check that two expressions have the same value, kind and text."""

    def check(text: str, expected: str, context: dict[str, Any] | None = None) -> None:
        value, warnings = feel.compile(text).evaluate_with_warnings(context or {})
        wanted = feel.evaluate(expected, context)
        where = f"{text} is {feel.to_text(value)}, not {expected} {list(map(str, warnings))}"
        assert (value is None) == (wanted is None), where
        assert isinstance(value, bool) == isinstance(wanted, bool), where
        assert value == wanted, where

    return check
