"""``phee up``: it starts, says so in one line, stops without a trace, and keeps what it knows."""

from __future__ import annotations

import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from running_hub import Command, Http, UpHub, drawing, eventually, payment

from phee.cli.demo.ports import free_ports
from phee.stream import stream_path
from phee.stream.address import socket_address

READY = (
    r"ready in (\d+\.\d) s: http://127\.0\.0\.1:{http}, gRPC 127\.0\.0\.1:{grpc}, data in {data}"
)
NOBODY = ("27710000001", "27720000001")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpHub]:
    with UpHub(tmp_path_factory.mktemp("up") / "hub") as running:
        yield running


def test_ready_in_one_line(hub: UpHub) -> None:
    pattern = READY.format(http=hub.http_port, grpc=hub.grpc_port, data=re.escape(str(hub.data)))
    found = re.fullmatch(pattern, hub.ready_line.rstrip("\n"))
    assert found, hub.ready_line
    print(f"ready in {found[1]} s")


def test_everything_listens_on_loopback_only(hub: UpHub) -> None:
    ports = {hub.http_port, hub.grpc_port, *hub.importer_ports}
    listening = {
        connection.laddr.port: connection.laddr.ip.removeprefix("::ffff:")
        for child in hub.children()
        for connection in child.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == dict.fromkeys(ports, "127.0.0.1")


def test_a_second_hub_on_the_same_data_is_refused_and_the_first_goes_on(hub: UpHub) -> None:
    before = [child.pid for child in hub.children()]
    complaint = UpHub(hub.data).command.bad("up")
    assert "another hub runs on this data directory" in complaint
    assert str(hub.data) in complaint
    assert "--data" in complaint
    assert [child.pid for child in hub.children()] == before
    hub.command.good("status")


@pytest.mark.parametrize("name", ["PHEE_HTTP_PORT", "PHEE_GRPC_PORT", "PHEE_IMPORTER_PORT"])
def test_a_taken_port_is_named(name: str, tmp_path: Path) -> None:
    hub = UpHub(tmp_path / "hub")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        complaint = Command(hub.command.settings | {name: str(port)}).bad("up")
    assert f"port {port} is taken" in complaint
    assert "do:" in complaint
    assert not hub.data.exists(), "nothing was begun"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"PHEE_STREAM": "rabbit://127.0.0.1:9092"}, ["PHEE_STREAM", "'rabbit'", "kafka://"]),
        ({"PHEE_STREAM": "kafka://u:secret@127.0.0.1:9092"}, ["Kafka address", "@"]),
        ({"PHEE_DATABASE": "mysql://u:secret@db/x"}, ["PHEE_DATABASE"]),
        ({"PHEE_DATABASE": "postgres://db/x"}, ["PHEE_DATABASE", "'postgres'", "mysql://"]),
        ({"PHEE_ORCHESTRATOR": "zeebe://h:26500"}, ["PHEE_STREAM", "kafka://"]),
        ({"PHEE_ORCHESTRATOR": "camunda://h"}, ["PHEE_ORCHESTRATOR", "'camunda'"]),
        ({"PHEE_SEARCH": "https://u:secret@search"}, ["PHEE_SEARCH"]),
        ({"PHEE_IMPORTER_PORT": "many"}, ["PHEE_IMPORTER_PORT", "integer"]),
        ({"PHEE_HTTP_PORT": "99999999"}, ["PHEE_HTTP_PORT", "65535"]),
    ],
)
def test_settings_it_cannot_use_are_named(
    settings: dict[str, str], told: list[str], tmp_path: Path
) -> None:
    hub = UpHub(tmp_path / "hub")
    done = Command(hub.command.settings | settings).run("up")
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr
    for words in told:
        assert words in done.stderr
    assert not hub.data.exists()


def test_data_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    complaint = UpHub(tmp_path / "file" / "hub").command.bad("up")
    assert str(tmp_path / "file") in complaint


def test_a_hub_that_cannot_start_says_why(tmp_path: Path) -> None:
    hub = UpHub(tmp_path / "hub")
    hub.data.mkdir()
    (hub.data / "tenants.json").write_text("{damaged")
    complaint = hub.command.bad("up")
    named = re.search(r"the ([a-z-]+) process ends again and again", complaint)
    assert named  # whichever was first: each of them reads that file
    assert "The tenants file is damaged" in complaint
    assert str(hub.data / "logs" / f"{named[1]}.log") in complaint


def test_it_stops_without_a_trace_and_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = tmp_path / ("long-name-" * 12)  # the socket then lies elsewhere
    with UpHub(folder / "hub") as hub:
        payments = pay_some(hub)
        status = hub.http.read("/api/v1/status")
        children = hub.children()
        assert len(children) == 3
        code, output, errors = hub.stop(signal.SIGINT)
        assert (code, output, errors) == (0, "stopped\n", "")
        assert not any(child.is_running() for child in children)
        assert not socket_address(stream_path(hub.data)).exists()
        assert "hub_stopped" in (hub.data / "logs" / "hub.log").read_text()
        for port in (hub.http_port, hub.grpc_port, *hub.importer_ports):
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", port)) != 0
    with UpHub(hub.data) as again:
        now = again.http.read("/api/v1/status")
        assert now["epoch"] == status["epoch"]
        assert now["durablePosition"] >= status["durablePosition"]
        assert now["tenants"] == ["rhino"]
        rhino = Http(again.http_port, "rhino")
        rows = rhino.read("/api/v1/transfers")["content"]
        assert {row["transactionId"] for row in rows} == set(payments)
        repeated = rhino.post(
            "/channel/transfer", payment(*NOBODY), {"X-CorrelationID": "before-0"}
        )
        assert repeated.json["transactionId"] == payments[0]
        assert repeated.headers["x-phee-repeated"] == "true"
        deployed = rhino.deploy(drawing("Kept"))
        assert deployed.json["processes"][0]["duplicate"] is True
        assert again.stop(signal.SIGTERM)[0] == 0


def pay_some(hub: UpHub) -> list[str]:
    """Onboard a tenant and post payments (there is no bank, so they stay on their way)."""
    assert hub.http.post("/api/v1/tenants", {"id": "rhino"}).status == 200
    rhino = Http(hub.http_port, "rhino")
    assert rhino.deploy(drawing("Kept")).json["processes"][0]["version"] == 1
    found = []
    for number in range(3):
        headers = {"X-CorrelationID": f"before-{number}"}
        answer = rhino.post("/channel/transfer", payment(*NOBODY), headers)
        assert answer.status == 200, answer.body
        found.append(answer.json["transactionId"])
    eventually(lambda: rhino.read("/api/v1/transfers")["totalElements"] == 3)
    return found


def test_ctrl_c_before_it_is_ready(tmp_path: Path) -> None:
    hub = UpHub(tmp_path / "hub")
    process = hub.command.start("up")
    eventually(lambda: psutil.Process(process.pid).children(), what="children")
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert not any(child.is_running() for child in children)


def test_its_processes_end_when_it_is_killed(tmp_path: Path) -> None:
    with UpHub(tmp_path / "hub") as hub:
        assert hub.process is not None
        children = hub.children()
        hub.process.kill()
        hub.process.communicate(timeout=10)
        started = time.monotonic()
        psutil.wait_procs(children, timeout=15)
        assert not any(child.is_running() for child in children)
        print(f"gone {time.monotonic() - started:.1f} s after the supervisor")
    with UpHub(hub.data) as again:
        again.command.good("status")


def test_a_process_that_dies_is_started_again(hub: UpHub) -> None:
    (first,) = [child for child in hub.children() if "phee.cli.hub" in child.cmdline()]
    first.kill()
    ready = eventually(lambda: hub.command.run("status").returncode == 0 and [True])
    assert ready
    (second,) = [child for child in hub.children() if "phee.cli.hub" in child.cmdline()]
    assert second.pid != first.pid


def test_commands_without_a_hub_say_how_to_start_one(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    nowhere = Command({"PHEE_HTTP_PORT": str(port), "PHEE_DATA": str(tmp_path / "none")})
    assert "phee up" in nowhere.bad("status")
    assert "phee up" in nowhere.bad("transfers", "--tenant", "rhino")
    assert str(tmp_path / "none") in nowhere.bad("records")
