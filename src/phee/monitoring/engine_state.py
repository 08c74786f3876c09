"""What the embedded orchestrator holds right now, as gauges under Zeebe's names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from typing import Protocol

from prometheus_client.metrics_core import Metric

from phee.monitoring.collectors import gauge

LEADER = 3
"""The role of the one who processes a partition, as Zeebe's dashboards filter for it."""


class Held(Protocol):
    """What is read of the engine's state (:class:`phee.engine.state.State` has it)."""

    @property
    def position(self) -> int:
        """The newest record."""

    @property
    def incidents(self) -> Sized:
        """Open incidents."""

    @property
    def messages(self) -> Sized:
        """Buffered messages."""

    @property
    def banned(self) -> Sized:
        """Process instances that the engine failed on."""


class EngineNow(Protocol):
    """What is read of the engine (:class:`phee.engine.Engine` has it)."""

    @property
    def trouble(self) -> str | None:
        """Why nothing gets done now, if so."""

    @property
    def in_flight(self) -> int:
        """Commands taken in and not yet durable."""

    @property
    def intake_limit(self) -> int:
        """How many of them there may be."""

    @property
    def state(self) -> Held:
        """What it holds."""


def engine_state_metrics(
    engine: EngineNow, *, partition: int = 1
) -> Callable[[], Iterator[Metric]]:
    """Return the gauges of an engine as a function for :class:`CallbackCollector`."""
    labels, key = ["partition"], (str(partition),)

    def read() -> Iterator[Metric]:
        state = engine.state
        role = [((*key, "raft-partition"), LEADER)]
        yield gauge("atomix_role", "3: leader.", ["partition", "partitionGroupName"], role)
        for name, text, value in (
            ("zeebe_health", "1 while commands are processed and made durable, else 0.",
             int(engine.trouble is None)),
            ("zeebe_stream_processor_last_processed_position", "The newest processed record.",
             state.position),
            ("zeebe_log_appender_last_appended_position", "The newest written record.",
             state.position),
            ("zeebe_pending_incidents_total", "Open incidents.", len(state.incidents)),
            ("zeebe_banned_instances_total", "Instances that the engine failed on.",
             len(state.banned)),
            ("zeebe_buffered_messages_count", "Messages that wait for an instance.",
             len(state.messages)),
            ("zeebe_backpressure_inflight_requests_count", "Commands not yet durable.",
             engine.in_flight),
            ("zeebe_backpressure_requests_limit", "How many of them are taken at once.",
             engine.intake_limit),
        ):  # fmt: skip
            yield gauge(name, text, labels, [(key, value)])

    return read
