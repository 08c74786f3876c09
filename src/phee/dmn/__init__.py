"""DMN 1.1 to 1.5: decision requirements graphs, decision tables and all boxed expressions.

``parse`` compiles a model once; ``Model.evaluate`` answers for decisions, decision services and
business knowledge models. Like FEEL, an evaluation never raises for the sake of its input, and is
bounded. This package imports nothing that acts.
"""

from phee.dmn.elements import (
    BusinessKnowledgeModel,
    Decision,
    DecisionService,
    EvaluatedDecision,
    EvaluatedInput,
    EvaluatedOutput,
    InputData,
    MatchedRule,
)
from phee.dmn.errors import InvalidModel, Problem
from phee.dmn.model import Model
from phee.dmn.reader import parse
from phee.dmn.trace import Outcome

__all__ = [
    "BusinessKnowledgeModel",
    "Decision",
    "DecisionService",
    "EvaluatedDecision",
    "EvaluatedInput",
    "EvaluatedOutput",
    "InputData",
    "InvalidModel",
    "MatchedRule",
    "Model",
    "Outcome",
    "Problem",
    "parse",
]
