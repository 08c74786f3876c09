"""The commands of the README do what it says, taken from its text and run as they stand."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from running_hub import environment, eventually, take_interrupts
from running_world import World

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)^## ", README, re.MULTILINE | re.DOTALL)
    assert found, f"README has no section {title!r}"
    return found[1]


def commands(title: str) -> list[str]:
    """The indented commands of a section, continued lines joined as a shell would."""
    blocks = re.findall(r"(?:^    .*\n?)+", section(title), re.MULTILINE)
    lines = "".join(blocks).replace("'{\n", "'{ ").splitlines()
    found: list[str] = []
    for line in (line.removeprefix("    ") for line in lines):
        if line.startswith((".venv/", "curl", "make")):
            found.append(line)
        else:
            found[-1] += "\n" + line
    return found


def start(world: World, command: str) -> subprocess.Popen[str]:
    """Run a command of the README against the hub of these tests."""
    for port, of in ((8080, world.hub.port), (26500, int(world.grpc_target.split(":")[1]))):
        command = command.replace(f":{port}", f":{of}")
    command = command.replace(".venv/bin/phee", str(Path(sys.executable).with_name("phee")))
    settings = dict(world.command.settings)
    del settings["PHEE_DATA"]  # the README names no directory: the commands find it
    return subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        cwd=ROOT,
        env=environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=take_interrupts,
    )


def run(world: World, command: str) -> str:
    process = start(world, command)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, (command, output, errors)
    return output


def test_it_is_short() -> None:
    assert len(README.splitlines()) < 120


def test_every_page_it_points_to_is_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_make_target_it_names_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"\bmake ([a-z-]+)", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_send_a_payment(world: World) -> None:
    pay, post = commands("Send a payment")
    assert run(world, pay).startswith("COMMITTED transaction ")
    first, again = run(world, post), run(world, post)
    assert json.loads(first)["transactionId"]
    assert first == again
    refused = run(world, post.replace("12.50", "12.51"))
    assert json.loads(refused)["code"] == "correlation-id-reused"


def test_see_it(world: World) -> None:
    transfers, status, follow, failed = commands("See it")
    run(world, commands("Send a payment")[0])
    assert "COMPLETED" in run(world, transfers)
    assert "importer-relational" in run(world, status)
    assert json.loads(run(world, failed))["content"] is not None
    following = start(world, follow)
    assert following.stdout is not None
    assert json.loads(following.stdout.readline())["position"] == 1
    following.send_signal(signal.SIGINT)
    following.communicate(timeout=10)
    assert following.returncode == 0


@pytest.mark.parametrize("path", ["/schema", "/metrics", "/health/live", "/health/ready"])
def test_addresses_it_names(world: World, path: str) -> None:
    assert path in README
    assert eventually(lambda: world.hub.get(path).status == 200)
