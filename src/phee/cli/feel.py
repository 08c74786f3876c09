"""``phee feel``: evaluate one expression and say what it is worth, and why not."""

from __future__ import annotations

import json

import typer
from rich.console import Console
from rich.text import Text

from phee.errors import InvalidInput
from phee.feel import Description, FeelSyntaxError, describe


def run_feel(expression: str, context: str, *, as_json: bool) -> None:
    """Evaluate ``expression`` with the variables in ``context`` (JSON) and print its value.

    Raises:
        typer.Exit: with status 2, when one of them cannot be read.
    """
    try:
        outcome = describe(expression, context)
    except FeelSyntaxError as error:
        _complain(f"{error.problem} (line {error.line}, column {error.column})", error.caret)
        raise typer.Exit(2) from None
    except InvalidInput as error:
        _complain(str(error))
        raise typer.Exit(2) from None
    typer.echo(_json(outcome) if as_json else outcome.text)
    if not as_json:
        for warning in outcome.warnings:
            Console(stderr=True).print(Text(str(warning), style="yellow"), soft_wrap=True)


def _json(outcome: Description) -> str:
    return json.dumps(
        {
            "value": outcome.value,
            "type": outcome.type,
            "names": outcome.names,
            "warnings": [{"kind": w.kind, "message": w.message} for w in outcome.warnings],
        },
        ensure_ascii=False,
    )


def _complain(problem: str, caret: str = "") -> None:
    console = Console(stderr=True)
    console.print(Text(problem, style="bold red"), soft_wrap=True)
    if caret:
        console.print(Text(caret), soft_wrap=True)
