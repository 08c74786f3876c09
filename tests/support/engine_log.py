"""The record log of a real engine that runs as a process; it may be killed and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import payment_engine
from failpoints import Failpoint

from phee.stream import LogStream, stream_path
from phee.stream.memory import MemoryLog

SCRIPT = Path(payment_engine.__file__)
START_TIMEOUT_S = 60.0


class EngineDied(Exception):
    """The engine's process ended before it answered."""


class EngineLog:
    """One data directory and the engine process on it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.paid = 0
        """So many payments were ordered; their numbers are below this."""
        self.position = 0
        """Up to here the log is known to be, when nothing is under way."""
        self._process: subprocess.Popen[str] | None = None

    def start(self, failpoint: Failpoint | None = None) -> None:
        """Start the engine; with a failpoint it may die before it is ready."""
        self.data.mkdir(parents=True, exist_ok=True)
        arguments = [] if failpoint is None else [json.dumps(asdict(failpoint))]
        with (self.data / "engine.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(SCRIPT), str(self.data), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
        with suppress(EngineDied):
            self._answer("ready")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def pay(self, count: int) -> None:
        """Make so many more payments, each to its end."""
        self.order_more(count)
        self.finish()

    def order_more(self, count: int) -> None:
        """Order payments and do not wait for them."""
        self.paid += count
        self._tell(f"pay {self.paid - count} {self.paid}")

    def finish(self) -> None:
        """Return when everything that was ordered is done.

        Raises:
            EngineDied: it was killed meanwhile.
        """
        self.position = int(self._answer("paid")[1])

    def order_again(self) -> None:
        """After a kill: order everything again; what was done before is not done twice."""
        self._tell(f"pay 0 {self.paid}")

    def finish_all(self) -> None:
        """Order everything again, and return when it is done."""
        self.order_again()
        self.finish()

    def refuses(self, count: int) -> str:
        """Order payments that the engine cannot make; return the code of its error."""
        self.order_more(count)
        return self._answer("failed")[1]

    def pay_huge(self) -> None:
        """Make a payment with records of more than 5 MB."""
        self._tell(f"huge {self.paid}")
        self.paid += 1
        self.finish()

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self.wait_dead()

    def wait_dead(self) -> int:
        """Return its exit status once it has ended."""
        process, self._process = self._process, None
        assert process is not None
        status = process.wait(START_TIMEOUT_S)
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        return status

    def wait_killed(self) -> None:
        """Return once a failpoint has killed it."""
        status = self.wait_dead()
        assert status == -signal.SIGKILL, (status, self.said())

    def close(self) -> None:
        if self._process is not None:
            self._process.stdin.close()  # type: ignore[union-attr]
            self.wait_dead()

    def said(self) -> str:
        return (self.data / "engine.log").read_text(errors="replace")[-3000:]

    def copy(self) -> MemoryLog:
        """Everything the log has, read as any onlooker reads it."""
        stream = LogStream(stream_path(self.data))
        try:
            (lane,) = stream.lanes()
            log = MemoryLog(epoch=lane.epoch, partition_id=lane.partition_id)
            while True:
                after = log.durable_position
                (chunk,) = stream.fetch({lane: after}, max_bytes=8 << 20, timeout_s=0)
                for position, block in chunk.blocks:
                    assert isinstance(block, bytes)
                    log.append_block(position, block)
                if not chunk.blocks:
                    return log
        finally:
            stream.close()

    def _tell(self, order: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # whoever waits for the answer learns of it
            self._process.stdin.write(order + "\n")
            self._process.stdin.flush()

    def _answer(self, wanted: str) -> list[str]:
        assert self._process is not None
        assert self._process.stdout is not None
        words = self._process.stdout.readline().split()
        if not words:
            raise EngineDied(self.said())
        assert words[0] == wanted, (words, self.said())
        return words
