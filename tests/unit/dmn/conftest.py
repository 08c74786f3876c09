"""Builders of small decision models."""

from __future__ import annotations

from xml.sax.saxutils import escape

import pytest

NAMESPACE = "https://www.omg.org/spec/DMN/20230324/MODEL/"


class Xml:
    """Pieces of DMN XML."""

    @staticmethod
    def model(*parts: str, namespace: str = NAMESPACE, name: str = "m", uri: str = "urn:m") -> str:
        return (
            f'<definitions xmlns="{namespace}" id="id-{name}" name="{name}" namespace="{uri}">'
            f"{''.join(parts)}</definitions>"
        )

    @staticmethod
    def text(feel: str) -> str:
        return f"<literalExpression><text>{escape(feel)}</text></literalExpression>"

    @staticmethod
    def input(name: str, kind: str = "") -> str:
        type_ref = f' typeRef="{kind}"' if kind else ""
        variable = f'<variable name="{name}"{type_ref}/>'
        return f'<inputData id="i-{name}" name="{name}">{variable}</inputData>'

    @staticmethod
    def needs(*references: str) -> str:
        """Requirements: ``i-...`` input, ``b-...`` and ``s-...`` knowledge, else decisions."""
        parts = []
        for reference in references:
            href = reference if "#" in reference else f"#{reference}"
            identity = href.partition("#")[2]
            if identity.startswith(("b-", "s-")):
                inner = f'<requiredKnowledge href="{href}"/>'
                parts.append(f"<knowledgeRequirement>{inner}</knowledgeRequirement>")
                continue
            kind = "requiredInput" if identity.startswith("i-") else "requiredDecision"
            parts.append(
                f'<informationRequirement><{kind} href="{href}"/></informationRequirement>'
            )
        return "".join(parts)

    @classmethod
    def decision(cls, name: str, logic: str, *needs: str, kind: str = "") -> str:
        type_ref = f' typeRef="{kind}"' if kind else ""
        return (
            f'<decision id="d-{name}" name="{name}"><variable name="{name}"{type_ref}/>'
            f"{cls.needs(*needs)}{logic}</decision>"
        )

    @classmethod
    def knowledge(cls, name: str, parameters: str, logic: str, *needs: str, kind: str = "") -> str:
        type_ref = f' typeRef="{kind}"' if kind else ""
        formal = "".join(
            f'<formalParameter name="{part.partition(":")[0].strip()}"'
            + (f' typeRef="{part.partition(":")[2].strip()}"' if ":" in part else "")
            + "/>"
            for part in parameters.split(",")
            if part.strip()
        )
        return (
            f'<businessKnowledgeModel id="b-{name}" name="{name}">'
            f'<variable name="{name}"{type_ref}/>'
            f"<encapsulatedLogic>{formal}{logic}</encapsulatedLogic>{cls.needs(*needs)}"
            "</businessKnowledgeModel>"
        )

    @staticmethod
    def service(
        name: str, outputs: str, inner: str = "", data: str = "", decisions: str = ""
    ) -> str:
        parts = [
            *(f'<outputDecision href="#{ref}"/>' for ref in outputs.split()),
            *(f'<encapsulatedDecision href="#{ref}"/>' for ref in inner.split()),
            *(f'<inputDecision href="#{ref}"/>' for ref in decisions.split()),
            *(f'<inputData href="#{ref}"/>' for ref in data.split()),
        ]
        return f'<decisionService id="s-{name}" name="{name}">{"".join(parts)}</decisionService>'

    @staticmethod
    def table(
        inputs: str,
        outputs: str,
        rules: str,
        *,
        policy: str = "UNIQUE",
        aggregation: str = "",
        values: dict[str, str] | None = None,
        defaults: dict[str, str] | None = None,
    ) -> str:
        """A decision table from lines of ``a | b | out``.

        ``values`` are allowed values by input expression or output name, ``defaults`` default
        outputs by name.
        """
        values, defaults = values or {}, defaults or {}
        columns = []
        for index, expression in enumerate(part.strip() for part in inputs.split("|")):
            allowed = values.get(expression)
            columns.append(
                f'<input id="in{index}"><inputExpression><text>{escape(expression)}</text>'
                "</inputExpression>"
                + (f"<inputValues><text>{escape(allowed)}</text></inputValues>" if allowed else "")
                + "</input>"
            )
        for index, name in enumerate(part.strip() for part in outputs.split("|")):
            allowed, default = values.get(name), defaults.get(name)
            columns.append(
                f'<output id="out{index}" name="{name}">'
                + (
                    f"<outputValues><text>{escape(allowed)}</text></outputValues>"
                    if allowed
                    else ""
                )
                + (
                    f"<defaultOutputEntry><text>{escape(default)}</text></defaultOutputEntry>"
                    if default
                    else ""
                )
                + "</output>"
            )
        width = inputs.count("|") + 1
        rows = []
        for index, line in enumerate(rules.strip().splitlines(), 1):
            cells = [f"<text>{escape(cell.strip())}</text>" for cell in line.split("|")]
            rows.append(
                f'<rule id="r{index}">'
                + "".join(f"<inputEntry>{cell}</inputEntry>" for cell in cells[:width])
                + "".join(f"<outputEntry>{cell}</outputEntry>" for cell in cells[width:])
                + "</rule>"
            )
        policy_text = f' hitPolicy="{policy}"' + (
            f' aggregation="{aggregation}"' if aggregation else ""
        )
        return f"<decisionTable{policy_text}>{''.join(columns)}{''.join(rows)}</decisionTable>"


@pytest.fixture
def xml() -> type[Xml]:
    return Xml
