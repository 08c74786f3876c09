"""Boxed expressions, one by one and within each other."""

from __future__ import annotations

import pytest

from phee import dmn, feel


def evaluate(xml, logic, context=None, kind=""):
    model = dmn.parse(xml.model(xml.decision("d", logic, kind=kind)))
    assert model.problems == []
    return model.evaluate("d", context or {})


def child(name, inner, extra=""):
    return f"<{name}{extra}>{inner}</{name}>"


def entry(name, inner, kind=""):
    type_ref = f' typeRef="{kind}"' if kind else ""
    variable = f'<variable name="{name}"{type_ref}/>' if name else ""
    return f"<contextEntry>{variable}{inner}</contextEntry>"


def test_context_entries_see_earlier_ones(xml):
    logic = child("context", entry("a b", xml.text("1")) + entry("c", xml.text("a b + 1")))
    assert evaluate(xml, logic) == {"a b": 1, "c": 2}


def test_a_context_with_a_result_is_its_result(xml):
    inner = entry("a", xml.text("x * 2")) + entry("", xml.text("a + 1"))
    assert evaluate(xml, child("context", inner), {"x": 4}) == 9


def test_context_entries_have_types(xml):
    inner = entry("a", xml.text('"one"'), "number") + entry("b", xml.text("[1]"), "number")
    assert evaluate(xml, child("context", inner)) == {"a": None, "b": 1}


def test_list(xml):
    assert evaluate(xml, child("list", xml.text("1") + xml.text("x"))) == [1, None]


def test_relation(xml):
    columns = '<column name="name"/><column name="age" typeRef="number"/>'
    rows = child("row", xml.text('"Ann"') + xml.text("30")) + child(
        "row", xml.text('"Bob"') + xml.text('"young"')
    )
    expected = [{"name": "Ann", "age": 30}, {"name": "Bob", "age": None}]
    assert evaluate(xml, child("relation", columns + rows)) == expected


def test_invocation_of_a_builtin_and_of_a_boxed_function(xml):
    binding = '<binding><parameter name="{}"/>{}</binding>'
    call = child(
        "invocation",
        xml.text("substring")
        + binding.format("string", xml.text('"foobar"'))
        + binding.format("start position", xml.text("4")),
    )
    assert evaluate(xml, call) == "bar"
    function = child(
        "functionDefinition",
        '<formalParameter name="x" typeRef="number"/><formalParameter name="y"/>'
        + xml.text("if y = null then x else x + y"),
    )
    inner = entry("f", function) + entry(
        "", child("invocation", xml.text("f") + binding.format("x", xml.text("1")))
    )
    assert evaluate(xml, child("context", inner)) == 1


@pytest.mark.parametrize(("value", "expected"), [("true", "a"), ("false", "b"), ("null", "b")])
def test_conditional(xml, value, expected):
    parts = (
        child("if", xml.text(value))
        + child("then", xml.text('"a"'))
        + child("else", xml.text('"b"'))
    )
    assert evaluate(xml, child("conditional", parts)) == expected


def test_filter(xml):
    parts = child("in", xml.text("xs")) + child("match", xml.text("age > 20 and item.name != null"))
    people = [{"name": "Ann", "age": 30}, {"name": "Bob", "age": 17}, {"age": 40}]
    assert evaluate(xml, child("filter", parts), {"xs": people}) == [people[0]]


def test_for(xml):
    for source in ("[1..4]", "1..n", "xs"):
        parts = child("in", xml.text(source)) + child("return", xml.text("i * 2 + count(partial)"))
        logic = child("for", parts, ' iteratorVariable="i"')
        assert evaluate(xml, logic, {"n": 4, "xs": [1, 2, 3, 4]}) == [2, 5, 8, 11]


@pytest.mark.parametrize(
    ("name", "test", "expected"),
    [
        ("some", "x > 2", True),
        ("some", "x > 3", False),
        ("every", "x > 0", True),
        ("every", "x > 1", False),
    ],
)
def test_quantified(xml, name, test, expected):
    parts = child("in", xml.text("[1, 2, 3]")) + child("satisfies", xml.text(test))
    assert evaluate(xml, child(name, parts, ' iteratorVariable="x"')) is expected


def test_a_table_within_a_context(xml):
    table = xml.table("score", "o", '< 5 | "low"\n>= 5 | "high"')
    inner = entry("score", xml.text("a + b")) + entry("level", table) + entry("", xml.text("level"))
    assert evaluate(xml, child("context", inner), {"a": 2, "b": 4}) == "high"


def java(xml, class_name, signature):
    java = entry("class", xml.text(f'"{class_name}"')) + entry(
        "method signature", xml.text(f'"{signature}"')
    )
    body = child("context", entry("java", child("context", java)))
    return f'<functionDefinition kind="Java"><formalParameter name="x"/>{body}</functionDefinition>'


def test_known_external_functions_are_called(xml):
    function = java(xml, "java.lang.Math", "sqrt(double)")
    inner = entry("f", function) + entry("", xml.text("[f(16), f(x: 4), f(-1), f(null)]"))
    assert evaluate(xml, child("context", inner)) == [4, 2, None, None]


def test_other_external_functions_are_a_problem_and_null(xml):
    function = java(xml, "java.lang.Runtime", "exec(java.lang.String)")
    inner = entry("f", function) + entry("", xml.text("f(1)"))
    model = dmn.parse(xml.model(xml.decision("d", child("context", inner))))
    assert "this external function is not supported" in str(model.problems[0])
    assert model.evaluate("d", {}) is None


def test_no_logic_is_null(xml):
    assert evaluate(xml, "") is None


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ('"123"', "number", None),
        ("[5]", "number", 5),
        ("[5, 6]", "number", None),
        ("5", "string", None),
        ('@"2020-01-01"', "date and time", "2020-01-01T00:00:00Z"),
        ("null", "number", None),
        ("5", "Any", 5),
    ],
)
def test_the_type_of_a_decision_binds(xml, text, kind, expected):
    assert feel.to_json_value(evaluate(xml, xml.text(text), kind=kind)) == expected
