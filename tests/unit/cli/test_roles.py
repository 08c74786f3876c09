"""One line for each role, any mix: what is accepted, and which processes follow from it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from phee.cli.settings import Settings, load_settings
from phee.cli.up import environment_of, hub_ports, hub_processes
from phee.errors import InvalidInput, PheeError

ORCHESTRATORS = ("embedded", "zeebe://127.0.0.1:26500")
STREAMS = ("log", "kafka://127.0.0.1:9092/zeebe-export")
DATABASES = ("sqlite", "mysql://operator@127.0.0.1:3306/phee")
SEARCHES = ("sqlite", "https://search:9200")
MIXES = list(itertools.product(ORCHESTRATORS, STREAMS, DATABASES, SEARCHES))


@pytest.fixture(autouse=True)
def _nothing_else_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PHEE_{name.upper()}", raising=False)


def settings_of(mix: tuple[str, str, str, str]) -> Settings:
    return load_settings(
        **dict(zip(("orchestrator", "stream", "database", "search"), mix, strict=True))
    )


@pytest.mark.parametrize("mix", [mix for mix in MIXES if mix[:2] != (ORCHESTRATORS[1], "log")])
def test_any_mix_is_accepted_and_its_processes_follow(mix: tuple[str, str, str, str]) -> None:
    settings = settings_of(mix)
    exports = mix[0] == "embedded" and mix[1] != "log"
    names = ["hub", *(["exporter"] if exports else []), "importer-relational", "importer-search"]
    assert [spec.name for spec in hub_processes(settings)] == names
    ports = hub_ports(settings)
    assert len(set(ports.values())) == len(names)
    environment = environment_of(settings)
    assert [environment[f"PHEE_{role}"] for role in ROLES] == list(mix)


ROLES = ("ORCHESTRATOR", "STREAM", "DATABASE", "SEARCH")


@pytest.mark.parametrize("mix", [mix for mix in MIXES if mix[:2] == (ORCHESTRATORS[1], "log")])
def test_zeebe_needs_a_stream_that_can_be_read(mix: tuple[str, str, str, str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        settings_of(mix)
    assert "kafka://" in refused.value.fix


@pytest.mark.parametrize(
    ("role", "value"),
    [
        ("orchestrator", "zeebe://u:secret@h:26500"),
        ("orchestrator", "camunda://h"),
        ("stream", "kafka://u:secret@h:9092"),
        ("stream", "kafka://h:9092/t?unknown=1"),
        ("database", "mysql://u:secret@h/x"),
        ("database", "postgres://h/x"),
        ("search", "https://u:secret@h"),
        ("search", "ftp://h"),
    ],
)
def test_what_cannot_be_used_is_refused_without_its_secrets(role: str, value: str) -> None:
    with pytest.raises(PheeError) as refused:
        load_settings(**{role: value})
    assert "secret" not in str(refused.value)


def test_a_taken_port_of_the_exporter_counts_only_when_it_runs(tmp_path: Path) -> None:
    own = settings_of(("embedded", "log", "sqlite", "sqlite"))
    assert own.port_of("exporter") not in hub_ports(own).values()
