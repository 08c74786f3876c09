"""deploy/compose.yaml against the configuration that the code knows, and against itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from prometheus_files import DEPLOY, PROMETHEUS, read_yaml
from real_components import kafka, mariadb, zeebe
from real_components.elasticsearch import Elasticsearch

import phee.exporter.__main__ as exporter_main
import phee.importers.__main__ as importers_main
import phee.simulators.__main__ as simulators_main
from phee import __version__
from phee.cli.settings import Settings
from phee.stores.mysql.address import VARIABLE as DATABASE

ROOT = DEPLOY.parent
COMPOSE: dict[str, Any] = read_yaml(DEPLOY / "compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PROFILES = ("zeebe", "embedded")
PARSERS = {
    "phee.importers": lambda: importers_main._parser("phee.importers"),
    "phee.exporter": lambda: exporter_main._parser("phee.exporter"),
    "phee.simulators": simulators_main._parser,
}
SERVICE_KEYS = {
    "build", "cap_drop", "command", "depends_on", "deploy", "environment", "healthcheck", "image",
    "networks", "ports", "profiles", "read_only", "restart", "secrets", "security_opt",
    "stop_grace_period", "tmpfs", "volumes",
}  # fmt: skip
HEALTH_KEYS = {"test", "interval", "timeout", "retries", "start_period"}
OURS = [name for name, one in SERVICES.items() if one["image"] == f"phee:{__version__}"]


def environment(name: str) -> dict[str, str]:
    """A service's environment with the defaults of what is taken from the caller's."""
    given: Mapping[str, str] = SERVICES[name].get("environment", {})
    return {key: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for key, value in given.items()}


def hosts(name: str) -> set[str]:
    """The names under which other services find this one."""
    networks = SERVICES[name]["networks"]
    return {name, *(networks["phee"]["aliases"] if isinstance(networks, dict) else [])}


def started_in(profile: str) -> set[str]:
    return {name for name, one in SERVICES.items() if profile in one.get("profiles", [profile])}


def http_port(name: str) -> int:
    """The port on which one of our services shows health and metrics."""
    module, *arguments = SERVICES[name]["command"][2:]
    if module == "phee.cli.hub":
        return int(environment(name)["PHEE_HTTP_PORT"])
    return int(arguments[arguments.index("--http-port") + 1])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_the_form_of_compose(name: str) -> None:
    service = SERVICES[name]
    assert service.keys() <= SERVICE_KEYS
    assert all(isinstance(value, str) for value in service.get("environment", {}).values())
    assert service.get("healthcheck", {}).keys() <= HEALTH_KEYS
    assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys()
    for volume in service.get("volumes", []):
        source, target, *_ = volume.split(":")
        assert target.startswith("/")
        is_file = source.startswith("./")
        assert (DEPLOY / source).exists() if is_file else source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_and_only_loopback_is_published(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", service["image"]), service["image"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    if name in OURS:
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]


def test_no_password_is_in_the_file() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    for name, value in re.findall(r"(\w*(?:PASSWORD|SECRET|API_KEY)\w*): (.+)", text):
        assert name.endswith("_FILE"), name
        assert value.removeprefix("/run/secrets/") in COMPOSE["secrets"]
    for address in re.findall(r"\w+://[^\s'\"]+", text):
        assert urlsplit(address).password is None, address
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "/deploy/secrets/" in ignored
    assert all(one["file"].startswith("./secrets/") for one in COMPOSE["secrets"].values())


@pytest.mark.parametrize("profile", PROFILES)
def test_what_a_service_waits_for_is_started_and_tells_its_health(profile: str) -> None:
    started = started_in(profile)
    for name in started:
        needed = SERVICES[name].get("depends_on", {})
        assert set(needed) <= started
        for other, how in needed.items() if isinstance(needed, dict) else ():
            assert how["condition"] in ("service_healthy", "service_started")
            assert how["condition"] == "service_started" or "healthcheck" in SERVICES[other]
    names = [host for name in started for host in hosts(name)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_ours_is_one_that_the_code_knows(name: str) -> None:
    known = {f"PHEE_{field.upper()}" for field in Settings.model_fields}
    known.add(f"{DATABASE}_PASSWORD_FILE")
    assert environment(name).keys() <= known


@pytest.mark.parametrize("name", ["hub", "hub-embedded"])
def test_the_hub_accepts_its_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in environment(name).items():
        monkeypatch.setenv(variable, value)
    settings = Settings()
    assert settings.is_embedded == (name == "hub-embedded")
    assert str(settings.data) == "/data"
    assert f"127.0.0.1:{settings.http_port}:{settings.http_port}" in SERVICES[name]["ports"]
    assert settings.port_of("relational") == http_port("importer-relational")
    assert settings.port_of("search") == http_port("importer-search")
    assert settings.port_of("exporter") == http_port("exporter")


@pytest.mark.parametrize("name", [one for one in OURS if not one.startswith("hub")])
def test_every_command_is_one_that_its_module_takes(name: str) -> None:
    python, dash_m, module, *arguments = SERVICES[name]["command"]
    assert (python, dash_m) == ("python", "-m")
    options = PARSERS[module]().parse_args(arguments)
    assert (getattr(options, "http_host", None) or options.host) == "0.0.0.0"


@pytest.mark.parametrize("name", [one for one in OURS if one != "simulators"])
def test_health_is_asked_where_it_is_served(name: str) -> None:
    assert (
        f"http://127.0.0.1:{http_port(name)}/health/ready"
        in SERVICES[name]["healthcheck"]["test"][-1]
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_every_address_names_a_service_that_listens_there(profile: str) -> None:
    started = started_in(profile) | {"simulators"}
    listening = {host for name in started for host in hosts(name)}
    ports = {
        "kafka": 9092,
        "mysql": 3306,
        "elasticsearch": 9200,
        "zeebe": 26500,
        "simulators": 8090,
    }
    for name in started & set(OURS):
        texts = [*environment(name).values(), *SERVICES[name]["command"]]
        for address in (text for text in texts if "://" in text):
            parts = urlsplit(address)
            assert parts.hostname in listening, address
            assert parts.port == ports[parts.hostname], address


def test_prometheus_scrapes_services_where_they_show_metrics() -> None:
    jobs = {
        one["job_name"]: one for one in read_yaml(PROMETHEUS / "prometheus.yml")["scrape_configs"]
    }
    ports = {name: http_port(name) for name in OURS if name != "simulators"}
    ports |= {"zeebe": 9600}
    scraped = set()
    for job in (one for name, one in jobs.items() if name != "prometheus"):
        (target,) = job["dns_sd_configs"]
        (host,) = target["names"]
        named = [name for name in ports if host in hosts(name)]
        assert named, host
        assert {ports[name] for name in named} == {target["port"]}
        assert job.get("metrics_path", "/metrics") == (
            "/actuator/prometheus" if host == "zeebe" else "/metrics"
        )
        scraped |= set(named)
    assert scraped == ports.keys()


def test_zeebe_exports_as_it_does_where_it_is_tested() -> None:
    prefix = "ZEEBE_BROKER_EXPORTERS_KAFKA_"
    mine = {
        key.removeprefix(prefix): value
        for key, value in environment("zeebe").items()
        if key.startswith(prefix)
    }
    export = zeebe.KafkaExport(record_types=("event",))
    tested = zeebe.exporter_settings("kafka:9092", export, Path(mine["JARPATH"]))
    assert mine == tested


def test_versions_are_those_that_the_tests_run_on() -> None:
    dockerfile = (DEPLOY / "zeebe.Dockerfile").read_text()
    checksum = (
        ROOT
        / f"scripts/real_components/checksums/zeebe-kafka-exporter-{zeebe.EXPORTER_VERSION}.sha256"
    ).read_text()
    digest, jar = checksum.split()
    assert f"FROM camunda/zeebe:{zeebe.VERSION}\n" in dockerfile
    assert f"{digest}  /exporter/{jar}" in dockerfile
    assert f":{zeebe.EXPORTER_VERSION}:jar" in dockerfile
    assert SERVICES["zeebe"]["image"].endswith(f":{zeebe.VERSION}")
    assert SERVICES["kafka"]["image"].endswith(f":{kafka.VERSION}")
    assert Elasticsearch.version < "8"  # what compose runs cannot be had for the tests


def test_the_operator_has_the_rights_that_the_tests_give() -> None:
    script = (DEPLOY / "mysql/10-operator.sh").read_text()
    statements = script.partition("<<SQL\n")[2].partition("SQL")[0].replace("\\`", "`")
    statements = statements.replace("$(cat /run/secrets/database)", "secret").replace("\\\\", "\\")
    assert statements.split() == mariadb.operator_account("secret").split()


def test_the_image_installs_hashed_packages_and_runs_without_rights() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    assert "--require-hashes -r requirements/deploy.lock" in dockerfile
    assert re.search(r"^USER phee$", dockerfile, re.MULTILINE)
    locks = {name: pinned(ROOT / f"requirements/{name}.lock") for name in ("deploy", "dev")}
    assert locks["deploy"].items() <= locks["dev"].items()
    assert {"confluent-kafka", "pymysql", "cryptography", "httpx2", "hatchling"} <= locks[
        "deploy"
    ].keys()
    kept = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    copied = set(re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE))
    sources = {source for line in copied for source in line.split()}
    assert {f"!{source}" for source in sources} == {line for line in kept if line.startswith("!")}


def pinned(lock: Path) -> dict[str, str]:
    """Versions by package; every one has a hash."""
    text = lock.read_text()
    blocks = re.findall(r"^([a-z0-9_.-]+)==(\S+)[^\n]*\\\n((?:    [^\n]+\n)+)", text, re.MULTILINE)
    assert all("--hash=sha256:" in rest for _, _, rest in blocks)
    assert len(blocks) == len(re.findall(r"^[a-z0-9_.-]+==", text, re.MULTILINE))
    return {name: version for name, version, _ in blocks}


def test_grafana_finds_its_source_and_its_dashboards() -> None:
    (source,) = read_yaml(DEPLOY / "grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert source["uid"] == "prometheus"
    (provider,) = read_yaml(DEPLOY / "grafana/provisioning/dashboards/phee.yml")["providers"]
    mounted = {volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]}
    assert provider["options"]["path"] in mounted


def test_the_file_says_nothing_twice() -> None:
    """A key given twice would silently lose the first."""

    class Strict(yaml.SafeLoader):
        pass

    def once(loader: yaml.SafeLoader, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), keys
        loader.flatten_mapping(node)
        return {
            loader.construct_object(k, True): loader.construct_object(v, True)
            for k, v in node.value
        }

    Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, once)
    assert yaml.load((DEPLOY / "compose.yaml").read_text(), Strict) == COMPOSE
