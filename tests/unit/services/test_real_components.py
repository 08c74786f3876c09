"""The scripts that run third-party engines: what they check, and that they end what they start."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest
from real_components import java, mariadb, maven, process
from real_components.missing import Missing

SLEEPER = process.Launch(
    [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
)


def ready(folder: Path) -> bool:
    return "up" in (folder / "log").read_text()


def test_a_process_is_started_known_again_and_stopped(tmp_path: Path) -> None:
    running = process.launch("sleeper", tmp_path, SLEEPER, {"http": 1})
    try:
        process.wait_until_ready(running, tmp_path, lambda: ready(tmp_path), 20)
        assert process.recall(tmp_path) == running
    finally:
        process.stop(running)
    assert not running.alive
    assert process.recall(tmp_path) is None


def test_a_reused_process_id_is_not_ours(tmp_path: Path) -> None:
    stranger = process.Running("stranger", os.getpid(), "0", {})
    assert not stranger.alive
    process.stop(stranger)  # would end this very test run if it looked at the id alone


def test_a_process_that_ends_while_starting_shows_its_log(tmp_path: Path) -> None:
    plan = process.Launch([sys.executable, "-c", "raise SystemExit('no disk')"])
    running = process.launch("sleeper", tmp_path, plan, {})
    with pytest.raises(Missing, match="no disk"):
        process.wait_until_ready(running, tmp_path, lambda: False, 20)


def test_a_process_that_is_never_ready_is_ended(tmp_path: Path) -> None:
    running = process.launch("sleeper", tmp_path, SLEEPER, {})
    with pytest.raises(Missing, match="not ready after"):
        process.wait_until_ready(running, tmp_path, lambda: False, 0.3)
    assert not running.alive


def fake_java(home: Path, version: str) -> Path:
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").touch(mode=0o755)
    (home / "release").write_text(f'JAVA_VERSION="{version}"\n')
    return home


@pytest.fixture
def only_these_javas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(java, "_FOLDERS", (str(tmp_path),))
    return tmp_path


def test_the_oldest_java_that_is_new_enough_is_taken(only_these_javas: Path) -> None:
    for version in ("1.8.0_292", "17.0.1", "25", "21.0.4"):
        fake_java(only_these_javas / f"jdk-{version}", version)
    assert java.find_java_home(21) == only_these_javas / "jdk-21.0.4"
    assert java.find_java_home(8) == only_these_javas / "jdk-1.8.0_292"


def test_java_home_wins_when_it_fits(
    only_these_javas: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_java(only_these_javas / "jdk-21", "21")
    mine = fake_java(only_these_javas / "elsewhere" / "mine", "25")
    monkeypatch.setenv("JAVA_HOME", str(mine))
    assert java.find_java_home(21) == mine
    assert java.find_java_home(25) == mine


def test_a_missing_java_is_named_with_what_was_found(only_these_javas: Path) -> None:
    fake_java(only_these_javas / "jdk-17", "17.0.2")
    with pytest.raises(Missing, match=r"Java 21 or newer is needed, found 17 in"):
        java.find_java_home(21)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache, checksums that know ``a.jar``, and a Maven that puts ``a.jar`` where it is told."""
    monkeypatch.setenv("PHEE_SERVICES_CACHE", str(tmp_path / "cache"))
    checksums = tmp_path / "checksums"
    checksums.mkdir()
    digest = hashlib.sha256(b"bytes").hexdigest()
    (checksums / "thing-1.sha256").write_text(f"{digest}  a.jar\n")
    monkeypatch.setattr(maven, "_CHECKSUMS", checksums)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "mvn").write_text(
        '#!/bin/sh\nfor argument; do case "$argument" in -DoutputDirectory=*)'
        ' printf %s "${CONTENT-bytes}" > "${argument#*=}/a.jar";; esac; done\n'
    )
    (tools / "mvn").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    return tmp_path / "cache"


def test_an_artifact_with_the_known_hash_is_installed_once(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert maven.fetch_artifact("group:thing:1", "thing-1") == cache / "thing-1"
    monkeypatch.setenv("PATH", "")
    assert (maven.fetch_artifact("group:thing:1", "thing-1") / "a.jar").read_bytes() == b"bytes"


def test_an_artifact_with_another_hash_is_not_installed(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTENT", "other")
    with pytest.raises(Missing, match=r"differ from what is known: a\.jar"):
        maven.fetch_libraries(["group:thing:1"], "thing-1")
    assert list(cache.iterdir()) == []


def test_a_missing_maven_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Missing, match="mvn"):
        maven.fetch_artifact("group:thing:1", "thing-1")


def test_a_missing_mariadb_is_named_with_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(Missing, match="install the package mariadb-server"):
        mariadb.MariaDb().install()


def test_the_account_of_mariadb_is_secret_and_kept(tmp_path: Path) -> None:
    password = mariadb._password(tmp_path)
    assert mariadb._password(tmp_path) == password
    path = tmp_path / mariadb.PASSWORD_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert password not in mariadb.address(tmp_path, 3306)


def test_a_free_port_is_of_the_choice_and_none_is_said_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(Missing, match="every port"):
            process.free_port(range(port, port + 1))
    assert process.free_port(range(port, port + 1)) == port
