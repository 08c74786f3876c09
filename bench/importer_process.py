"""A part of the data side as a process of its own, watched from outside."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from phee.cli.demo.rig import free_ports

STOP_TIMEOUT_S = 30


class DataProcess:
    """``python -m phee.importers`` or ``phee.exporter`` with its metrics on a free port."""

    def __init__(self, module: str, kind: str, data: Path, *lines: str) -> None:
        (self._port,) = free_ports(1)
        arguments = ["--data", str(data), "--http-port", str(self._port), "--log-level", "ERROR"]
        self._process = subprocess.Popen([sys.executable, "-m", module, kind, *arguments, *lines])
        self._seen = psutil.Process(self._process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def metric(self, name: str) -> float:
        """Return a metric summed over its labels; 0 while the process is starting."""
        if self._process.poll() is not None:
            raise RuntimeError(f"the process ended by itself: {self._process.args!r}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics") as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return 0
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def cpu_s(self) -> float:
        """Return the processor time used so far."""
        times = self._seen.cpu_times()
        return times.user + times.system

    def peak_mb(self) -> float:
        """Return the most memory it ever had."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        peak_kb = next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)
        return peak_kb / 1024
