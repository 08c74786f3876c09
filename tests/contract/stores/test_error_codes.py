"""Error codes: what operators maintain in every store, and the command for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from importing import prepare
from relational_runtimes import Runtime
from typer.testing import CliRunner

from phee.cli.main import app
from phee.errors import InvalidInput, PheeError
from phee.stores.relational.error_codes import ErrorCode

LIMIT = ErrorCode(error_code="4001", error_message="The payer's limit", recoverable=True)
BILL = ErrorCode(error_code="4001", error_message="A bill", transaction_type="BILL")


def codes(runtime: Runtime) -> list[ErrorCode]:
    reader = runtime.stores.open_reader("rhino")
    try:
        return reader.error_codes()
    finally:
        reader.close()


def test_codes_are_replaced_as_a_whole(runtime: Runtime) -> None:
    runtime.stores.replace_error_codes("rhino", [LIMIT, BILL])
    assert codes(runtime) == [LIMIT, BILL]
    runtime.stores.replace_error_codes("rhino", [BILL])
    assert codes(runtime) == [BILL]


@pytest.mark.parametrize(
    "wrong",
    [
        [LIMIT, LIMIT],
        [ErrorCode(error_code="", error_message="x")],
        [ErrorCode(error_code="1", error_message="")],
        [ErrorCode(error_code="1", error_message="x", transaction_type="t" * 65)],
    ],
)
def test_what_is_wrong_changes_nothing(runtime: Runtime, wrong: list[ErrorCode]) -> None:
    runtime.stores.replace_error_codes("rhino", [LIMIT])
    with pytest.raises(InvalidInput):
        runtime.stores.replace_error_codes("rhino", wrong)
    assert codes(runtime) == [LIMIT]


def run(data: Path, *arguments: str) -> Any:
    options = ("--tenant", "rhino", "--data", str(data))
    return CliRunner().invoke(app, ["mapping", "error-codes", *options, *arguments])


def test_the_command_takes_a_file(tmp_path: Path) -> None:
    prepare(tmp_path, "rhino")
    file = tmp_path / "codes.csv"
    file.write_text("errorCode,errorMessage,recoverable\n4001,The payer's limit,true\n")
    outcome = run(tmp_path, str(file), "--json")
    assert outcome.exit_code == 0, outcome.output
    assert json.loads(outcome.stdout)[0]["error_message"] == "The payer's limit"
    assert "4001" in run(tmp_path).stdout
    file.write_text("errorCode,errorMessage,recoverable\n4001,x,maybe\n")
    outcome = run(tmp_path, str(file))
    assert isinstance(outcome.exception, PheeError)
    assert "line 2" in str(outcome.exception)
