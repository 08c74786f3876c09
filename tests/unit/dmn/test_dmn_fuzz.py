"""Whatever the document and the input: a value, or ``InvalidModel``."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phee import dmn

VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
        st.sampled_from(["2020-01-01", "PT1H", "A"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)  # fmt: skip
JUNK = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        ["<", ">", '"', "/>", "&lt;", "..", "<list>", "</text>", 'typeRef="date"', "#d-t", "-",
         "]]>", 'isCollection="true"', "<decision/>", "<input/>", "not(", "<context/>",
         'hitPolicy="ANY"']
    ),
)  # fmt: skip


def _document(xml) -> str:
    types = (
        '<itemDefinition name="tAge" isCollection="false"><typeRef>number</typeRef>'
        "<allowedValues><text>[0..150]</text></allowedValues></itemDefinition>"
        '<itemDefinition name="tP"><itemComponent name="age"><typeRef>tAge</typeRef>'
        '</itemComponent><itemComponent name="on"><typeRef>date</typeRef></itemComponent>'
        "</itemDefinition>"
    )
    table = xml.table("p.age | x", "o | q", '< 18 | - | "A" | 1\n>= 18 | > 3 | "B" | x + 1')
    return xml.model(
        types,
        xml.input("p", "tP"),
        xml.input("x"),
        xml.decision("t", table, "i-p", "i-x"),
        xml.knowledge("k", "n: number", xml.text("n * 2 + count(t)"), "d-t"),
        xml.decision(
            "top", xml.text("{a: t.q, b: k(a), c: for i in [1, x] return i}"), "d-t", "b-k"
        ),
        xml.service("s", "d-top", "d-t", "i-p i-x"),
    )


def _evaluate_all(model: dmn.Model, context: dict[str, object]) -> None:
    for element in [*model.decisions, *model.knowledge, *model.services]:
        outcome = model.evaluate_with_trace(element.id, context)
        json.dumps(outcome.to_record())


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(p=VALUES, x=VALUES)
def test_any_input(xml, p, x):
    model = dmn.parse(_document(xml))
    assert model.problems == []
    _evaluate_all(model, {"p": p, "x": x})


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.integers(0, 5_000), length=st.integers(0, 40), junk=JUNK)
def test_damaged_documents(xml, place, length, junk):
    text = _document(xml)
    place %= len(text)
    try:
        model = dmn.parse(text[:place] + junk + text[place + length :])
    except dmn.InvalidModel:
        return
    _evaluate_all(model, {"p": {"age": 20, "on": "2020-01-01"}, "x": 5})


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(index=st.integers(0, 200), replacement=st.text("abcdpxt#-<>. ()[]{}\"'1", max_size=8))
def test_other_attributes(xml, index, replacement):
    text = _document(xml)
    places = list(re.finditer(r'(?<==")[^"]*(?=")', text))
    match = places[1 + index % (len(places) - 1)]
    safe = replacement.replace("<", "&lt;").replace('"', "&quot;")
    try:
        model = dmn.parse(text[: match.start()] + safe + text[match.end() :])
    except dmn.InvalidModel:
        return
    _evaluate_all(model, {"p": {"age": 20}, "x": 5})


@pytest.mark.parametrize("kind", ["tA", "tB"])
def test_a_type_that_is_itself_is_a_problem(xml, kind):
    types = (
        '<itemDefinition name="tA"><typeRef>tB</typeRef></itemDefinition>'
        '<itemDefinition name="tB"><typeRef>tA</typeRef></itemDefinition>'
    )
    model = dmn.parse(
        xml.model(types, xml.input("x", kind), xml.decision("d", xml.text("x"), "i-x"))
    )
    assert "defined by itself" in str(model.problems[0])
    assert model.evaluate("d", {"x": 1}) == 1


def test_a_type_may_contain_itself(xml):
    types = (
        '<itemDefinition name="tTree"><itemComponent name="value"><typeRef>number</typeRef>'
        '</itemComponent><itemComponent name="children" isCollection="true">'
        "<typeRef>tTree</typeRef></itemComponent></itemDefinition>"
    )
    model = dmn.parse(
        xml.model(types, xml.input("x", "tTree"), xml.decision("d", xml.text("x"), "i-x"))
    )
    tree = {"value": 1, "children": [{"value": 2, "children": []}]}
    assert model.evaluate("d", {"x": tree}) == tree
    assert model.evaluate("d", {"x": {"value": 1, "children": [{"value": "a"}]}}) is None
