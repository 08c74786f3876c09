"""The instances that an orchestrator says it runs, and those that run by the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from phee.stream.port import Lane
from phee.upkeep.comparing import Difference, Differences, What
from phee.upkeep.folding import Shadow
from phee.upkeep.snapshot import SqlSnapshot


@dataclass(frozen=True, slots=True)
class RunningInstances:
    """The instances that an orchestrator runs, as of a position of its log.

    ``groups`` maps (tenant, process id) to keys.
    """

    lane: Lane
    position: int
    groups: Mapping[tuple[str, str], Sequence[int]]


ListRunning = Callable[[], RunningInstances | None]
"""Ask the orchestrator what runs; None when it cannot tell."""


def compare_running(
    shadow: Shadow, running: set[int], epoch: int, differences: Differences
) -> None:
    """Note every instance that only the fold of the log or only the orchestrator runs."""
    folded = shadow.snapshot()
    assert isinstance(folded, SqlSnapshot), "shadows of a verification are embedded"
    try:
        in_log = folded.active_instances(epoch)
    finally:
        folded.close()
    for key in sorted(in_log ^ running):
        what: What = "missing" if key in in_log else "unexpected"
        differences.add(Difference("engine", "running instances", str(key), what))
