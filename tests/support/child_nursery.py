"""Child processes of phee that start at once: forks of a process that has imported everything.

    nursery = Nursery()
    child = nursery.start("phee.importers", ["relational", "--data", "d"], log, failpoint=...)

Each is what ``python -m MODULE ARGUMENTS`` would be, a process of its own that signals can end.
The process that forks has one thread and does nothing else; when this one dies, all of them do.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import psutil
from failpoints import Failpoint, arm, set_constants

TIMEOUT_S = 90.0
"""Far more than anything takes: the machine may be busy."""
State = Literal["runs", "paused", "ended"]


class Child:
    """One child process."""

    def __init__(self, nursery: Nursery, name: str, pid: int, log: Path) -> None:
        self._nursery = nursery
        self._log = log
        self._began = log.stat().st_size if log.exists() else 0
        self.name = name
        self.pid = pid
        self.status: int | None = None
        """The exit status once it has ended; minus the number of the signal that ended it."""

    def state(self) -> State:
        if self.status is None:
            state, self.status = self._nursery.look(self.pid)
            return state
        return "ended"

    def wait(self, *states: State, timeout_s: float = TIMEOUT_S) -> int | None:
        """Return the exit status once one of these states is reached."""
        deadline = time.monotonic() + timeout_s
        while self.state() not in states:
            assert time.monotonic() < deadline, f"{self.name} is not {states}: {self.said()}"
            time.sleep(0.01)
        return self.status

    def wait_killed(self) -> None:
        """Return once its failpoint has killed it; nothing else may end it."""
        assert self.wait("ended") == -signal.SIGKILL, self.said()

    def wait_paused(self) -> None:
        self.wait("paused", "ended")
        assert self.status is None, self.said()

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)
        self.wait("paused", "ended")

    def kill(self) -> None:
        """kill -9, whatever it is doing."""
        if self.state() != "ended":
            os.kill(self.pid, signal.SIGKILL)
            self.wait("ended")

    def end(self) -> None:
        """End it as an operator does; it must end well."""
        os.kill(self.pid, signal.SIGTERM)
        assert self.wait("ended") == 0, self.said()

    def limit_files(self, size_bytes: int | None) -> None:
        """Let no file grow beyond ``size_bytes``: its disk is full. None lifts the limit."""
        limit = psutil.RLIM_INFINITY if size_bytes is None else size_bytes
        psutil.Process(self.pid).rlimit(psutil.RLIMIT_FSIZE, (limit, psutil.RLIM_INFINITY))

    def said(self) -> str:
        """The end of what it printed."""
        return self._log.read_text(errors="replace")[-3000:]

    def has_said(self, text: str, times: int = 1) -> bool:
        """Whether it printed ``text`` so often; those before it wrote into the same file."""
        return self._log.read_bytes()[self._began :].count(text.encode()) >= times


@dataclass(frozen=True)
class _Order:
    module: str
    arguments: list[str]
    log: str
    failpoint: dict[str, Any] | None
    constants: dict[str, Any]


class Nursery:
    """The process that forks."""

    def __init__(self, *preload: str, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, *preload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        )
        self._children: list[Child] = []

    def start(
        self,
        module: str,
        arguments: Sequence[str],
        log: Path,
        *,
        failpoint: Failpoint | None = None,
        constants: Mapping[str, Any] | None = None,
    ) -> Child:
        """Run a module as a process, what it prints in the file ``log``."""
        armed = None if failpoint is None else asdict(failpoint)
        order = _Order(module, list(arguments), str(log), armed, dict(constants or {}))
        pid = self._ask(asdict(order))
        child = Child(self, f"{module} {arguments[0]} ({pid})", pid, log)
        self._children.append(child)
        return child

    def look(self, pid: int) -> tuple[State, int | None]:
        state, status = self._ask({"pid": pid})
        return state, status

    def kill_all(self) -> None:
        """End every child that is left."""
        for child in self._children:
            child.kill()
        self._children.clear()

    def close(self) -> None:
        self.kill_all()
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait(20)
        self._process.stdout.close()  # type: ignore[union-attr]

    def _ask(self, order: dict[str, Any]) -> Any:
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        assert pipe_in is not None
        assert pipe_out is not None
        pipe_in.write(json.dumps(order) + "\n")
        pipe_in.flush()
        answer = pipe_out.readline()
        assert answer, "the process that forks has died"
        return json.loads(answer)


# --- inside the process that forks ---


def _serve(preload: Sequence[str]) -> None:
    for module in preload:
        __import__(module)
    states: dict[int, tuple[State, int | None]] = {}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _obey(states)
    finally:
        for pid, (_, status) in states.items():
            if status is None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _obey(states: dict[int, tuple[State, int | None]]) -> None:
    """Fork and look after children until standard input ends."""
    for line in sys.stdin:
        order = json.loads(line)
        answer: Any
        if "pid" in order:
            answer = states[order["pid"]] = _look(order["pid"], states)
        else:
            answer = _fork(_Order(**order))
            states[answer] = ("runs", None)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _look(pid: int, states: Mapping[int, tuple[State, int | None]]) -> tuple[State, int | None]:
    found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
    if not found:
        return states[pid]
    if os.WIFSTOPPED(status):
        return "paused", None
    if os.WIFCONTINUED(status):
        return "runs", None
    return "ended", os.waitstatus_to_exitcode(status)


def _fork(order: _Order) -> int:
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            status = _run(order)
        except BaseException:  # noqa: BLE001 - the child's last words
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    return pid


def _run(order: _Order) -> int:
    output = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(output, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    set_constants(order.constants)
    if order.failpoint is not None:
        arm(Failpoint(**order.failpoint))
    sys.argv = [order.module, *order.arguments]
    try:
        runpy.run_module(order.module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


if __name__ == "__main__":
    _serve(sys.argv[1:])
