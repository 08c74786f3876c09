"""The memory of requests: the first claim wins, on disk, and is kept for a while."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from phee.commands import RequestId
from phee.errors import InvalidState, Unavailable
from phee.gateway.zeebe.registry import Claim, RequestRegistry

DAY_MS = 24 * 60 * 60 * 1000
KEYED = {"process_instance_key": 11, "process_definition_key": 7, "version": 3}


def claim(attempt: str, request_id: str = "r", tenant_id: str = "rhino", **keys: int) -> Claim:
    return Claim(tenant_id, RequestId(request_id, f"digest of {attempt}"), attempt, **keys)


async def test_the_first_claim_wins_and_survives(tmp_path: Path) -> None:
    registry = RequestRegistry(tmp_path)
    assert await registry.find("rhino", "r") is None
    first = claim("a", **KEYED)
    assert await registry.claim(first) == first
    assert await registry.claim(claim("b")) == first
    assert await registry.claim(claim("c", tenant_id="gorilla")) == claim("c", tenant_id="gorilla")
    assert registry.remembered("rhino", "r") == first
    registry.close()
    registry.close()
    with pytest.raises(Unavailable):
        await registry.find("rhino", "other")
    again = RequestRegistry(tmp_path)
    assert again.remembered("rhino", "r") is None
    assert await again.claim(claim("b")) == first
    assert await again.find("rhino", "r") == first
    again.close()


async def test_the_winner_may_tell_its_key_later(tmp_path: Path) -> None:
    registry = RequestRegistry(tmp_path)
    assert not (await registry.claim(claim("a"))).tells_key
    assert await registry.claim(claim("b", **KEYED)) == claim("a")
    assert await registry.claim(claim("a", **KEYED)) == claim("a", **KEYED)
    assert await registry.claim(claim("a", **(KEYED | {"process_instance_key": 99}))) == claim(
        "a", **KEYED
    )
    registry.close()
    again = RequestRegistry(tmp_path)
    assert await again.find("rhino", "r") == claim("a", **KEYED)
    again.close()


async def test_many_claims_at_once_have_one_winner_each(tmp_path: Path) -> None:
    registry = RequestRegistry(tmp_path)
    claims = [claim(f"a{n % 7}", f"r{n % 300}") for n in range(2_100)]
    winners = await asyncio.gather(*(registry.claim(each) for each in claims))
    for number in range(300):
        assert len({winner.attempt for winner in winners[number::300]}) == 1
    registry.close()


async def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    registry = RequestRegistry(tmp_path)
    with pytest.raises(InvalidState, match="other hub"):
        RequestRegistry(tmp_path)
    registry.close()
    RequestRegistry(tmp_path).close()


async def test_old_requests_are_forgotten(tmp_path: Path) -> None:
    clock = [100 * DAY_MS]
    registry = RequestRegistry(tmp_path, keep_days=30, now_ms=lambda: clock[0])
    old = [claim("a", f"old{n}") for n in range(1_200)]
    await asyncio.gather(*(registry.claim(each) for each in old))
    clock[0] += 29 * DAY_MS
    await registry.claim(claim("a", "newer"))
    registry.close()
    clock[0] += 2 * DAY_MS
    registry = RequestRegistry(tmp_path, keep_days=30, now_ms=lambda: clock[0])
    for number in range(5):  # few at a time, after the groups of others
        await registry.claim(claim("a", f"new{number}"))
    assert [await registry.find("rhino", each.request.id) for each in old] == [None] * 1_200
    assert await registry.find("rhino", "newer") is not None
    registry.close()


async def test_a_full_disk_refuses_and_heals(tmp_path: Path) -> None:
    registry = RequestRegistry(tmp_path)
    await registry.claim(claim("a", "before"))
    registry._database.execute("PRAGMA max_page_count = 1")
    (pages,) = registry._database.execute("PRAGMA page_count").fetchone()
    registry._database.execute(f"PRAGMA max_page_count = {pages}")
    large = [claim("a" * 3_000, f"r{n}") for n in range(20)]
    results = await asyncio.gather(*map(registry.claim, large), return_exceptions=True)
    assert any(isinstance(result, Unavailable) for result in results)
    registry._database.execute("PRAGMA max_page_count = 1000000")
    assert [await registry.claim(each) for each in large] == large
    assert await registry.find("rhino", "before") == claim("a", "before")
    registry.close()


async def test_one_that_no_longer_waits_is_no_harm(tmp_path: Path) -> None:
    registry = RequestRegistry(tmp_path)
    waiting = asyncio.ensure_future(registry.claim(claim("a")))
    await asyncio.sleep(0)
    waiting.cancel()
    winner = await registry.claim(replace(claim("b"), version=1))
    assert winner.attempt in ("a", "b")
    assert await registry.find("rhino", "r") == winner
    registry.close()
