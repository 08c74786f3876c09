"""How far every consumer of the record log is, and whether intake must slow down for it.

Invariants: a paused consumer neither pins the log nor slows intake; advice is given again only
when it changes; looking never blocks the event loop (blocks are read in a thread).
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from phee.errors import NotFound
from phee.records import decode_block
from phee.stream.port import RecordLog

_LOG = structlog.get_logger(__name__)
INTERVAL_S = 1.0
_STEPS = 20
"""Advice moves in steps of 1/20, so that it is not given again for every record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchLimits:
    """When intake must slow down.

    From ``lag_records_max`` records behind, intake is reduced, down to nothing at twice as many;
    it stops when less than ``disk_free_bytes_min`` are free, and is reduced below twice that.
    """

    lag_records_max: int = 2_000_000
    disk_free_bytes_min: int = 1 << 30


@dataclass(frozen=True, slots=True)
class IntakeAdvice:
    """How much of its usual intake the engine should accept: 1.0 all, 0.0 nothing new."""

    factor: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ConsumerLag:
    """How far one consumer is behind. ``seconds`` is the age of its next record (0: none)."""

    name: str
    position: int
    lag_records: int
    lag_seconds: float
    paused: bool


class ConsumerWatch:
    """Watches the consumers of one record log from the hub's event loop."""

    def __init__(
        self,
        record_log: RecordLog,
        data: Path,
        *,
        on_advice: Callable[[IntakeAdvice], None],
        limits: WatchLimits | None = None,
        registry: CollectorRegistry | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._record_log = record_log
        self._data = data
        self._on_advice = on_advice
        self._limits = limits or WatchLimits()
        self._clock = clock
        self._paused: dict[str, int] = {}
        self._lags: list[ConsumerLag] = []
        self._disk_free_bytes = 0
        self._advice = IntakeAdvice(1.0)
        if registry is not None:
            registry.register(_WatchCollector(self, record_log.partition_id))

    @property
    def lags(self) -> list[ConsumerLag]:
        """What the last look saw, by name."""
        return self._lags

    @property
    def advice(self) -> IntakeAdvice:
        """What was advised last."""
        return self._advice

    @property
    def disk_free_bytes(self) -> int:
        """What the last look saw."""
        return self._disk_free_bytes

    async def run(self) -> None:
        """Look every second until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(INTERVAL_S)

    async def look(self) -> IntakeAdvice:
        """Measure every consumer and the disk; pass the advice on if it is another one."""
        await asyncio.to_thread(self._measure)
        advice = self._advise()
        if advice != self._advice:
            _LOG.warning("intake advice", factor=advice.factor, reason=advice.reason)
            self._advice = advice
            self._on_advice(advice)
        return advice

    def pause(self, consumer: str) -> None:
        """Stop keeping records for a consumer that is switched off, until :meth:`resume`.

        What the log deletes meanwhile the consumer cannot read later; it says so and is rebuilt.

        Raises:
            NotFound: nobody of this name reads the log.
        """
        position = self._record_log.acknowledged().get(consumer)
        if position is None:
            raise NotFound(
                "no such consumer reads the log",
                where=consumer,
                fix=f"Known are {sorted(self._record_log.acknowledged())}",
            )
        self._record_log.forget(consumer)
        self._paused[consumer] = position

    def resume(self, consumer: str) -> None:
        """Keep records for a paused consumer again, from where it was.

        Raises:
            NotFound: it is not paused.
        """
        if consumer not in self._paused:
            raise NotFound("no such consumer is paused", where=consumer)
        self._record_log.acknowledge(consumer, self._paused.pop(consumer))

    def forget(self, consumer: str) -> None:
        """Let go of a consumer for good; one that comes back is a new one."""
        self._paused.pop(consumer, None)
        self._record_log.forget(consumer)

    def _measure(self) -> None:
        end = self._record_log.durable_position
        active = self._record_log.acknowledged()
        for name in self._paused.keys() & active.keys():
            self._paused[name] = max(self._paused[name], active[name])
            self._record_log.forget(name)  # it went on reading; paused means nothing is kept
        known = {**active, **self._paused}
        self._lags = [
            ConsumerLag(
                name, at, max(end - at, 0), self._age_of_next(at, end), name in self._paused
            )
            for name, at in sorted(known.items())
        ]
        self._disk_free_bytes = shutil.disk_usage(self._data).free

    def _age_of_next(self, position: int, end: int) -> float:
        if position >= end:
            return 0.0
        blocks = self._record_log.read(position, max_bytes=1)
        if not blocks:
            return 0.0
        records = decode_block(blocks[0][1]).records
        waiting = next((r for r in records if r.position > position), records[-1])
        return max(self._clock() - waiting.timestamp / 1000, 0.0)

    def _advise(self) -> IntakeAdvice:
        limits = self._limits
        behind = max((lag for lag in self._lags if not lag.paused), key=_records, default=None)
        lag = behind.lag_records if behind is not None else 0
        by_lag = _falling(lag, limits.lag_records_max, 2 * limits.lag_records_max)
        by_disk = 1.0
        if limits.disk_free_bytes_min:
            free = self._disk_free_bytes / limits.disk_free_bytes_min
            by_disk = min(max(free - 1.0, 0.0), 1.0)
        factor = int(min(by_lag, by_disk) * _STEPS) / _STEPS
        if factor >= 1.0:
            return IntakeAdvice(1.0)
        if by_disk < by_lag:
            return IntakeAdvice(factor, "the disk is nearly full")
        return IntakeAdvice(factor, f"consumer {behind.name if behind else ''} is far behind")


def _records(lag: ConsumerLag) -> int:
    return lag.lag_records


def _falling(value: int, start: int, end: int) -> float:
    """1.0 up to ``start``, 0.0 from ``end`` on, a straight line in between."""
    return 1.0 - min(max(value - start, 0) / (end - start), 1.0)


class _WatchCollector(Collector):
    """Zeebe's exporter metrics that need the watch; positions come from the log itself."""

    def __init__(self, watch: ConsumerWatch, partition_id: int) -> None:
        self._watch = watch
        self._partition = str(partition_id)

    def collect(self) -> Iterator[Metric]:
        """Return the metrics of the last look."""
        labels = ["exporter", "partition"]
        updated = GaugeMetricFamily(
            "zeebe_exporter_last_updated_exported_position",
            "The newest position that a consumer has made durable.",
            labels=labels,
        )
        state = GaugeMetricFamily(
            "zeebe_exporter_state", "0 a consumer is served, 1 it is paused.", labels=labels
        )
        seconds = GaugeMetricFamily(
            "phee_exporter_lag_seconds", "Age of the next record of a consumer.", labels=labels
        )
        for lag in self._watch.lags:
            key = (lag.name, self._partition)
            updated.add_metric(key, lag.position)
            state.add_metric(key, int(lag.paused))
            seconds.add_metric(key, lag.lag_seconds)
        factor = GaugeMetricFamily(
            "phee_intake_factor", "Share of its usual intake that the engine is to accept."
        )
        factor.add_metric((), self._watch.advice.factor)
        free = GaugeMetricFamily("phee_disk_free_bytes", "Free space where the data lies.")
        free.add_metric((), self._watch.disk_free_bytes)
        return iter((updated, state, seconds, factor, free))
