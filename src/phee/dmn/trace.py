"""The outcome of an evaluation, and its form in a DECISION_EVALUATION record."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from phee.dmn.elements import EvaluatedDecision, EvaluatedInput, EvaluatedOutput, MatchedRule
from phee.dmn.table import Table, TableOutcome
from phee.feel.errors import EvaluationWarning
from phee.feel.json_form import to_json_value


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an evaluation gave.

    Attributes:
        id: of the evaluated element.
        name: of the evaluated element.
        value: the result; null when the evaluation failed.
        decisions: all decisions in the order of their evaluation, the failed one included.
        failed_decision_id: empty when nothing failed.
        failure: why, in one sentence; empty when nothing failed.
        warnings: why values became null.
    """

    id: str
    name: str
    value: Any
    decisions: tuple[EvaluatedDecision, ...]
    failed_decision_id: str
    failure: str
    warnings: tuple[EvaluationWarning, ...]

    def to_record(self) -> dict[str, Any]:
        """The fields of a DECISION_EVALUATION value that the model knows.

        Keys, versions and the tenant belong to whoever deployed the model.
        """
        return {
            "decisionId": self.id,
            "decisionName": self.name,
            "decisionOutput": json_text(self.value),
            "failedDecisionId": self.failed_decision_id,
            "evaluationFailureMessage": self.failure,
            "evaluatedDecisions": [_decision_record(decision) for decision in self.decisions],
        }


def json_text(value: Any) -> str:
    """A FEEL value as JSON text, as records carry it."""
    return json.dumps(to_json_value(value), ensure_ascii=False, separators=(",", ":"))


def table_trace(table: Table, outcome: TableOutcome) -> dict[str, Any]:
    """The inputs and matched rules of a decision table, for ``EvaluatedDecision``."""
    inputs = tuple(
        EvaluatedInput(clause.id, clause.name, value)
        for clause, value in zip(table.inputs, outcome.inputs, strict=True)
    )
    return {"inputs": inputs, "rules": matched_rules(table, outcome)}


def matched_rules(table: Table, outcome: TableOutcome) -> tuple[MatchedRule, ...]:
    """The rules that matched, with their outputs."""
    return tuple(
        MatchedRule(
            match.rule.id,
            match.rule.index,
            tuple(
                EvaluatedOutput(clause.id, clause.label, value)
                for clause, value in zip(table.outputs, match.values, strict=False)
            ),
        )
        for match in outcome.matches
    )


def _decision_record(decision: EvaluatedDecision) -> dict[str, Any]:
    return {
        "decisionId": decision.id,
        "decisionName": decision.name,
        "decisionType": decision.kind,
        "decisionOutput": json_text(decision.value),
        "evaluatedInputs": [
            {"inputId": entry.id, "inputName": entry.name, "inputValue": json_text(entry.value)}
            for entry in decision.inputs
        ],
        "matchedRules": [
            {
                "ruleId": rule.id,
                "ruleIndex": rule.index,
                "evaluatedOutputs": [
                    {
                        "outputId": output.id,
                        "outputName": output.name,
                        "outputValue": json_text(output.value),
                    }
                    for output in rule.outputs
                ],
            }
            for rule in decision.rules
        ],
    }
