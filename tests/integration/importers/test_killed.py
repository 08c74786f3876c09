"""kill -9 of an importer process at random moments under load: the stores equal the log's fold.

PHEE_TEST_KILLS sets the number of kills.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from importing import fold_of, prepare, stores_of
from killed_processes import TENANTS, LoadedImporter

from phee.importers.process import KINDS, Kind

KILLS = int(os.environ.get("PHEE_TEST_KILLS", "5"))


@pytest.mark.parametrize("kind", KINDS)
def test_kills_lose_nothing_and_double_nothing(kind: Kind, tmp_path: Path) -> None:
    data = tmp_path / "hub"
    data.mkdir()
    prepare(data, *TENANTS)
    importer = LoadedImporter(kind, data)
    for _ in range(KILLS):
        importer.start()
        importer.wait_for_progress()
        importer.pause()
        importer.kill()
    importer.start()
    importer.finish()
    expected = fold_of(kind, tmp_path / "fold", importer.log, *TENANTS)
    assert stores_of(kind, data, *TENANTS) == expected
