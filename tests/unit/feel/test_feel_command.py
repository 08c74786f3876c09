"""``phee feel`` on the command line."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from phee.cli.main import feel


@pytest.fixture
def run():
    app = typer.Typer()
    app.command()(feel)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_the_value_on_standard_output(run):
    result = run("=a * 2", "--context", '{"a": 1.5}')
    assert result.exit_code == 0
    assert result.stdout == "3.0\n"
    assert result.stderr == ""


def test_warnings_on_standard_error(run):
    result = run("missing + 1")
    assert result.exit_code == 0
    assert result.stdout == "null\n"
    assert "No variable found with name 'missing'" in result.stderr


def test_a_caret_under_the_error(run):
    result = run("1 + * 2")
    assert result.exit_code == 2
    assert "expected an expression, found '*' (line 1, column 5)" in result.stderr
    assert "1 + * 2\n    ^" in result.stderr


def test_json_for_machines(run):
    outcome = json.loads(run("a > 1", "--json").stdout)
    assert outcome["value"] is None
    assert outcome["type"] == "null"
    assert outcome["names"] == ["a"]
    assert [warning["kind"] for warning in outcome["warnings"]] == [
        "NO_VARIABLE_FOUND",
        "NOT_COMPARABLE",
    ]


def test_a_context_that_is_no_object(run):
    result = run("1", "--context", "[]")
    assert result.exit_code == 2
    assert "not a JSON object" in result.stderr
