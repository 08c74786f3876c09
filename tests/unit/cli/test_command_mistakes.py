"""What the commands say about wrong input: what, where and what to do; and nothing was done."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from phee.cli.main import app
from phee.cli.settings import Settings, load_settings
from phee.cli.up import require_extras, require_free
from phee.errors import InvalidInput, InvalidState, NotSupported, PheeError
from phee.stores.relational.error_codes import ErrorCode
from phee.stores.relational.stores import SqliteStores
from phee.tenants import Tenant, TenantRegistry

SALE = "errorCode,errorMessage,recoverable,transactionType\n3100,no funds,true,sale\n"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PHEE_{name.upper()}", raising=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with the tenant rhino and its relational store."""
    TenantRegistry(tmp_path).add(
        Tenant(id="rhino", name="Rhino", fsp_id="rhino", currencies=("USD",))
    )
    SqliteStores(tmp_path).open_store("rhino").close()
    return tmp_path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def complaint(*arguments: object) -> PheeError:
    error = call(*arguments).exception
    assert isinstance(error, PheeError), repr(error)
    assert error.what
    assert error.where
    assert error.fix
    return error


OF_A_TENANT = [
    ["verify"],
    ["rebuild"],
    ["export", "--table", "transfers"],
    ["retention", "apply"],
    ["mapping", "check"],
    ["mapping", "error-codes"],
]


@pytest.mark.parametrize("command", OF_A_TENANT, ids=" ".join)
@pytest.mark.parametrize("tenant", ["nobody", "../rhino", ""])
def test_unknown_tenant(command: list[str], tenant: str, data: Path) -> None:
    error = complaint(*command, "--tenant", tenant, "--data", data)
    assert error.what == "there is no such tenant"
    assert "rhino" in error.fix


@pytest.mark.parametrize("command", OF_A_TENANT, ids=" ".join)
def test_data_directory_that_is_not_there(command: list[str], tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    error = complaint(*command, "--tenant", "rhino", "--data", missing)
    assert "no such data directory" in error.what
    assert not missing.exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--table", "nothing"],
        ["--table", "transfers", "--format", "pdf"],
        ["--table", "transfers", "--output", "/nowhere/at/all.csv"],
    ],
    ids=["table", "format", "output"],
)
def test_export_that_cannot_be(options: list[str], data: Path) -> None:
    complaint("export", "--tenant", "rhino", "--data", data, *options)


@pytest.mark.parametrize(
    "content",
    ["", "x\n", "errorCode,errorMessage\n", SALE + "3101,later,perhaps,sale\n", SALE + ",,true,\n"],
    ids=["empty", "other", "columns", "recoverable", "code"],
)
def test_error_codes_of_a_wrong_file_replace_nothing(content: str, data: Path) -> None:
    file = data / "codes.csv"
    file.write_text(SALE)
    where = ("--tenant", "rhino", "--data", data)
    assert call("mapping", "error-codes", *where, file).exit_code == 0
    file.write_text(content)
    complaint("mapping", "error-codes", *where, file)
    reader = SqliteStores(data).open_reader("rhino")
    kept = reader.error_codes()
    reader.close()
    assert kept == [
        ErrorCode(
            error_code="3100", error_message="no funds", recoverable=True, transaction_type="sale"
        )
    ]


@pytest.mark.parametrize("content", ["", "[", '{"flows": 3}', '{"flows": {"sale": {"x": 1}}}'])
def test_mapping_that_is_none(content: str, tmp_path: Path) -> None:
    file = tmp_path / "mapping.json"
    file.write_text(content)
    assert str(file) in complaint("mapping", "check", "--mapping", file).where


def last_words_of_importer(data: Path, *options: str) -> str:
    command = [sys.executable, "-m", "phee.importers", "relational", "--data", str(data), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_importer_with_a_mapping_that_is_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "mapping.json"
    assert str(missing) in last_words_of_importer(tmp_path, "--mapping", str(missing))


def test_importer_on_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"127.0.0.1:{port}" in last_words_of_importer(tmp_path, "--http-port", port)


def test_ports_that_are_taken_name_the_variables() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InvalidState) as refused:
        require_free([taken.getsockname()[1]])
    assert "PHEE_IMPORTER_PORT" in refused.value.fix


def test_log_level_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(InvalidInput) as refused:
        load_settings(log_level="loud")
    assert refused.value.where == "PHEE_LOG_LEVEL"
    assert load_settings(log_level="debug").log_level == "DEBUG"


@pytest.mark.parametrize(
    ("role", "line", "extra"),
    [
        ("stream", "kafka://127.0.0.1:9092/records", "kafka"),
        ("database", "mysql://operator@127.0.0.1:3306/phee", "mysql"),
        ("search", "http://127.0.0.1:9200", "search"),
    ],
)
def test_runtime_without_its_library_is_refused_at_the_start(
    role: str, line: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(**{role: line})
    require_extras(settings)
    monkeypatch.setattr("phee.extras.find_spec", lambda _: None)
    with pytest.raises(NotSupported) as refused:
        require_extras(settings)
    assert refused.value.where == f"PHEE_{role.upper()}"
    assert f"phee[{extra}]" in refused.value.fix


@pytest.mark.parametrize("name", ["PHEE_DATABSE", "PHEE_IMPORTERS_PORT", "PHEE_STREAMS"])
def test_misspelt_settings_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(InvalidInput) as refused:
        load_settings()
    assert refused.value.where == name


@pytest.mark.parametrize("name", ["PHEE_SERVICE_HOST", "PHEE_PORT", "PHEE_KAFKA_PASSWORD"])
def test_variables_that_are_no_settings_are_let_be(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "tcp://10.0.0.1:80")
    load_settings()
