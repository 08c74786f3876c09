"""Steering a Kafka exporter from another process, whether it runs or not."""

from __future__ import annotations

from pathlib import Path

import msgspec

from phee.errors import InvalidInput, NotFound
from phee.exporter.kafka.state import Action, Report, State, state_path


class Status(msgspec.Struct, kw_only=True, frozen=True):
    """How an exporter is. ``waiting`` are the wishes it has not fulfilled yet."""

    name: str
    running: bool
    paused: bool
    epoch: int
    partition_id: int
    position: int
    waiting: list[str]
    last_report: Report | None


def pause(data: Path, name: str = "kafka") -> None:
    """Send nothing until :func:`resume`; the log keeps what was not sent."""
    _wish(data, name, "pause")


def resume(data: Path, name: str = "kafka") -> None:
    """Go on after :func:`pause`."""
    _wish(data, name, "resume")


def skip(data: Path, position: int, name: str = "kafka") -> None:
    """Give up every record up to ``position`` that was not sent; Kafka never gets them."""
    _wish(data, name, "skip", position)


def reset(data: Path, position: int = 0, name: str = "kafka") -> None:
    """Send once more everything after ``position`` that the log still has."""
    _wish(data, name, "reset", position)


def status(data: Path, name: str = "kafka") -> Status:
    """Return how the exporter is.

    Raises:
        NotFound: none of this name ever ran on this data directory.
    """
    with _open(data, name) as state:
        place = state.place()
        return Status(
            name=name,
            running=state.is_locked(),
            paused=state.is_paused(),
            epoch=place.epoch if place else 0,
            partition_id=place.partition_id if place else 0,
            position=place.position if place else 0,
            waiting=[wish.action for wish in state.wishes()],
            last_report=state.report(),
        )


def _wish(data: Path, name: str, action: Action, position: int = 0) -> None:
    if position < 0:
        raise InvalidInput("a position is 0 or more", where=f"{action} {position}")
    with _open(data, name) as state:
        state.wish(action, position)


def _open(data: Path, name: str) -> State:
    path = state_path(data, name)
    if not path.exists():
        raise NotFound(
            "no exporter of this name ever ran here",
            where=str(path),
            fix="Name the hub's data directory with --data, and the exporter with --name",
        )
    return State(path)
