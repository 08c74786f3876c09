"""The elements of a decision requirements graph, ready to be evaluated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from phee.dmn.table import Table
from phee.feel.functions import Code
from phee.feel.types import ANY, Type
from phee.feel.values import FunctionValue


@dataclass(frozen=True, slots=True)
class Reference:
    """A requirement: an element of this model, or of the model imported under a name.

    Attributes:
        id: of the element.
        path: empty for this model, else the name of the import (which may itself be empty).
    """

    id: str
    path: tuple[str, ...] = ()


@dataclass(slots=True)
class Element:
    """What all elements have.

    Attributes:
        id: unique in the model.
        name: for people.
        variable: under which name its value is known to others.
        type: of its value.
    """

    id: str
    name: str
    variable: str
    type: Type = ANY


@dataclass(slots=True)
class InputData(Element):
    """A value that comes from outside."""


@dataclass(slots=True)
class Decision(Element):
    """A value that is decided.

    Attributes:
        requirements: what its logic may use, in the order of the model.
        logic: its expression; null without one.
        table: the same as ``logic`` where it is a decision table.
        kind: type of the logic, as records name it (``DECISION_TABLE``, ...).
    """

    requirements: tuple[Reference, ...] = ()
    logic: Code | None = None
    table: Table | None = None
    kind: str = "UNKNOWN"


@dataclass(slots=True)
class BusinessKnowledgeModel(Element):
    """A function of a model."""

    requirements: tuple[Reference, ...] = ()
    parameters: tuple[tuple[str, Type], ...] = ()
    body: Code | None = None
    external: FunctionValue | None = None


@dataclass(slots=True)
class DecisionService(Element):
    """Decisions behind a function: its parameters are input data, then input decisions."""

    input_data: tuple[Reference, ...] = ()
    input_decisions: tuple[Reference, ...] = ()
    output_decisions: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class EvaluatedInput:
    """What an input of a decision table was worth."""

    id: str
    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class EvaluatedOutput:
    """What an output of a matching rule was worth."""

    id: str
    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class MatchedRule:
    """A rule that matched; ``index`` counts from 1."""

    id: str
    index: int
    outputs: tuple[EvaluatedOutput, ...]


@dataclass(frozen=True, slots=True)
class EvaluatedDecision:
    """One decision of an evaluation; inputs and rules are those of a decision table."""

    id: str
    name: str
    kind: str
    value: Any
    inputs: tuple[EvaluatedInput, ...] = field(default=())
    rules: tuple[MatchedRule, ...] = field(default=())
