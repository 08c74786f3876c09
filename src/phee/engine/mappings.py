"""Input and output mappings, and how variables leave an element that completes.

All mappings of one side are one evaluation (Zeebe makes one FEEL context of them): a later source
sees the targets of earlier ones, and nothing is set when any of them fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from phee.engine import codes
from phee.engine.expressions import check_assertions, moment, seed
from phee.engine.incidents import IO_MAPPING_ERROR
from phee.engine.variables import EMPTY, Context, propagate, set_all_local, storable
from phee.feel import EvaluationWarning, to_json_value
from phee.records.values import ProcessEventValue

if TYPE_CHECKING:
    from phee.bpmn.model import VariableMapping
    from phee.engine.core import Core
    from phee.engine.instances import ElementInstance, Trigger


def apply_inputs(core: Core, element: ElementInstance) -> None:
    """Set the variables of the input mappings local to ``element``.

    Raises:
        Failure: a source cannot be evaluated.
    """
    context = Context(element.scope if element.scope is not None else element)
    set_all_local(core, element, evaluate_mappings(core, element.node.inputs, context))


def apply_outputs(core: Core, element: ElementInstance) -> None:
    """Let the variables of an element that completes go to the scopes around it.

    Raises:
        Failure: a source of an output mapping cannot be evaluated; the variables that came with
            the event are local by then, so a second try sees them.
    """
    trigger = take_trigger(core, element)
    values = trigger.document.values if trigger is not None else None
    node = element.node
    if node.outputs:
        if values:
            set_all_local(core, element, values)
        result = evaluate_mappings(core, node.outputs, Context(element))
        propagate(core, element.scope or element, result)
    elif values:
        propagate(core, element, values)
    elif node.takes_event and element.variables:
        local = {name: variable.value for name, variable in element.variables.items()}
        propagate(core, element.scope or element, local)


def take_trigger(core: Core, element: ElementInstance) -> Trigger | None:
    """Take the event that completes ``element`` and put on record that it was taken."""
    triggers = element.triggers
    if not triggers or triggers[0].target is not element.node:
        return None
    trigger = triggers.pop(0)
    core.dirty(element)
    record_triggered(core, element, trigger)
    return trigger


def record_triggered(core: Core, caught_by: ElementInstance, trigger: Trigger) -> None:
    """Put PROCESS_EVENT.TRIGGERED on record."""
    core.event(
        trigger.event_key,
        codes.PROCESS_EVENT,
        codes.TRIGGERED,
        process_event(caught_by, trigger.target.id, EMPTY.raw),
    )


def process_event(caught_by: ElementInstance, target_id: str, raw: Any) -> ProcessEventValue:
    """Return the value of a PROCESS_EVENT record."""
    definition = caught_by.instance.definition
    return ProcessEventValue(
        caught_by.key,
        target_id,
        raw,
        definition.key,
        caught_by.instance.key,
        definition.tenant_id,
    )


class _Layered(Mapping[str, Any]):
    """Results so far in front of the variables of the scope."""

    __slots__ = ("_below", "results")

    def __init__(self, below: Context) -> None:
        self._below = below
        self.results: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        return self.results[name] if name in self.results else self._below[name]

    def __contains__(self, name: object) -> bool:
        return name in self.results or name in self._below

    def __iter__(self) -> Any:
        return iter({**dict(self._below), **self.results})

    def __len__(self) -> int:
        return len({**dict(self._below), **self.results})


def evaluate_mappings(
    core: Core, mappings: Sequence[VariableMapping], context: Context
) -> dict[str, Any]:
    """Return the variables that ``mappings`` give, as JSON values.

    Raises:
        Failure: an assertion in a source does not hold.
    """
    layered = _Layered(context)
    warnings: list[EvaluationWarning] = []
    now = moment(core)
    for ordinal, mapping in enumerate(mappings):
        expression = mapping.source.expression
        if expression is None:
            value: Any = mapping.source.text
        elif "assert" in expression.text:
            result, found = expression.evaluate_with_warnings(
                layered, now=now, seed=seed(core, ordinal)
            )
            warnings += found
            value = storable(to_json_value(result))
        else:
            result = expression.evaluate(layered, now=now, seed=seed(core, ordinal))
            value = storable(to_json_value(result))
        _assign(layered, mapping.target, value)
    if warnings:
        check_assertions(_as_context(mappings), warnings, IO_MAPPING_ERROR)
    return layered.results


def _assign(layered: _Layered, target: tuple[str, ...], value: Any) -> None:
    """Put ``value`` where a dotted target says, merging into a context that is there already."""
    if len(target) == 1:
        layered.results[target[0]] = value
        return
    name = target[0]
    before = layered.results[name] if name in layered.results else layered.get(name)
    outer = inner = dict(before) if isinstance(before, dict) else {}
    for part in target[1:-1]:
        below = inner.get(part)
        inner[part] = dict(below) if isinstance(below, dict) else {}
        inner = inner[part]
    inner[target[-1]] = value
    layered.results[name] = outer


def _as_context(mappings: Sequence[VariableMapping]) -> str:
    """Return the FEEL context that Zeebe makes of mappings, for its messages."""
    entries = []
    for mapping in mappings:
        expression = mapping.source.expression
        source = expression.text if expression is not None else f'"{mapping.source.text}"'
        *outer, name = mapping.target
        opening = "".join(f"{part}:{{" for part in outer)
        entries.append(f"{opening}{name}:{source}{'}' * len(outer)}")
    return "{" + ",".join(entries) + "}"
