"""The examples of the page about FEEL are true."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from phee import dmn, feel
from phee.cli.main import feel as feel_command

PAGE = (Path(__file__).parents[3] / "docs" / "feel.md").read_text()
CONTEXT = {
    "amount": 125,
    "currency": "EUR",
    "payee": {"name": "Ann"},
    "items": [{"name": "pen", "price": 12.5}, {"name": "cap", "price": 5.0}],
    "payment hint": "rent",
}


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


EXAMPLES = [line.rsplit(" => ", 1) for block in _blocks("feel") for line in block.splitlines()]


@pytest.mark.parametrize(("text", "expected"), EXAMPLES)
def test_example(agree, text, expected):
    agree(text, expected, CONTEXT)


def test_commands():
    app = typer.Typer()
    app.command()(feel_command)
    (block,) = _blocks("console")
    for command, answer in re.findall(r"\$ phee feel (.*)\n(.*)\n", block):
        result = CliRunner().invoke(app, shlex.split(command))
        assert result.stdout.strip() == answer


def test_python(xml_of_routing):
    first, second = _blocks("python")
    exec(first, {"feel": feel})
    names: dict[str, object] = {"xml": xml_of_routing, "dmn": dmn}
    exec(second, names)
    json.dumps(names["outcome"].to_record())


@pytest.fixture
def xml_of_routing():
    return """<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="m" name="m"
        namespace="urn:m"><decision id="routing" name="Routing"><literalExpression>
        <text>if amount &gt; 100 then "A" else "B"</text></literalExpression></decision>
        </definitions>"""
