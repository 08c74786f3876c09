"""From XML to a ``Model``: types first, then the graph, then the logic of each element."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from lxml import etree

from phee.dmn.boxed import EXPRESSIONS, BoxedCompiler
from phee.dmn.document import (
    attribute,
    children,
    describe_place,
    first,
    local_name,
    read_document,
)
from phee.dmn.elements import (
    BusinessKnowledgeModel,
    Decision,
    DecisionService,
    Element,
    InputData,
    Reference,
)
from phee.dmn.environment import Environment
from phee.dmn.errors import InvalidModel, Problem
from phee.dmn.item_types import TypeReader
from phee.dmn.model import Model
from phee.feel.lexer import KEYWORDS

_KINDS: Final[dict[str, type[Element]]] = {
    "inputData": InputData,
    "decision": Decision,
    "businessKnowledgeModel": BusinessKnowledgeModel,
    "decisionService": DecisionService,
}
_REQUIREMENTS: Final = {
    "informationRequirement": ("requiredInput", "requiredDecision"),
    "knowledgeRequirement": ("requiredKnowledge",),
}
_LOGIC_KINDS: Final = {
    "decisionTable": "DECISION_TABLE",
    "literalExpression": "LITERAL_EXPRESSION",
    "context": "CONTEXT",
    "invocation": "INVOCATION",
    "list": "LIST",
    "relation": "RELATION",
}


def parse(xml: bytes | str, imports: Sequence[Model] = ()) -> Model:
    """Read a decision model.

    Args:
        xml: a document in a namespace of DMN 1.1 to 1.5.
        imports: the models it imports, found by their namespace.

    Raises:
        InvalidModel: it is not DMN. Faults of single expressions are in ``Model.problems``.
    """
    try:
        return _ModelReader(read_document(xml), imports).read()
    except RecursionError:
        raise InvalidModel("The model nests too deeply") from None


class _ModelReader:
    def __init__(self, root: etree._Element, imports: Sequence[Model]) -> None:
        self._root = root
        self._available = {model.namespace: model for model in imports}
        name = attribute(root, "name")
        self._model = Model(attribute(root, "id") or name, name, attribute(root, "namespace"))
        self._nodes: dict[str, etree._Element] = {}
        self._types = TypeReader({}, self._report)
        self._boxed = BoxedCompiler(self._types)

    def read(self) -> Model:
        self._read_imports()
        self._types.read(self._root)
        self._model.types = self._types.types
        self._read_elements()
        for element in self._model.elements.values():
            self._complete(element, self._nodes[element.id])
        return self._model

    def _report(self, what: str, element: etree._Element) -> None:
        self._model.problems.append(Problem(what, describe_place(element)))

    def _read_imports(self) -> None:
        for element in children(self._root, "import"):
            kind = attribute(element, "importType")
            namespace, name = attribute(element, "namespace"), attribute(element, "name")
            model = self._available.get(namespace)
            if model is None:
                if "DMN" in kind:
                    self._report(f"no model with namespace '{namespace}' was given", element)
                continue
            self._model.imports[name] = model
            prefix = f"{name}." if name else ""
            for type_name, kind_of_type in model.types.items():
                if type_name not in ("list", "context", "function", "range"):
                    self._types.types[prefix + type_name] = kind_of_type

    def _read_elements(self) -> None:
        for node in children(self._root, *_KINDS):
            name = attribute(node, "name")
            identity = attribute(node, "id") or name
            if identity in self._model.elements:
                raise InvalidModel(
                    f"Two elements have the id '{identity}'",
                    where=describe_place(node),
                    fix="Give each element an id of its own.",
                )
            variable = first(node, "variable")
            kind = self._boxed.type_of(variable)
            known_as = "" if variable is None else attribute(variable, "name")
            make = _KINDS[local_name(node)]
            self._model.elements[identity] = make(identity, name, known_as or name, kind)
            self._nodes[identity] = node

    def _complete(self, element: Element, node: etree._Element) -> None:
        if isinstance(element, Decision):
            self._complete_decision(element, node)
        elif isinstance(element, BusinessKnowledgeModel):
            self._complete_knowledge(element, node)
        elif isinstance(element, DecisionService):
            element.input_data = tuple(self._references(node, "inputData"))
            element.input_decisions = tuple(self._references(node, "inputDecision"))
            element.output_decisions = tuple(self._references(node, "outputDecision"))

    def _complete_decision(self, decision: Decision, node: etree._Element) -> None:
        decision.requirements = self._requirements(node)
        logic = first(node, *EXPRESSIONS)
        if logic is None:
            return
        env = self._environment(decision.requirements)
        decision.kind = _LOGIC_KINDS.get(local_name(logic), "UNKNOWN")
        if local_name(logic) == "decisionTable":
            decision.table = self._boxed.tables.read(logic, env)
        else:
            decision.logic = self._boxed.compile(logic, env)

    def _complete_knowledge(self, model: BusinessKnowledgeModel, node: etree._Element) -> None:
        model.requirements = self._requirements(node)
        logic = first(node, "encapsulatedLogic")
        if logic is None:
            return
        env = self._environment(model.requirements).inner((model.variable,))
        model.parameters, model.body, model.external = self._boxed.function_parts(logic, env)

    def _requirements(self, node: etree._Element) -> tuple[Reference, ...]:
        found: list[Reference] = []
        for requirement in children(node, *_REQUIREMENTS):
            for name in _REQUIREMENTS[local_name(requirement)]:
                found += self._references(requirement, name)
        return tuple(found)

    def _references(self, node: etree._Element, name: str) -> Iterator[Reference]:
        for child in children(node, name):
            reference = self._resolve(attribute(child, "href"))
            if reference is None:
                self._report(f"'{attribute(child, 'href')}' refers to nothing", child)
            else:
                yield reference

    def _resolve(self, href: str) -> Reference | None:
        namespace, _, identity = href.rpartition("#")
        if namespace in ("", self._model.namespace):
            return Reference(identity) if identity in self._model.elements else None
        for name, model in self._model.imports.items():
            if model.namespace == namespace and identity in model.elements:
                return Reference(identity, (name,))
        return None

    def _environment(self, requirements: tuple[Reference, ...]) -> Environment:
        names: set[str] = set(filter(_is_unusual, self._types.member_names))
        for reference in requirements:
            _, element = self._model.reach(reference)
            names.add(element.variable)
            names.update(name for name in reference.path if name)
        return Environment(frozenset(names), self._types.types, self._report)


def _is_unusual(name: str) -> bool:
    """Whether a name has characters or words that would read as something else."""
    return any(character in name for character in "-+*/'’.") or not KEYWORDS.isdisjoint(
        name.split()
    )
