"""A real component for tests: started, lent and ended, or skipped with the reason."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import pytest
from real_components.missing import Missing


class Component(Protocol):
    def start(self) -> None:
        """Return once it serves; raises ``Missing`` when it cannot be had."""


C = TypeVar("C", bound=Component)


@contextlib.contextmanager
def started(component: C, end: Callable[[], None], untested: str) -> Iterator[C]:
    """Lend a component until the block ends; skip, saying what is ``untested``, without it."""
    try:
        try:
            component.start()
        except Missing as missing:
            pytest.skip(f"{untested}: {missing}")
        yield component
    finally:
        end()
