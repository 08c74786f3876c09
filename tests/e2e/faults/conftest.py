"""Real components for every case of this folder; skipped, saying so, where they cannot be had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fault_stores import EmbeddedStores, ServerStores
from fault_world import Components, Scene
from search_runtimes import own_indices
from started_component import started


@pytest.fixture(scope="session")
def components(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Components]:
    made = Components(tmp_path_factory.mktemp("faults"))
    with started(made, made.close, "NO FAULTS TESTED"):
        yield made


@pytest.fixture
def scene(components: Components, tmp_path: Path) -> Iterator[Scene]:
    """A case on the servers."""
    with ExitStack() as running:
        data = _data(tmp_path)
        search = running.enter_context(own_indices(components.search.url))
        stores = ServerStores(data, components.mariadb, search)
        running.callback(stores.close)
        running.callback(components.quiet)
        yield Scene(components, tmp_path, stores, data)


@pytest.fixture
def embedded(components: Components, tmp_path: Path) -> Iterator[Scene]:
    """A case on embedded stores."""
    data = _data(tmp_path)
    yield Scene(components, tmp_path, EmbeddedStores(data), data)
    components.quiet()


def _data(folder: Path) -> Path:
    data = folder / "data"
    data.mkdir()
    return data
