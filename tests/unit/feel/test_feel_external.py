"""External functions: what stands in for static methods of Java."""

from __future__ import annotations

import pytest

from phee import feel


def call(class_name: str, signature: str, arguments: str) -> object:
    names = ", ".join(f"p{index}" for index in range(arguments.count(",") + 1))
    mapping = f'{{java: {{class: "{class_name}", method signature: "{signature}"}}}}'
    return feel.to_json_value(feel.evaluate(f"(function({names}) external {mapping})({arguments})"))


@pytest.mark.parametrize(
    ("class_name", "signature", "arguments", "expected"),
    [
        ("java.lang.Math", "cos(double)", "0", 1),
        ("java.lang.Math", "max(int,int)", "1, 5", 5),
        ("java.lang.Math", "max( double , double )", "1.5, 0.5", 1.5),
        ("java.lang.Math", "pow(double, double)", "2, 10", 1024),
        ("java.lang.Math", "round(double)", "2.5", 3),
        ("java.lang.Math", "abs(int)", "-5", 5),
        ("java.lang.Math", "log(double)", "0", None),
        ("java.lang.Math", "sqrt(double)", "-1", None),
        ("java.lang.Math", "cos(double)", '"a"', None),
        ("java.lang.Math", "cos(double)", "1, 2", None),
        ("java.lang.Math", "exit(int)", "1", None),
        ("java.lang.Byte", "valueOf(byte)", "200", None),
        ("java.lang.Integer", "valueOf(java.lang.String)", '"42"', 42),
        ("java.lang.Integer", "parseInt(java.lang.String)", '"x"', None),
        ("java.lang.Double", "valueOf(java.lang.String)", '"NaN"', None),
        ("java.lang.Double", "valueOf(java.lang.String)", '"1.5"', 1.5),
        ("java.lang.Boolean", "valueOf(java.lang.String)", '"TRUE"', True),
        ("java.lang.Character", "valueOf(char)", '"a"', "a"),
        ("java.lang.Character", "valueOf(char)", '"ab"', None),
        ("java.lang.String", "valueOf(java.lang.Object)", "1", "1"),
        (
            "java.lang.String",
            "format(java.lang.String, [Ljava.lang.Object;)",
            '"%s is %d, %.1f", ["a", 1, 2.5]',
            "a is 1, 2.5",
        ),
        ("java.lang.String", "format(java.lang.String, java.lang.Object...)", '"%s", "a"', "a"),
        ("java.lang.String", "format(java.lang.String, int...)", '"%999999999d", 1', None),
        ("java.lang.String", "format(java.lang.String, int...)", '"%*d", 999999999, 1', None),
        ("java.lang.System", "exit(int)", "0", None),
        ("java.lang.Math", "nonsense", "0", None),
    ],
)  # fmt: skip
def test_static_methods(class_name, signature, arguments, expected):
    assert call(class_name, signature, arguments) == expected


def test_a_mapping_that_is_none_has_no_value():
    for mapping in ("{}", "1", '{pmml: {document: "d", model: "m"}}', "{java: 1}"):
        value, warnings = feel.compile(f"(function() external {mapping})()").evaluate_with_warnings(
            {}
        )
        assert value is None
        assert "not supported" in warnings[0].message
