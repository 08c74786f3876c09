"""Evaluating a graph: each decision once, requirements first, every step traced."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from phee.dmn.elements import (
    BusinessKnowledgeModel,
    Decision,
    DecisionService,
    Element,
    EvaluatedDecision,
    InputData,
    Reference,
)
from phee.dmn.environment import fitted
from phee.dmn.errors import DecisionFailed
from phee.dmn.item_types import from_json
from phee.dmn.trace import Outcome, table_trace
from phee.feel.errors import EvaluationProblem, EvaluationStopped
from phee.feel.expression import guarded
from phee.feel.functions import DefinedFunction, call
from phee.feel.runtime import Fetched, Run, Scope
from phee.feel.types import ANY, FunctionType, Type
from phee.feel.values import FunctionValue, from_python

if TYPE_CHECKING:
    from phee.dmn.model import Model


def evaluate_element(
    model: Model, element: Element, context: Mapping[str, Any], run: Run
) -> Outcome:
    """Evaluate one element of a model; see ``Model.evaluate_with_trace``."""
    evaluation = Evaluation(model, context, run, [])
    value = guarded(lambda _scope: evaluation.result(element), run, Scope(run, {}))
    failed = evaluation.failed
    return Outcome(
        element.id,
        element.name,
        value,
        tuple(evaluation.trace),
        failed.id if failed else "",
        _failure_text(failed, run) if failed else "",
        tuple(run.warnings),
    )


def _failure_text(failed: Element, run: Run) -> str:
    reason = run.warnings[-1].message if run.warnings else "the evaluation failed"
    return f"Expected to evaluate decision '{failed.id}', but {reason}"


class Evaluation:
    """The values of one model in one evaluation.

    Attributes:
        trace: decisions evaluated so far, of imported models and services too.
        failed: the decision that ended the evaluation, if one did.
    """

    def __init__(
        self,
        model: Model,
        inputs: Mapping[str, Any],
        run: Run,
        trace: list[EvaluatedDecision],
        given: dict[str, Any] | None = None,
    ) -> None:
        self.trace = trace
        self.failed: Decision | None = None
        self._model = model
        self._inputs = inputs
        self._run = run
        self._values: dict[str, Any] = given or {}
        self._pending: set[str] = set()
        self._imported: dict[str, Evaluation] = {}

    def result(self, element: Element) -> Any:
        """The value of an element that was asked for by name."""
        if isinstance(element, Decision):
            return self._decision(element)
        function = self._value(element)
        names = [name for name, _ in function.parameters] if function is not None else []
        named = {name: from_python(self._inputs.get(name)) for name in names}
        return call(self._run, function, element.name, [], named)

    def value(self, reference: Reference) -> Any:
        """The value of a requirement."""
        if not reference.path:
            return self._value(self._model.elements[reference.id])
        name, *rest = reference.path
        return self._import(name).value(Reference(reference.id, tuple(rest)))

    def preset(self, imported: Mapping[str, dict[str, Any]]) -> None:
        """Give elements of imported models their values, by import and id."""
        for name, values in imported.items():
            self._imported[name] = Evaluation(
                self._model.imports[name], {}, self._run, self.trace, values
            )

    def _import(self, name: str) -> Evaluation:
        if name not in self._imported:
            nested = self._inputs.get(name) if name else None
            maps = [dict(nested)] if isinstance(nested, Mapping) else []
            inputs = ChainMap(*maps, self._inputs)  # type: ignore[arg-type]
            child = Evaluation(self._model.imports[name], inputs, self._run, self.trace)
            self._imported[name] = child
        return self._imported[name]

    def _value(self, element: Element) -> Any:
        if element.id in self._values:
            return self._values[element.id]
        if isinstance(element, Decision):
            return self._decision(element)
        if isinstance(element, InputData):
            value = self._input(element)
        elif isinstance(element, BusinessKnowledgeModel):
            return self._knowledge(element)
        else:
            assert isinstance(element, DecisionService)
            value = ServiceFunction(self._model, element, self)
        self._values[element.id] = value
        return value

    def _input(self, element: InputData) -> Any:
        value = None
        for name in (element.variable, element.name, element.id):
            if name in self._inputs:
                value = self._inputs[name]
                break
        else:
            self._run.warn("NO_VARIABLE_FOUND", f"No variable found with name '{element.variable}'")
        value = from_json(from_python(value), element.type)
        return fitted(value, element.type, element.name, Scope(self._run, {}))

    def _decision(self, decision: Decision) -> Any:
        if decision.id in self._values:
            return self._values[decision.id]
        if decision.id in self._pending:
            raise DecisionFailed("it requires itself")
        self._run.enter()
        self._pending.add(decision.id)
        try:
            value = self._decided(decision)
        except EvaluationStopped as stop:
            self._note_failure(decision, stop)
            raise
        finally:
            self._pending.discard(decision.id)
            self._run.leave()
        self._values[decision.id] = value
        return value

    def _note_failure(self, decision: Decision, stop: EvaluationStopped) -> None:
        """The innermost decision is the one that failed."""
        inner = [child.failed for child in self._imported.values() if child.failed]
        if self.failed is None:
            self.failed = inner[0] if inner else decision
        if not any(entry.id == self.failed.id for entry in self.trace):
            details: dict[str, Any] = {}
            if isinstance(stop, DecisionFailed) and stop.evidence and decision.table is not None:
                details = table_trace(decision.table, stop.evidence)
            self.trace.append(
                EvaluatedDecision(decision.id, decision.name, decision.kind, None, **details)
            )

    def _decided(self, decision: Decision) -> Any:
        scope = self._scope(decision.requirements)
        details: dict[str, Any] = {}
        if decision.table is not None:
            outcome = decision.table.decide(scope)
            raw, details = outcome.value, table_trace(decision.table, outcome)
        else:
            raw = decision.logic(scope) if decision.logic is not None else None
        value = fitted(raw, decision.type, decision.name, scope)
        self.trace.append(
            EvaluatedDecision(decision.id, decision.name, decision.kind, value, **details)
        )
        return value

    def _knowledge(self, element: BusinessKnowledgeModel) -> Any:
        if element.external is not None or element.body is None:
            self._values[element.id] = element.external
            return element.external
        values: dict[str, Any] = {}
        scope = Scope(self._run, values, Scope(self._run, Fetched({})))
        result = _result_type(element.type)
        function = DefinedFunction(
            element.parameters, element.body, scope, name=element.name, result=result
        )
        # known before its requirements are, so that it may call itself through them
        self._values[element.id] = function
        values[element.variable] = function
        values.update(self._required(element.requirements))
        return function

    def _scope(self, requirements: tuple[Reference, ...]) -> Scope:
        """What the logic of a decision sees: its requirements, then undeclared variables."""
        free = UndeclaredVariables(self._model, self._inputs)
        return Scope(self._run, self._required(requirements), Scope(self._run, Fetched(free)))

    def _required(self, requirements: tuple[Reference, ...]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for reference in requirements:
            _, element = self._model.reach(reference)
            target = values
            for name in reference.path:
                target = target.setdefault(name, {}) if name else target
            target[element.variable] = self.value(reference)
            if not reference.path:
                target.setdefault(element.id, target[element.variable])
        return values


def _result_type(kind: Type) -> Type | None:
    """The type of a function's results, from the type of its variable."""
    plain = kind.plain()
    if isinstance(plain, FunctionType):
        return plain.result
    return None if kind is ANY else kind


class UndeclaredVariables(Mapping[str, Any]):
    """The variables of the caller that no element of the model declares.

    Drawings for Zeebe use variables without input data; declared elements, though, are seen
    only by those that require them.
    """

    def __init__(self, model: Model, inputs: Mapping[str, Any]) -> None:
        self._declared = {
            name for element in model.elements.values() for name in (element.variable, element.name)
        } | set(model.imports)
        self._inputs = inputs

    def __getitem__(self, name: str) -> Any:
        if name in self._declared:
            raise KeyError(name)
        return self._inputs[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._inputs if name not in self._declared)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class ServiceFunction(FunctionValue):
    """A decision service as a function: input data first, then input decisions."""

    __slots__ = ("_caller", "_model", "_service")

    def __init__(self, model: Model, service: DecisionService, caller: Evaluation) -> None:
        elements = [
            model.reach(reference) for reference in service.input_data + service.input_decisions
        ]
        super().__init__(
            service.name, tuple((element.variable, element.type) for _, element in elements)
        )
        self._model = model
        self._service = service
        self._caller = caller

    def invoke(self, run: Run, arguments: list[Any], named: Mapping[str, Any] | None) -> Any:
        """The value of the output decision, or a context of several."""
        values = self._bind(arguments, named)
        references = self._service.input_data + self._service.input_decisions
        given: dict[str, Any] = {}
        imported: dict[str, dict[str, Any]] = {}
        for reference, (name, kind), value in zip(references, self.parameters, values, strict=True):
            fit = fitted(from_json(value, kind), kind, name, Scope(run, {}))
            if reference.path:
                imported.setdefault(reference.path[0], {})[reference.id] = fit
            else:
                given[reference.id] = fit
        inner = Evaluation(self._model, {}, run, self._caller.trace, given)
        inner.preset(imported)
        run.enter()
        try:
            return self._outputs(inner, run)
        finally:
            run.leave()
            self._caller.failed = self._caller.failed or inner.failed

    def _bind(self, arguments: list[Any], named: Mapping[str, Any] | None) -> list[Any]:
        names = [name for name, _ in self.parameters]
        if named is not None:
            if any(name not in names for name in named):
                raise EvaluationProblem(
                    f"expected {', '.join(names)}", "FUNCTION_INVOCATION_FAILURE"
                )
            return [named.get(name) for name in names]
        if len(arguments) != len(names):
            raise EvaluationProblem(
                f"expected {len(names)} arguments, found {len(arguments)}",
                "FUNCTION_INVOCATION_FAILURE",
            )
        return arguments

    def _outputs(self, inner: Evaluation, run: Run) -> Any:
        values: dict[str, Any] = {}
        for reference in self._service.output_decisions:
            _, element = self._model.reach(reference)
            values[element.variable] = inner.value(reference)
        result = next(iter(values.values())) if len(values) == 1 else values
        kind = _result_type(self._service.type)
        return result if kind is None else fitted(result, kind, self.name, Scope(run, {}))
