"""Graphs: requirements, scopes, knowledge, services, types, imports, namespaces, safety."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from phee import dmn
from phee.dmn.document import NAMESPACES
from phee.errors import NotFound


def test_a_graph_is_evaluated_in_order_and_once(xml):
    model = dmn.parse(
        xml.model(
            xml.decision("top", xml.text("left + right"), "d-left", "d-right"),
            xml.decision("left", xml.text("base * 2"), "d-base"),
            xml.decision("right", xml.text("base * 3"), "d-base"),
            xml.decision("base", xml.text("amount + 1"), "i-amount"),
            xml.input("amount", "number"),
        )
    )
    outcome = model.evaluate_with_trace("top", {"amount": 1})
    assert outcome.value == 10
    assert [decision.name for decision in outcome.decisions] == ["base", "left", "right", "top"]
    assert outcome.decisions[0].kind == "LITERAL_EXPRESSION"


def test_only_requirements_and_undeclared_variables_are_in_scope(xml):
    model = dmn.parse(
        xml.model(
            xml.input("declared"),
            xml.decision("other", xml.text("5")),
            xml.decision("d", xml.text("[declared, other, variable]")),
        )
    )
    assert model.evaluate("d", {"declared": 1, "other": 2, "variable": 3}) == [None, None, 3]


def test_a_required_decision_is_known_by_name_and_id(xml):
    parts = (
        xml.decision("My Fee", xml.text("5")).replace("d-My Fee", "fee"),
        xml.decision("d", xml.text("My Fee + fee"), "fee"),
    )
    assert dmn.parse(xml.model(*parts)).evaluate("d", {}) == 10


def test_names_with_operators_resolve_against_requirements(xml):
    model = dmn.parse(
        xml.model(
            xml.input("Pre-Bureau"),
            xml.input("a"),
            xml.decision("d", xml.text("Pre-Bureau + a-1"), "i-Pre-Bureau", "i-a"),
        )
    )
    assert model.evaluate("d", {"Pre-Bureau": 5, "a": 2}) == 6


def test_missing_input_is_null_with_a_reason(xml):
    model = dmn.parse(xml.model(xml.input("a"), xml.decision("d", xml.text("a"), "i-a")))
    outcome = model.evaluate_with_trace("d", {})
    assert outcome.value is None
    assert "No variable found with name 'a'" in outcome.warnings[0].message


def test_a_cycle_fails_and_does_not_hang(xml):
    model = dmn.parse(
        xml.model(xml.decision("a", xml.text("b"), "d-b"), xml.decision("b", xml.text("a"), "d-a"))
    )
    outcome = model.evaluate_with_trace("a", {})
    assert outcome.value is None
    assert "requires itself" in outcome.failure


def test_the_innermost_decision_is_the_one_that_failed(xml):
    table = xml.table("x", "o", "- | 1\n- | 2")
    model = dmn.parse(
        xml.model(xml.decision("t", table), xml.decision("d", xml.text("t + 1"), "d-t"))
    )
    outcome = model.evaluate_with_trace("d", {"x": 1})
    assert outcome.value is None
    assert outcome.failed_decision_id == "d-t"
    assert [decision.id for decision in outcome.decisions] == ["d-t"]


def test_knowledge_is_called_by_position_name_and_from_outside(xml):
    model = dmn.parse(
        xml.model(
            xml.knowledge("twice", "n: number", xml.text("2 * n")),
            xml.knowledge("four times", "n", xml.text("twice(twice(n))"), "b-twice"),
            xml.decision("d", xml.text("four times(3) + twice(n: 1)"), "b-four times", "b-twice"),
            xml.decision("bad", xml.text('twice("a")'), "b-twice"),
        )
    )
    assert model.problems == []
    assert model.evaluate("d", {}) == 14
    assert model.evaluate("four times", {"n": 2}) == 8
    assert model.evaluate("bad", {}) is None
    assert model.evaluate("twice", {}) is None


def test_knowledge_may_call_itself(xml):
    body = xml.text("if n <= 1 then 1 else n * factorial(n - 1)")
    model = dmn.parse(xml.model(xml.knowledge("factorial", "n: number", body, kind="number")))
    assert model.evaluate("factorial", {"n": 10}) == 3628800
    assert model.evaluate_with_trace("factorial", {"n": 10**6}).value is None


def test_knowledge_with_a_table_and_a_result_type(xml):
    table = xml.table("n", "o", '< 5 | "low"\n>= 5 | 7')
    model = dmn.parse(
        xml.model(
            xml.knowledge("level", "n: number", table, kind="string"),
            xml.decision("d", xml.text("[level(1), level(9)]"), "b-level"),
        )
    )
    assert model.evaluate("d", {}) == ["low", None]


def _service_model(xml):
    return dmn.parse(
        xml.model(
            xml.input("amount", "number"),
            xml.input("rate"),
            xml.decision("fee", xml.text("amount * rate"), "i-amount", "i-rate"),
            xml.decision("total", xml.text("amount + fee + extra"), "i-amount", "d-fee", "d-extra"),
            xml.decision("extra", xml.text("100")),
            xml.service("quote", "d-total", "d-fee", "i-amount i-rate", "d-extra"),
            xml.service("both", "d-total d-fee", "", "i-amount i-rate", "d-extra"),
            xml.decision("use", xml.text("quote(10, 0.5, 1)"), "s-quote"),
            xml.decision("named", xml.text("quote(extra: 2, amount: 10, rate: 0)"), "s-quote"),
            xml.decision("wrong", xml.text("quote(10)"), "s-quote"),
        )
    )


def test_a_service_is_a_function_of_input_data_and_input_decisions(xml):
    model = _service_model(xml)
    assert model.problems == []
    assert model.evaluate("use", {}) == 16
    assert model.evaluate("named", {}) == 12
    assert model.evaluate("wrong", {}) is None


def test_a_service_can_be_asked_directly(xml):
    model = _service_model(xml)
    values = {"amount": 10, "rate": 2, "extra": 5}
    assert model.evaluate("quote", values) == 35
    assert model.evaluate("both", values) == {"total": 35, "fee": 20}
    assert model.evaluate("quote", {"amount": 10, "rate": 2}) is None


TYPES = """
<itemDefinition name="tGrade"><typeRef>string</typeRef>
  <allowedValues><text>"A", "B"</text></allowedValues></itemDefinition>
<itemDefinition name="tGrades" isCollection="true"><typeRef>tGrade</typeRef></itemDefinition>
<itemDefinition name="tPair" isCollection="true"><typeRef>number</typeRef>
  <typeConstraint><text>count(?) = 2</text></typeConstraint></itemDefinition>
<itemDefinition name="tPerson">
  <itemComponent name="name"><typeRef>string</typeRef></itemComponent>
  <itemComponent name="born-on"><typeRef>date</typeRef></itemComponent>
  <itemComponent name="grade"><typeRef>tGrade</typeRef></itemComponent>
</itemDefinition>
<itemDefinition name="tPositive"><typeRef>number</typeRef>
  <allowedValues><text>&gt; 0</text></allowedValues></itemDefinition>
"""


@pytest.mark.parametrize(
    ("kind", "value", "accepted"),
    [
        ("tGrade", "A", True),
        ("tGrade", "C", False),
        ("tGrade", 1, False),
        ("tGrade", None, True),
        ("tGrades", ["A", "B"], True),
        ("tGrades", ["A", "C"], False),
        ("tPair", [1, 2], True),
        ("tPair", [1], False),
        ("tPositive", 1, True),
        ("tPositive", -1, False),
        ("tPerson", {"name": "Ann", "grade": "A"}, True),
        ("tPerson", {"name": "Ann", "grade": "C"}, False),
        ("tPerson", {"name": 1}, False),
        ("tPerson", "Ann", False),
    ],
)
def test_item_definitions_check_inputs(xml, kind, value, accepted):
    model = dmn.parse(
        xml.model(TYPES, xml.input("x", kind), xml.decision("d", xml.text("x"), "i-x"))
    )
    assert model.problems == []
    assert model.evaluate("d", {"x": value}) == (value if accepted else None)


def test_texts_become_temporal_values_where_the_type_says_so(xml):
    model = dmn.parse(
        xml.model(
            TYPES,
            xml.input("p", "tPerson"),
            xml.input("day", "date"),
            xml.decision("d", xml.text("[day, p.born-on.year, p.name]"), "i-p", "i-day"),
        )
    )
    context = {"p": {"name": "2020-01-01", "born-on": "1990-05-06"}, "day": "2020-02-03"}
    assert model.evaluate("d", context) == [date(2020, 2, 3), 1990, "2020-01-01"]


def test_components_with_keywords_in_their_names(xml):
    kind = (
        '<itemDefinition name="tBooks"><itemComponent name="profit and loss">'
        "<typeRef>number</typeRef></itemComponent></itemDefinition>"
    )
    model = dmn.parse(
        xml.model(
            kind,
            xml.input("books", "tBooks"),
            xml.decision("d", xml.text("books.profit and loss + 1"), "i-books"),
        )
    )
    assert model.evaluate("d", {"books": {"profit and loss": 4}}) == 5


def test_instance_of_an_item_definition(xml):
    texts = '["A" instance of tGrade, "C" instance of tGrade, 1 instance of tNowhere]'
    model = dmn.parse(xml.model(TYPES, xml.decision("d", xml.text(texts))))
    assert model.evaluate("d", {}) == [True, False, None]


def test_priority_falls_back_on_the_allowed_values_of_the_type(xml):
    table = xml.table("x", "o", '- | "B"\n- | "A"', policy="PRIORITY").replace(
        'name="o"', 'name="o" typeRef="tGrade"'
    )
    model = dmn.parse(xml.model(TYPES, xml.decision("d", table)))
    assert model.evaluate("d", {"x": 1}) == "A"


def _imported(xml):
    return dmn.parse(
        xml.model(
            TYPES,
            xml.input("person", "tPerson"),
            xml.decision("greeting", xml.text('"Hello " + person.name'), "i-person"),
            xml.knowledge("Say Hello", "name", xml.text('"Hello " + name')),
            name="lib",
            uri="urn:lib",
        )
    )


@pytest.mark.parametrize("alias", ["my lib", ""])
def test_imports(xml, alias):
    prefix = f"{alias}." if alias else ""
    model = dmn.parse(
        xml.model(
            f'<import importType="https://www.omg.org/spec/DMN/20230324/MODEL/" name="{alias}"'
            ' namespace="urn:lib"/>',
            xml.decision("d", xml.text(f"{prefix}greeting"), "urn:lib#d-greeting"),
            xml.decision("e", xml.text(f'{prefix}Say Hello("Bob")'), "urn:lib#b-Say Hello"),
            xml.decision("f", xml.text(f'"A" instance of {prefix}tGrade')),
            xml.decision("g", xml.text(f"{prefix}person.name"), "urn:lib#i-person"),
        ),
        [_imported(xml)],
    )
    assert model.problems == []
    person = {"person": {"name": "Ann"}}
    nested = {alias: person} if alias else person
    assert model.evaluate("d", nested) == "Hello Ann"
    assert model.evaluate("d", {"person": {"name": "Eve"}}) == "Hello Eve"
    assert model.evaluate("e", {}) == "Hello Bob"
    assert model.evaluate("f", {}) is True
    assert model.evaluate("g", nested) == "Ann"


def test_a_missing_import_and_a_dangling_reference_are_problems(xml):
    model = dmn.parse(
        xml.model(
            '<import importType="https://www.omg.org/spec/DMN/20230324/MODEL/" name="x"'
            ' namespace="urn:x"/>',
            xml.decision("d", xml.text("1"), "i-nothing"),
            xml.input("y", "tNowhere"),
        )
    )
    problems = " ".join(map(str, model.problems))
    assert "no model with namespace 'urn:x' was given" in problems
    assert "'#i-nothing' refers to nothing" in problems
    assert "unknown type 'tNowhere'" in problems
    assert model.evaluate("d", {}) == 1


@pytest.mark.parametrize("namespace", sorted(NAMESPACES))
def test_every_namespace_is_read(xml, namespace):
    text = xml.model(xml.decision("d", xml.text("1")), namespace=namespace)
    assert dmn.parse(text).evaluate("d", {}) == 1
    assert dmn.parse(text.encode()).evaluate("d-d", {}) == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not XML"),
        ("<a", "not XML"),
        ("<a/>", "not DMN"),
        ('<definitions xmlns="urn:other"/>', "not DMN"),
        ('<!DOCTYPE d [<!ENTITY e "x">]><d>&e;</d>', "document type"),
        ('<!DOCTYPE d SYSTEM "file:///etc/passwd"><d/>', "document type"),
    ],
)
def test_what_is_no_model_is_refused(text, complaint):
    with pytest.raises(dmn.InvalidModel, match=complaint):
        dmn.parse(text)


def test_two_elements_of_one_id_are_refused(xml):
    with pytest.raises(dmn.InvalidModel, match="d-d"):
        dmn.parse(xml.model(xml.decision("d", ""), xml.decision("d", "")))


def test_a_huge_model_is_refused():
    with pytest.raises(dmn.InvalidModel, match="bytes"):
        dmn.parse("<a>" + "x" * 9_000_000)


def test_deeply_nested_boxes_are_refused_or_null(xml):
    logic = "<list>" * 400 + xml.text("1") + "</list>" * 400
    try:
        value = dmn.parse(xml.model(xml.decision("d", logic))).evaluate("d", {})
    except dmn.InvalidModel:
        return
    assert value is None


def test_unknown_names_say_what_is_known(xml):
    model = dmn.parse(xml.model(xml.decision("d", "")))
    with pytest.raises(NotFound, match="Known: d-d"):
        model.evaluate("nothing", {})


def test_the_moment_can_be_given(xml):
    model = dmn.parse(xml.model(xml.decision("d", xml.text("today()"))))
    assert model.evaluate("d", {}, now=datetime(2030, 1, 2, tzinfo=UTC)) == date(2030, 1, 2)


def test_random_values_repeat_with_a_seed(xml):
    model = dmn.parse(xml.model(xml.decision("d", xml.text("uuid()"))))
    first, again, other = (model.evaluate("d", {}, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_an_endless_model_ends(xml):
    logic = xml.text("for i in 1..1000000000 return i")
    outcome = dmn.parse(xml.model(xml.decision("d", logic))).evaluate_with_trace("d", {})
    assert outcome.value is None
    assert "too many steps" in outcome.failure


def test_what_a_model_has(xml):
    model = _service_model(xml)
    assert (model.id, model.name, model.namespace) == ("id-m", "m", "urn:m")
    assert [decision.name for decision in model.decisions][:2] == ["fee", "total"]
    assert [service.name for service in model.services] == ["quote", "both"]
    assert [entry.name for entry in model.inputs] == ["amount", "rate"]
    assert model.knowledge == []
