"""What every component says about itself, so that one script can handle them all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from real_components.process import Launch

Ports = Mapping[str, int]


class Component(ABC):
    """A third-party engine: how to install it, start it and know that it is ready.

    ``ports`` maps a name to the usual port; ``start_after`` names what must run first if it is to
    run at all. ``port_choice`` is where free ports are looked for: below what the system gives to
    outgoing connections, which could take one between its choice and its use.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    ports: ClassVar[Ports]
    start_after: ClassVar[tuple[str, ...]] = ()
    port_choice: ClassVar[range] = range(10_000, 20_000)
    ready_timeout_s: ClassVar[float] = 60.0

    @abstractmethod
    def install(self) -> None:
        """Fetch into the cache what is not there yet; raises ``Missing``."""

    @abstractmethod
    def launch(self, folder: Path, ports: Ports, peers: Mapping[str, Ports]) -> Launch:
        """Prepare ``folder`` (data of this component alone) and say what to run.

        ``peers`` are the ports of the components that already run, by component name.
        """

    @abstractmethod
    def ready(self, ports: Ports) -> bool:
        """Ask the component itself; False while it is not (yet) serving."""
