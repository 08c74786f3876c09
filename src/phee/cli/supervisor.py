"""Start the processes of a hub, keep them running, end them.

Invariants: a process that dies is started again (with a growing pause when it dies at once);
every process ends with this one, by its process id; what a process prints goes to a log file of
its own, never over the operator's terminal.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from phee.errors import Unavailable

STOP_TIMEOUT_S = 10.0
RESTART_PAUSE_S_MAX = 5.0
STABLE_AFTER_S = 10.0
LOG_BYTES_MAX = 20 << 20
DEATHS_MAX = 4
"""A process that ends this often before it is ready will not become ready by itself."""
LAST_WORDS_MAX = 500


@dataclass
class ProcessSpec:
    """One process: the module to run, its arguments, and the port whose health tells ``ready``."""

    name: str
    module: str
    arguments: Sequence[str]
    health_port: int


@dataclass
class _Child:
    spec: ProcessSpec
    process: asyncio.subprocess.Process | None = None
    restarts: int = 0
    keeper: asyncio.Task[None] | None = field(default=None, repr=False)


class Supervisor:
    """Runs :class:`ProcessSpec` processes until :meth:`stop`, all with the same environment."""

    def __init__(
        self, specs: Sequence[ProcessSpec], log_folder: Path, environment: Mapping[str, str]
    ) -> None:
        self._children = {spec.name: _Child(spec) for spec in specs}
        self._log_folder = log_folder
        self._environment = dict(environment)
        self._stopping = False

    async def start(self) -> None:
        """Start every process; return at once (see :meth:`wait_ready`)."""
        self._log_folder.mkdir(parents=True, exist_ok=True)
        for child in self._children.values():
            child.keeper = asyncio.create_task(self._keep(child), name=f"keep {child.spec.name}")

    async def wait_ready(self, *, timeout_s: float = 60.0) -> None:
        """Return when every process says it is ready.

        Raises:
            Unavailable: one is not ready in time, or dies again and again; names it, its last
                words, and its log.
        """
        deadline = time.monotonic() + timeout_s
        before = self.restarts()
        for child in self._children.values():
            while (answer := await asyncio.to_thread(health, child.spec.health_port)) is not None:
                if time.monotonic() > deadline:
                    raise Unavailable(
                        f"the {child.spec.name} process is not ready: {answer}",
                        where=str(self.log_file(child.spec.name)),
                        fix="Read the end of that log; a port may be taken (see `phee up --help`)",
                    )
                for name, restarts in self.restarts().items():
                    if restarts - before[name] >= DEATHS_MAX:
                        raise self._keeps_dying(name)
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """End every process, gently first; return when all are gone."""
        self._stopping = True
        for child in self._children.values():
            if child.process is not None and child.process.returncode is None:
                child.process.terminate()
        await asyncio.gather(*(self._end(child) for child in self._children.values()))

    def process_ids(self) -> dict[str, int]:
        """Return the process id of every process that runs now."""
        return {
            name: child.process.pid
            for name, child in self._children.items()
            if child.process is not None and child.process.returncode is None
        }

    def restarts(self) -> dict[str, int]:
        """Return how often each process was started again."""
        return {name: child.restarts for name, child in self._children.items()}

    def log_file(self, name: str) -> Path:
        """Return the log file of the process ``name``."""
        return self._log_folder / f"{name}.log"

    def _keeps_dying(self, name: str) -> Unavailable:
        log_file = self.log_file(name)
        lines = log_file.read_text(errors="replace").splitlines() if log_file.exists() else []
        last_words = lines[-1][:LAST_WORDS_MAX] if lines else "it said nothing"
        return Unavailable(
            f"the {name} process ends again and again: {last_words}",
            where=str(log_file),
            fix="Mend what that log complains about, then start again",
        )

    async def _keep(self, child: _Child) -> None:
        pause_s = 0.1
        while not self._stopping:
            started = time.monotonic()
            child.process = await self._spawn(child.spec)
            await child.process.wait()
            if self._stopping:
                return
            child.restarts += 1
            stable = time.monotonic() - started > STABLE_AFTER_S
            pause_s = 0.1 if stable else min(pause_s * 2, RESTART_PAUSE_S_MAX)
            await asyncio.sleep(pause_s)

    async def _spawn(self, spec: ProcessSpec) -> asyncio.subprocess.Process:
        log_file = self.log_file(spec.name)
        if log_file.exists() and log_file.stat().st_size > LOG_BYTES_MAX:
            log_file.replace(log_file.with_suffix(".log.1"))
        with log_file.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "phee.cli.child",
                spec.module,
                *spec.arguments,
                env=self._environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which ends the rest
            )

    async def _end(self, child: _Child) -> None:
        process = child.process
        if process is not None and process.returncode is None:
            try:
                await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
            except TimeoutError:
                process.kill()
                await process.wait()
        if child.keeper is not None:
            child.keeper.cancel()
            await asyncio.gather(child.keeper, return_exceptions=True)


def health(port: int, *, path: str = "/health/ready") -> str | None:
    """Ask a process on loopback for its health; return None when it is ready, else why not."""
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read(2000).decode(errors="replace")
        return None if response.status == 200 else body
    except (OSError, HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
