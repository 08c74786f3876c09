"""Hubs and commands as child processes, and an HTTP client that judges nothing.

Everything here goes through doors that users have: the ``phee`` command, HTTP, gRPC, signals.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

import psutil

from phee.cli.demo.rig import Rig
from phee.cli.settings import Settings

PHEE = Path(sys.executable).with_name("phee")
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """What a hub answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def problem(self, status: int, code: str) -> dict[str, Any]:
        """The problem in this answer, which must be complete and of this kind."""
        assert self.status == status, (self.status, self.body[:500])
        assert self.headers["content-type"] == "application/problem+json"
        found: dict[str, Any] = self.json
        assert found["code"] == code, found
        assert found["type"] == f"urn:phee:problem:{code}"
        assert found["status"] == status
        assert found["title"]
        assert found["detail"]
        assert found.get("fix"), found
        assert "Traceback" not in self.body.decode()
        return found


class Http:
    """A client of one port on loopback; ``tenant`` goes into the header when there is one."""

    def __init__(self, port: int, tenant: str | None = None) -> None:
        self.port = port
        self.tenant = tenant

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        """Send one request; bytes go as they are, other bodies as JSON; None omits a header."""
        sent: dict[str, str | None] = {"Platform-TenantId": self.tenant}
        if body is not None:
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            kept = {name: value for name, value in sent.items() if value is not None}
            connection.request(method, path, content, kept)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None, **query: Any) -> Answer:
        return self.ask("GET", f"{path}?{urlencode(query)}" if query else path, headers=headers)

    def read(self, path: str, **query: Any) -> Any:
        """The JSON of an answer that must be a good one."""
        answer = self.get(path, **query)
        assert answer.status == 200, answer.body
        return answer.json

    def post(self, path: str, body: Any, headers: Mapping[str, str | None] | None = None) -> Answer:
        return self.ask("POST", path, body, headers)

    def deploy(self, *drawings: bytes, force: bool = False) -> Answer:
        resources = [
            {"name": f"drawing-{number}.bpmn", "content": drawing.decode()}
            for number, drawing in enumerate(drawings)
        ]
        query = "?force=true" if force else ""
        return self.post(f"/api/v1/deployments{query}", {"resources": resources})


def eventually(look: Callable[[], T | None], *, timeout_s: float = 20, what: str = "") -> T:
    """The first result of ``look`` that is neither None nor False nor empty."""
    deadline = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"did not happen in {timeout_s} s: {what}"
        time.sleep(0.05)
    return found


def environment(**settings: str) -> dict[str, str]:
    """This process' environment without settings of a hub, and ``settings`` in their place."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PHEE_")}
    return inherited | {"COLUMNS": "200", "NO_COLOR": "1"} | settings


@dataclass(frozen=True)
class Command:
    """Runs the ``phee`` command with the settings of one hub."""

    settings: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PHEE, *arguments],
            env=environment(**self.settings),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def good(self, *arguments: str) -> str:
        """The output of a command that must end with exit status 0."""
        done = self.run(*arguments)
        assert done.returncode == 0, (done.stdout[-4000:], done.stderr)
        return done.stdout

    def bad(self, *arguments: str) -> str:
        """The complaint of a command that must end with exit status 1, and without a trace."""
        done = self.run(*arguments)
        assert done.returncode == 1, (done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done.stderr

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PHEE, *arguments],
            env=environment(**self.settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=take_interrupts,
        )


def take_interrupts() -> None:
    """Let a child end at SIGINT, also where the tests run in the background of a shell.

    Such a shell has its children ignore SIGINT, and they hand that on.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def names_of(settings: Settings) -> dict[str, str]:
    """The environment in which commands find the hub with these settings."""
    return {
        "PHEE_DATA": str(settings.data),
        "PHEE_HTTP_PORT": str(settings.http_port),
        "PHEE_GRPC_PORT": str(settings.grpc_port),
        "PHEE_IMPORTER_PORT": str(settings.importer_port),
    }


class UpHub:
    """``phee up`` as a child process on free ports, as a context manager."""

    def __init__(self, data: Path) -> None:
        self.data = data
        chosen = Rig.on_free_ports(data).settings
        self.http_port, self.grpc_port = chosen.http_port, chosen.grpc_port
        self.importer_ports = (chosen.importer_port, chosen.importer_port + 1)
        self.command = Command(names_of(chosen))
        self.http = Http(self.http_port)
        self.ready_line = ""
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.process = self.command.start("up", "--data", str(self.data))
        assert self.process.stdout is not None
        self.ready_line = self.process.stdout.readline()
        if not self.ready_line.startswith("ready"):
            _, errors = self.process.communicate(timeout=START_TIMEOUT_S)
            raise AssertionError(f"phee up did not start: {errors}")
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()

    def children(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        """Send a signal; exit status, and what was printed since the hub was ready."""
        assert self.process is not None
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=STOP_TIMEOUT_S)
        return self.process.returncode, output, errors


def party(identifier: str, **info: str) -> dict[str, Any]:
    return {"partyIdInfo": {"partyIdType": "MSISDN", "partyIdentifier": identifier, **info}}


def payment(payer: str, payee: str, amount: str = "12.50", currency: str = "USD") -> dict[str, Any]:
    """The body of POST /channel/transfer."""
    money = {"amount": amount, "currency": currency}
    return {"payer": party(payer), "payee": party(payee), "amount": money}


MODEL = "http://www.omg.org/spec/BPMN/20100524/MODEL"
ZEEBE = "http://camunda.org/schema/zeebe/1.0"


def drawing(process_id: str, *steps: str) -> bytes:
    """A process of ``steps`` (the XML of one node each, with an id) between a start and an end."""
    ids = ["start", *(step.split('id="')[1].split('"')[0] for step in steps), "end"]
    flows = "".join(
        f'<sequenceFlow id="f{n}" sourceRef="{source}" targetRef="{target}"/>'
        for n, (source, target) in enumerate(itertools.pairwise(ids))
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><definitions xmlns="{MODEL}" xmlns:zeebe="{ZEEBE}"'
        f' id="d" targetNamespace="t"><process id="{process_id}" isExecutable="true">'
        f'<startEvent id="start"/>{"".join(steps)}<endEvent id="end"/>{flows}'
        "</process></definitions>"
    ).encode()


def service_task(element_id: str, job_type: str) -> str:
    task = f'<zeebe:taskDefinition type="{job_type}"/>'
    inner = f"<extensionElements>{task}</extensionElements>"
    return f'<serviceTask id="{element_id}">{inner}</serviceTask>'


def script_task(element_id: str, expression: str, result: str) -> str:
    script = f'<zeebe:script expression="{expression}" resultVariable="{result}"/>'
    inner = f"<extensionElements>{script}</extensionElements>"
    return f'<scriptTask id="{element_id}">{inner}</scriptTask>'
