"""The engine: takes commands, groups them, commits, answers.

One asyncio loop owns everything. A step processes a group and writes it; :mod:`.commit` makes it
durable while the next group is processed; answers, pushed jobs and the log's durable position
follow only then. If a flush fails, nothing of it is answered and the engine stops.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog

from phee.commands import ActivatedJob, Command
from phee.engine.answers import Answers, refuse
from phee.engine.birth import birth
from phee.engine.commit import Commits
from phee.engine.core import Core
from phee.engine.definitions import Definitions
from phee.engine.deployment import bind_stored
from phee.engine.errors import EngineStopped
from phee.engine.group import Group, GroupProcessor, load_state
from phee.engine.intake import Intake
from phee.engine.job_streams import JobStream
from phee.engine.log import EngineLog
from phee.engine.requests import PRUNED_AT_ONCE_MAX, prune
from phee.engine.rows import decode_row
from phee.engine.state import State
from phee.engine.stats import Stats
from phee.engine.store import Store
from phee.engine.wishes import NEVER_REFUSED, prepare
from phee.engine.work_queue import WorkQueue
from phee.errors import PheeError

log = structlog.get_logger(__name__)

IDLE_S_MAX = 1.0
DISK_SILENT_S_MAX = 5.0
"""Longer than this a disk does not take for a flush, however busy; then it is said aloud."""

PRUNE_EVERY_S = 3600.0
REQUESTS_KEPT_MS = 30 * 24 * 3600 * 1000


def system_clock_ms() -> int:
    """Return the time in ms since 1970 UTC."""
    return time.time_ns() // 1_000_000


class Engine:
    """An embedded orchestrator on one data directory.

    Attributes:
        log: the committed records (the record log port).
        stats: counters for monitoring.
    """

    def __init__(
        self,
        store: Store,
        state: State,
        *,
        epoch: int,
        clock: Callable[[], int],
        keep_log: bool,
        requests_kept_ms: int,
    ) -> None:
        self._store = store
        self._state = state
        self._core = Core(state)
        self._groups = GroupProcessor(self._core, store, epoch)
        self._clock = clock
        self._now = 0
        self._requests_kept_ms = requests_kept_ms
        self._intake = Intake()
        self._queue = WorkQueue(state, clock())
        self._answers = Answers(self._queue)
        self._commits: Commits | None = None
        self._step_scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._pruner: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle: list[asyncio.Future[None]] = []
        self._failure: BaseException | None = None
        self.log = EngineLog(
            store,
            epoch=epoch,
            partition_id=state.partition_id,
            durable_position=state.position,
            keep_all=keep_log,
        )

    # -- life

    @classmethod
    def open(
        cls,
        data_dir: Path,
        *,
        partition_id: int = 1,
        clock: Callable[[], int] = system_clock_ms,
        keep_log: bool = True,
        loaded_max: int = 5_000,
        requests_kept_ms: int = REQUESTS_KEPT_MS,
    ) -> Engine:
        """Open ``data_dir``, creating it if needed; :meth:`start` makes it work.

        Args:
            data_dir: the directory of this engine alone.
            partition_id: fixed when the directory is created.
            clock: returns ms since 1970; a test may bring its own (see :meth:`wake`).
            keep_log: keep records that every consumer has acknowledged.
            loaded_max: how many process instances stay in memory when nothing touches them.
            requests_kept_ms: how long an accepted request id is remembered.

        Raises:
            DataDirectoryInUse: another engine has it open.
            InvalidState: it was made by another format, or for another partition.
        """
        began = time.perf_counter()
        store = Store(data_dir / "engine")
        try:
            epoch = birth(store, partition_id, clock())
            state = State(store, bind_stored, partition_id=partition_id, loaded_max=loaded_max)
            load_state(state)
            # what a crash left unsynced in the write-ahead log was read as state: make it durable
            store.flush()
            state.stats.recovery_s = time.perf_counter() - began
            return cls(
                store,
                state,
                epoch=epoch,
                clock=clock,
                keep_log=keep_log,
                requests_kept_ms=requests_kept_ms,
            )
        except BaseException:
            store.close()
            raise

    async def start(self) -> None:
        """Begin to process commands, in the running loop."""
        assert self._loop is None, "an engine starts once"
        self._loop = asyncio.get_running_loop()
        self._commits = Commits(self._store, self._state.stats, self._durable, self._fail)
        self._schedule()
        self._prune()

    async def close(self) -> None:
        """Finish what was taken in, make it durable, give the directory back."""
        if self._loop is not None and self._failure is None:
            self._failure = EngineStopped("the engine is closing", fix="start it again")
            await self._settled()
        self._stop(EngineStopped("the engine is closed", fix="start it again"))
        if self._commits is not None:
            await self._commits.close()
        self.log.close()
        store = self.__dict__.pop("_store", None)
        if store is not None:
            store.flush()
            store.close()

    @property
    def healthy(self) -> bool:
        """True while commands are processed."""
        return self._loop is not None and self._failure is None

    @property
    def trouble(self) -> str | None:
        """Why nothing gets done now; None while commands are processed and made durable."""
        if not self.healthy or self._commits is None:
            return "the engine has stopped; read the log of the hub"
        silent_s = self._commits.flushing_for_s
        if silent_s > DISK_SILENT_S_MAX:
            return f"the disk has not made anything durable for {silent_s:.0f} s"
        return None

    @property
    def stats(self) -> Stats:
        """Counters since the engine opened."""
        return self._state.stats

    def store_statistics(self) -> dict[str, int]:
        """Return what :meth:`Store.statistics` says; nothing once the engine is closed."""
        store: Store | None = self.__dict__.get("_store")
        return store.statistics() if store is not None else {}

    @property
    def processes(self) -> Definitions:
        """The deployed process definitions (read only)."""
        return self._state.definitions

    @property
    def state(self) -> State:
        """The state (read only; for tests and diagnosis)."""
        return self._state

    @property
    def in_flight(self) -> int:
        """How many commands are taken in and not yet durable."""
        return self._intake.in_flight

    @property
    def intake_limit(self) -> int:
        """How many commands may be in flight."""
        return self._intake.limit

    def set_intake_limit(self, reason: str | None) -> None:
        """Take no new work for ``reason`` (None: take it again); work that ends is always taken."""
        self._intake.closed_because = reason

    async def running_instances(self) -> tuple[int, dict[tuple[str, str], list[int]]]:
        """Return a position of the log, and the process instances that ran then.

        They are keys by tenant and process id; call activities are instances of their own.
        """
        position = self._state.position
        roots = self._store.instance_roots()
        found = await asyncio.to_thread(lambda: [(key, decode_row(row)[12]) for key, row in roots])
        running: dict[tuple[str, str], list[int]] = {}
        for key, identity in found:
            definition = self._state.definitions.by_key(identity[0])
            assert definition is not None, f"instance {key} of an unknown definition"
            name = (definition.tenant_id, definition.bpmn_process_id)
            running.setdefault(name, []).append(key)
        return position, running

    # -- commands

    async def submit(self, command: Command) -> Any:
        """Carry out ``command``; return its answer once its effect is on disk.

        Raises:
            Rejected: it was refused (also a subclass of the right :mod:`phee.errors` class).
            InvalidInput: it cannot even be put on record.
            Overloaded: too much is under way.
            EngineStopped: the engine does not run.
        """
        return await self.submit_nowait(command)

    def submit_nowait(self, command: Command) -> asyncio.Future[Any]:
        """Like :meth:`submit`, for callers that pipeline; errors are in the future too."""
        loop = self._loop
        if loop is None:
            raise EngineStopped("the engine was not started", fix="await engine.start() first")
        future: asyncio.Future[Any] = loop.create_future()
        stats = self._state.stats
        stats.requests_received += 1
        try:
            if self._failure is not None:
                raise EngineStopped("the engine does not run") from self._failure
            handler, argument = prepare(command)
            self._intake.admit(always=isinstance(command, NEVER_REFUSED))
        except PheeError as error:
            stats.requests_refused += 1
            future.set_exception(error)
            return future
        self._queue.add((handler, argument, future))
        if not self._step_scheduled:
            self._schedule()
        return future

    def open_job_stream(
        self,
        type: str,  # noqa: A002 - Zeebe's name
        worker: str,
        timeout_ms: int,
        tenant_ids: Sequence[str],
        fetch_variables: Sequence[str],
        max_active: int,
        deliver: Callable[[list[ActivatedJob]], None],
    ) -> JobStream:
        """Have jobs of ``type`` pushed to ``deliver`` (called in the loop, once durable).

        Jobs that wait already come too. At most ``max_active`` are out at once: say
        ``stream.done(n)`` when ``n`` of them are off your hands.
        """
        stream = JobStream(
            type,
            worker,
            timeout_ms,
            tenant_ids,
            fetch_variables,
            max_active,
            deliver,
            on_credit=self._refill,
            on_close=self._state.streams.remove,
        )
        self._state.streams.add(stream)
        self._refill(stream)
        return stream

    def on_jobs_available(self, callback: Callable[[str], None]) -> None:
        """Call ``callback`` with a job type whenever jobs of it wait for a worker."""
        self._answers.on_jobs_available(callback)

    async def wake(self) -> None:
        """Do what is due by the clock now, and return once it is durable (for moved clocks)."""
        self._schedule()
        await self._settled()

    # -- steps

    def _refill(self, stream: JobStream) -> None:
        if self._state.queues.count(stream.type, stream.tenant_ids):
            self._queue.refill(stream)
            self._schedule()

    def _schedule(self) -> None:
        if self._loop is not None and not self._step_scheduled:
            self._step_scheduled = True
            self._loop.call_soon(self._step)

    def _step(self) -> None:
        self._step_scheduled = False
        try:
            self._advance()
        except Exception as error:  # noqa: BLE001 - whatever it is, the engine must not go on
            self._fail(error)

    def _advance(self) -> None:
        """Process one group, or sleep until something is due."""
        commits = self._commits
        if self._loop is None or commits is None or commits.full:
            return
        self._now = now = max(self._now, self._clock())
        work = self._queue.take(now)
        if not work:
            self._sleep(now)
            return
        group = self._groups.process(work, now)
        if group is not None:
            commits.add(group)
        self._schedule()

    def _sleep(self, now: int) -> None:
        assert self._loop is not None
        if not self._commits:
            self._tell_idle()
        if self._timer is not None:
            self._timer.cancel()
        next_at = self._queue.next_at()
        delay = IDLE_S_MAX if next_at is None else min(IDLE_S_MAX, max(next_at - now, 1) / 1000)
        self._timer = self._loop.call_later(delay, self._schedule)

    async def _settled(self) -> None:
        """Return when nothing is waiting, written or due (or the engine stopped)."""
        if self._loop is None:
            return
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._idle.append(future)
        self._schedule()
        await future

    def _tell_idle(self) -> None:
        idle, self._idle = self._idle, []
        for future in idle:
            if not future.done():
                future.set_result(None)

    # -- answers

    def _durable(self, groups: list[Group]) -> None:
        self.log.advance(groups[-1].position)
        for group in groups:
            self._intake.finished(group.commands, group.latency_ms)
            self._answers.hand_out(group)
        self._schedule()

    # -- trouble

    def _fail(self, error: BaseException) -> None:
        log.critical("engine_stopped", exc_info=error)
        self._failure = error
        self._stop(EngineStopped("the engine stopped after a fault", fix="see its log"))

    def _stop(self, reason: EngineStopped) -> None:
        for timer in (self._timer, self._pruner):
            if timer is not None:
                timer.cancel()
        if self._failure is None:
            self._failure = reason
        unanswered = self._queue.clear()
        lost = self._commits.stop() if self._commits is not None else []
        unanswered += [token for group in lost for token, _ in group.replies]
        unanswered += [token for token, _, _ in self._state.awaited.values()]
        refuse(unanswered, reason)
        self._tell_idle()
        self._loop = None

    def _prune(self) -> None:
        if self._loop is None:
            return
        before_ms = self._clock() - self._requests_kept_ms
        again = prune(self._store, before_ms) == PRUNED_AT_ONCE_MAX
        self._pruner = self._loop.call_later(1.0 if again else PRUNE_EVERY_S, self._prune)
