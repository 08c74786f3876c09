"""With much waiting, an importer reads on before it writes; whatever ends that loses nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from importing import fold_of, new_importer, onboard, stores_of
from two_tenants import LAST, RECORDS, log_of

from phee.errors import Unavailable
from phee.importers.process import KINDS, Kind
from phee.stream.local import LocalStream
from phee.stream.port import Chunk, Lane

TENANTS = ("gorilla", "rhino")


@pytest.fixture(autouse=True)
def _small_fetches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phee.importers.importer.BATCH_BYTES", 20_000)
    monkeypatch.setattr("phee.importers.importer.GATHER_RECORDS", 1)
    monkeypatch.setattr("phee.importers.importer.GATHERED_S_MAX", 60.0)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    onboard(tmp_path / "data", *TENANTS)
    return tmp_path / "data"


class ShakyStream(LocalStream):
    """A stream of which something happens after some fetches."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(log_of(RECORDS), kind)
        self.fetches = 0
        self.fails_at: int | None = None
        self.gives_up_after: int | None = None

    def lanes(self) -> frozenset[Lane]:
        is_given_up = self.gives_up_after is not None and self.fetches >= self.gives_up_after
        return frozenset() if is_given_up else frozenset(super().lanes())

    def fetch(
        self, after: Mapping[Lane, int], *, max_bytes: int, timeout_s: float
    ) -> Sequence[Chunk]:
        self.fetches += 1
        if self.fetches == self.fails_at:
            raise Unavailable("the stream is away")
        return super().fetch(after, max_bytes=max_bytes, timeout_s=timeout_s)


def expected(kind: Kind, folder: Path) -> Any:
    return fold_of(kind, folder / "expected", log_of(RECORDS), *TENANTS)


@pytest.mark.parametrize("kind", KINDS)
def test_what_waits_becomes_one_batch(kind: Kind, data: Path, tmp_path: Path) -> None:
    stream = ShakyStream(kind)
    importer = new_importer(kind, data, stream)
    importer.step()
    assert stream.fetches > 3
    assert importer.progress.batches == 1
    assert list(importer.positions.values()) == [LAST]
    assert stores_of(kind, data, *TENANTS) == expected(kind, tmp_path)
    importer.stop()
    importer.run()


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_ends_though_more_is_waiting(
    kind: Kind, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phee.importers.process.GATHERED_MAX", LAST // 3)
    importer = new_importer(kind, data, ShakyStream(kind))
    importer.step()
    assert LAST // 3 <= min(importer.positions.values()) < LAST
    while importer.progress.lag_records:
        importer.step()
    assert importer.progress.batches > 1
    assert stores_of(kind, data, *TENANTS) == expected(kind, tmp_path)
    importer.stop()
    importer.run()


def test_a_stream_lost_meanwhile_costs_nothing(data: Path, tmp_path: Path) -> None:
    stream = ShakyStream("relational")
    stream.fails_at = 3
    importer = new_importer("relational", data, stream)
    importer.step()
    assert 0 < min(importer.positions.values()) < LAST
    importer.step()
    assert stores_of("relational", data, *TENANTS) == expected("relational", tmp_path)
    importer.stop()
    importer.run()


def test_a_lane_given_up_meanwhile_is_not_written(data: Path) -> None:
    stream = ShakyStream("relational")
    stream.gives_up_after = 2
    importer = new_importer("relational", data, stream)
    importer.step()
    found = stores_of("relational", data, *TENANTS)
    assert not any(found[tenant]["process_instances"] for tenant in TENANTS)
    assert importer.progress.batches == 0
    importer.stop()
    importer.run()
