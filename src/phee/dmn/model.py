"""A decision model: what a drawing of decisions means, compiled once, evaluated often."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from phee.dmn.elements import (
    BusinessKnowledgeModel,
    Decision,
    DecisionService,
    Element,
    InputData,
    Reference,
)
from phee.dmn.errors import Problem
from phee.dmn.evaluation import evaluate_element
from phee.dmn.trace import Outcome
from phee.errors import NotFound
from phee.feel.runtime import Run
from phee.feel.types import Type


class Model:
    """A parsed model. Immutable once parsed; may be used from any thread.

    Attributes:
        id: of the definitions.
        name: of the definitions.
        namespace: under which other models import it.
        elements: all elements by id.
        imports: imported models by the name this model gives them.
        types: item definitions by name.
        problems: faults of single places, whose value is null. Refuse such a model when it is
            deployed; evaluate it if you must.
    """

    def __init__(self, model_id: str, name: str, namespace: str) -> None:
        self.id = model_id
        self.name = name
        self.namespace = namespace
        self.elements: dict[str, Element] = {}
        self.imports: dict[str, Model] = {}
        self.types: dict[str, Type] = {}
        self.problems: list[Problem] = []

    def __repr__(self) -> str:
        return f"Model({self.name!r}, {len(self.elements)} elements)"

    @property
    def decisions(self) -> list[Decision]:
        """The decisions, in the order of the model."""
        return [element for element in self.elements.values() if isinstance(element, Decision)]

    @property
    def services(self) -> list[DecisionService]:
        """The decision services, in the order of the model."""
        return [item for item in self.elements.values() if isinstance(item, DecisionService)]

    @property
    def knowledge(self) -> list[BusinessKnowledgeModel]:
        """The business knowledge models, in the order of the model."""
        return [e for e in self.elements.values() if isinstance(e, BusinessKnowledgeModel)]

    @property
    def inputs(self) -> list[InputData]:
        """The input data, in the order of the model."""
        return [element for element in self.elements.values() if isinstance(element, InputData)]

    def find(self, name_or_id: str) -> Element:
        """A decision, decision service or business knowledge model by id, else by name.

        Raises:
            NotFound: there is none.
        """
        element = self.elements.get(name_or_id)
        if element is not None and not isinstance(element, InputData):
            return element
        for element in self.elements.values():
            if element.name == name_or_id and not isinstance(element, InputData):
                return element
        known = ", ".join(sorted(decision.id for decision in self.decisions)) or "none"
        raise NotFound(
            f"No decision '{name_or_id}'", where=f"model '{self.name}'", fix=f"Known: {known}."
        )

    def reach(self, reference: Reference) -> tuple[Model, Element]:
        """The element of a reference, with the model it belongs to."""
        model = self
        for name in reference.path:
            model = model.imports[name]
        return model, model.elements[reference.id]

    def evaluate(
        self,
        name_or_id: str,
        context: Mapping[str, Any],
        *,
        now: datetime | None = None,
        seed: int | str | None = None,
    ) -> Any:
        """The value of a decision, decision service or business knowledge model.

        Args:
            name_or_id: which one.
            context: input data (and input decisions or parameters) by name; those of an imported
                model may stand in a context under the name of the import.
            now: the moment of ``now()``; the clock of the machine when absent.
            seed: makes ``uuid()`` and ``random number()`` repeat; give each evaluation its own.

        Returns:
            The value, null when the evaluation failed (``evaluate_with_trace`` says why).

        Raises:
            NotFound: there is no such element.
        """
        return self.evaluate_with_trace(name_or_id, context, now=now, seed=seed).value

    def evaluate_with_trace(
        self,
        name_or_id: str,
        context: Mapping[str, Any],
        *,
        now: datetime | None = None,
        seed: int | str | None = None,
    ) -> Outcome:
        """The same, with all decisions on the way, failure and warnings."""
        return evaluate_element(self, self.find(name_or_id), context, Run(now, seed))
