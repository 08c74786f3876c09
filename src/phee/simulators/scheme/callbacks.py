"""Callbacks to participants: on disk first, then sent until the participant says 2xx.

At least once: a callback leaves the disk after it was accepted, so a ``kill -9`` repeats some and
loses none. A participant that cannot be reached is left alone for a moment and then tried again.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import msgspec

from phee.errors import Unavailable
from phee.simulators.config import CallbackKind
from phee.simulators.http_client import HttpClient
from phee.simulators.journal import Journal
from phee.simulators.scheme import tables
from phee.simulators.scheme.faults import Plan

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 2.0

Count = Callable[[CallbackKind, str], None]
"""Counts what became of a callback: (kind, outcome)."""


@dataclass(frozen=True, slots=True)
class Callback:
    """One HTTP request to a participant; ``path`` is below its callback URL."""

    id: int
    fsp_id: str
    kind: CallbackKind
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    due_ms: int


@dataclass(slots=True)
class _Lane:
    """The way to one participant."""

    slots: asyncio.Semaphore
    closed_until: float = 0.0
    pause_s: float = _FIRST_PAUSE_S
    held_back: list[Callback] = field(default_factory=list)


class Callbacks:
    """Sends what the scheme has to say."""

    def __init__(
        self,
        journal: Journal,
        client: HttpClient,
        callback_urls: Mapping[str, str],
        *,
        concurrency: int,
        reorder_window_ms: int,
        count: Count,
    ) -> None:
        self._journal = journal
        self._client = client
        self._callback_urls = callback_urls
        self._reorder_window_ms = reorder_window_ms
        self._count = count
        self._lanes: dict[str, _Lane] = defaultdict(
            lambda: _Lane(slots=asyncio.Semaphore(concurrency))
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._next_id = 1
        self._closed = False
        self.pending = 0

    def resume(self) -> None:
        """Take up what was not accepted before the process ended."""
        for row in self._journal.read(tables.SELECT_CALLBACKS):
            number, fsp_id, kind, method, path, headers, body, due_ms = row
            loaded = msgspec.json.decode(headers, type=dict[str, str])
            self._next_id = number + 1
            self._schedule(
                Callback(number, fsp_id, CallbackKind(kind), method, path, loaded, body, due_ms)
            )

    def add(
        self,
        fsp_id: str,
        kind: CallbackKind,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        plan: Plan,
    ) -> None:
        """Put a callback on disk with the current group; it is sent once that is durable."""
        if plan.drop or plan.forget:
            self._count(kind, "dropped")
            return
        wait_ms = max(plan.delay_ms, self._reorder_window_ms if plan.reorder else 0)
        due_ms = _now_ms() + wait_ms if wait_ms else 0
        headers_text = msgspec.json.encode(headers).decode()
        for _ in range(plan.copies):
            callback = Callback(self._next_id, fsp_id, kind, method, path, headers, body, due_ms)
            self._next_id += 1
            self._journal.add(
                tables.INSERT_CALLBACK,
                (
                    callback.id,
                    fsp_id,
                    kind,
                    method,
                    path,
                    headers_text,
                    body,
                    due_ms,
                ),
            )
            self._journal.then(partial(self._accept, callback, reorder=plan.reorder))

    async def close(self) -> None:
        """Stop sending; what is not accepted yet stays on disk."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- sending -------------------------------------------------------------------------------

    def _accept(self, callback: Callback, *, reorder: bool) -> None:
        if reorder:
            lane = self._lanes[callback.fsp_id]
            lane.held_back.append(callback)
            asyncio.get_running_loop().call_later(
                self._reorder_window_ms / 1000, self._let_go, lane, callback
            )
        self._schedule(callback, start=not reorder)

    def _schedule(self, callback: Callback, *, start: bool = True) -> None:
        self.pending += 1
        if not start:
            return
        wait_ms = callback.due_ms - _now_ms()
        if wait_ms > 0:
            asyncio.get_running_loop().call_later(wait_ms / 1000, self._start, callback)
        else:
            self._start(callback)

    def _let_go(self, lane: _Lane, callback: Callback) -> None:
        if callback in lane.held_back:
            lane.held_back.remove(callback)
            self._start(callback)

    def _start(self, callback: Callback) -> None:
        if self._closed:
            return
        task = asyncio.create_task(self._send(callback))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, callback: Callback) -> None:
        lane = self._lanes[callback.fsp_id]
        pause_s = _FIRST_PAUSE_S
        while not await self._attempt(lane, callback):
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        self.pending -= 1
        with suppress(Unavailable):  # the disk is gone: it will be sent again, which is allowed
            self._journal.add(tables.DELETE_CALLBACK, (callback.id,))
        while lane.held_back:
            self._start(lane.held_back.pop(0))

    async def _attempt(self, lane: _Lane, callback: Callback) -> bool:
        async with lane.slots:
            wait_s = lane.closed_until - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            try:
                status = await self._request(callback)
            except OSError:
                lane.closed_until = time.monotonic() + lane.pause_s
                lane.pause_s = min(2 * lane.pause_s, _LONGEST_PAUSE_S)
                self._count(callback.kind, "unreachable")
                return False
            lane.pause_s = _FIRST_PAUSE_S
        accepted = 200 <= status < 300
        self._count(callback.kind, "accepted" if accepted else "refused")
        return accepted

    async def _request(self, callback: Callback) -> int:
        url = self._callback_urls[callback.fsp_id] + callback.path
        return await self._client.send(callback.method, url, callback.headers, callback.body)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
