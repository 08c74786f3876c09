"""Decision tables: matching, hit policies, aggregation, defaults, traces."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from phee import dmn

RULES = """
    < 10    | "low"    | 1
    >= 5    | "middle" | 2
    [8..20] | "high"   | 3
"""
ORDER = '"high", "middle", "low"'


def decide(xml, context, **options):
    rules = options.pop("rules", RULES)
    outputs = options.pop("outputs", "level | points")
    inputs = options.pop("inputs", "amount")
    table = xml.table(inputs, outputs, rules, **options)
    model = dmn.parse(xml.model(xml.decision("t", table)))
    assert model.problems == []
    return model.evaluate_with_trace("t", context)


@pytest.mark.parametrize(
    ("policy", "amount", "expected"),
    [
        ("UNIQUE", 3, {"level": "low", "points": 1}),
        ("UNIQUE", 6, None),
        ("UNIQUE", None, None),
        ("FIRST", 9, {"level": "low", "points": 1}),
        ("ANY", 3, {"level": "low", "points": 1}),
        ("ANY", 6, None),
        ("PRIORITY", 9, {"level": "high", "points": 3}),
        ("PRIORITY", 6, {"level": "middle", "points": 2}),
        ("RULE ORDER", 6, [{"level": "low", "points": 1}, {"level": "middle", "points": 2}]),
        ("OUTPUT ORDER", 6, [{"level": "middle", "points": 2}, {"level": "low", "points": 1}]),
        ("COLLECT", 30, [{"level": "middle", "points": 2}]),
        ("COLLECT", "x", None),
    ],
)
def test_hit_policies(xml, policy, amount, expected):
    outcome = decide(xml, {"amount": amount}, policy=policy, values={"level": ORDER})
    assert outcome.value == expected


def test_any_accepts_equal_outputs(xml):
    rules = "< 10 | 1.0\n< 20 | 1"
    assert decide(xml, {"amount": 5}, policy="ANY", rules=rules, outputs="o").value == 1


@pytest.mark.parametrize(
    ("aggregation", "amount", "expected"),
    [
        ("", 9, [1, Decimal("2.5"), 3]),
        ("SUM", 9, Decimal("6.5")),
        ("COUNT", 9, 3),
        ("MIN", 9, 1),
        ("MAX", 9, 3),
        ("SUM", "nothing", None),
        ("COUNT", "nothing", None),
    ],
)
def test_aggregation(xml, aggregation, amount, expected):
    rules = "< 10 | 1\n>= 5 | 2.5\n[8..20] | 3"
    outcome = decide(
        xml, {"amount": amount}, policy="COLLECT", aggregation=aggregation, rules=rules, outputs="o"
    )
    assert outcome.value == expected


def test_what_cannot_be_summed_up_is_null_with_a_reason(xml):
    rules = '- | 1\n- | "a"'
    outcome = decide(
        xml, {"amount": 1}, policy="COLLECT", aggregation="SUM", rules=rules, outputs="o"
    )
    assert outcome.value is None
    assert "Can't aggregate with SUM" in outcome.warnings[-1].message


def test_default_outputs_of_a_single_and_of_several_columns(xml):
    assert decide(xml, {"amount": 99}, rules="1 | 2", outputs="o", defaults={"o": "7"}).value == 7
    defaults = {"level": '"none"'}
    outcome = decide(xml, {"amount": 99}, rules='1 | "a" | 2', defaults=defaults)
    assert outcome.value == {"level": "none", "points": None}


@pytest.mark.parametrize(
    ("cell", "value", "matches"),
    [
        ("-", 1, True),
        ("", 1, True),
        ("-", None, True),
        ("1", 1, True),
        ("1", 2, False),
        ("1, 3", 3, True),
        ("not(1)", 2, True),
        ("not(1, 2)", 2, False),
        ("< limit", 5, True),
        ("[1..3), > 8", 9, True),
        ('"a"', "a", True),
        ('"a"', 1, False),
        ("? + 1 = 3", 2, True),
        ('date(?) > @"2020-01-01"', "2021-01-01", True),
        ("limits", 2, True),
        ("limits", 4, False),
        ("limit > 5", 0, True),
        ("true", True, True),
        ("false", False, True),
        ("true", False, False),
        ("null", None, True),
        ('contains(?, "b")', "abc", True),
    ],
)  # fmt: skip
def test_cells(xml, cell, value, matches):
    context = {"amount": value, "limit": 10, "limits": [1, 2, 3]}
    outcome = decide(xml, context, rules=f'{cell} | "hit"', outputs="o")
    assert outcome.value == ("hit" if matches else None)


def test_a_dash_accepts_only_allowed_input_values(xml):
    options = {"rules": '- | "hit"', "outputs": "o", "values": {"amount": "1, 2"}}
    assert decide(xml, {"amount": 2}, **options).value == "hit"
    assert decide(xml, {"amount": 3}, **options).value is None


def test_several_inputs_all_have_to_match(xml):
    options = {"inputs": "a | b + 1", "rules": '1 | 3 | "x"\n- | > 3 | "y"', "outputs": "o"}
    assert decide(xml, {"a": 1, "b": 2}, **options).value == "x"
    assert decide(xml, {"a": 1, "b": 3}, **options).value == "y"
    assert decide(xml, {"a": 2, "b": 2}, **options).value is None


def test_the_trace_is_that_of_a_record(xml):
    outcome = decide(xml, {"amount": 9.5}, policy="COLLECT", rules='< 10 | "a" | 1.5\n20 | "b" | 2')
    assert outcome.to_record() == {
        "decisionId": "d-t",
        "decisionName": "t",
        "decisionOutput": '[{"level":"a","points":1.5}]',
        "failedDecisionId": "",
        "evaluationFailureMessage": "",
        "evaluatedDecisions": [
            {
                "decisionId": "d-t",
                "decisionName": "t",
                "decisionType": "DECISION_TABLE",
                "decisionOutput": '[{"level":"a","points":1.5}]',
                "evaluatedInputs": [{"inputId": "in0", "inputName": "amount", "inputValue": "9.5"}],
                "matchedRules": [
                    {
                        "ruleId": "r1",
                        "ruleIndex": 1,
                        "evaluatedOutputs": [
                            {"outputId": "out0", "outputName": "level", "outputValue": '"a"'},
                            {"outputId": "out1", "outputName": "points", "outputValue": "1.5"},
                        ],
                    }
                ],
            }
        ],
    }
    json.dumps(outcome.to_record())


def test_a_broken_hit_policy_fails_the_decision_and_shows_the_rules(xml):
    outcome = decide(xml, {"amount": 6})
    assert outcome.value is None
    assert outcome.failed_decision_id == "d-t"
    assert outcome.failure == (
        "Expected to evaluate decision 'd-t', but only one rule may match with the hit policy"
        " 'UNIQUE', but 2 did"
    )
    assert [rule.id for rule in outcome.decisions[0].rules] == ["r1", "r2"]


def test_faults_are_problems_and_the_rest_works(xml):
    table = xml.table("amount", "o", "1 | 1 +\n2 | 5\n3 3 | 1")
    model = dmn.parse(xml.model(xml.decision("t", table)))
    assert len(model.problems) == 2
    assert "expected an expression" in str(model.problems[0])
    assert model.evaluate("t", {"amount": 2}) == 5
    assert model.evaluate("t", {"amount": 1}) is None


def test_unknown_policies_and_uneven_rules_are_problems(xml):
    table = xml.table("amount", "o", "1 | 1 | 2", policy="LUCKY", aggregation="AVERAGE")
    model = dmn.parse(xml.model(xml.decision("t", table)))
    problems = " ".join(map(str, model.problems))
    assert "unknown hit policy 'LUCKY'" in problems
    assert "unknown aggregation 'AVERAGE'" in problems
    assert "rule 1 has 1 input and 2 output entries" in problems
