"""The executable model: what a BPMN drawing is compiled to.

Invariants: every reference is resolved to an object (nothing is looked up by text while a flow
runs), every expression is compiled, and a model never changes after :func:`phee.bpmn.compile_bpmn`
returned it. A :class:`Process` is safe to share between instances and threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phee.feel import Expression


class ElementType(StrEnum):
    """Zeebe's ``bpmnElementType`` names."""

    UNSPECIFIED = "UNSPECIFIED"
    PROCESS = "PROCESS"
    SUB_PROCESS = "SUB_PROCESS"
    EVENT_SUB_PROCESS = "EVENT_SUB_PROCESS"
    START_EVENT = "START_EVENT"
    INTERMEDIATE_CATCH_EVENT = "INTERMEDIATE_CATCH_EVENT"
    INTERMEDIATE_THROW_EVENT = "INTERMEDIATE_THROW_EVENT"
    BOUNDARY_EVENT = "BOUNDARY_EVENT"
    END_EVENT = "END_EVENT"
    SERVICE_TASK = "SERVICE_TASK"
    RECEIVE_TASK = "RECEIVE_TASK"
    USER_TASK = "USER_TASK"
    MANUAL_TASK = "MANUAL_TASK"
    TASK = "TASK"
    EXCLUSIVE_GATEWAY = "EXCLUSIVE_GATEWAY"
    PARALLEL_GATEWAY = "PARALLEL_GATEWAY"
    EVENT_BASED_GATEWAY = "EVENT_BASED_GATEWAY"
    INCLUSIVE_GATEWAY = "INCLUSIVE_GATEWAY"
    SEQUENCE_FLOW = "SEQUENCE_FLOW"
    MULTI_INSTANCE_BODY = "MULTI_INSTANCE_BODY"
    CALL_ACTIVITY = "CALL_ACTIVITY"
    BUSINESS_RULE_TASK = "BUSINESS_RULE_TASK"
    SCRIPT_TASK = "SCRIPT_TASK"
    SEND_TASK = "SEND_TASK"


class EventType(StrEnum):
    """Zeebe's ``bpmnEventType`` names."""

    UNSPECIFIED = "UNSPECIFIED"
    NONE = "NONE"
    MESSAGE = "MESSAGE"
    TIMER = "TIMER"
    ERROR = "ERROR"
    TERMINATE = "TERMINATE"
    SIGNAL = "SIGNAL"
    ESCALATION = "ESCALATION"
    LINK = "LINK"
    COMPENSATION = "COMPENSATION"
    CONDITIONAL = "CONDITIONAL"


class TimerKind(StrEnum):
    """Which of the three timer definitions a timer event carries."""

    DATE = "timeDate"
    DURATION = "timeDuration"
    CYCLE = "timeCycle"


@dataclass(frozen=True, slots=True)
class Value:
    """An attribute that is either static text or, when it starts with ``=``, a FEEL expression.

    ``expression`` is None for static text; ``text`` is the attribute as it stands in the drawing.
    """

    text: str
    expression: Expression | None = None


@dataclass(frozen=True, slots=True)
class VariableMapping:
    """One input or output mapping: evaluate ``source``, assign to the dotted ``target``."""

    source: Value
    target: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """What a job is made of: ``type`` and ``retries`` may be expressions; headers are text."""

    type: Value
    retries: Value
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MessageDefinition:
    """A message to wait for. ``correlation_key`` is None on message start events."""

    name: Value
    correlation_key: Value | None = None


@dataclass(frozen=True, slots=True)
class TimerDefinition:
    """When a timer event fires: an ISO 8601 date, duration or cycle (or cron), maybe by FEEL."""

    kind: TimerKind
    value: Value


@dataclass(frozen=True, slots=True)
class ErrorDefinition:
    """An error to throw or catch. ``code`` None on a catch event catches every error."""

    code: Value | None = None


@dataclass(frozen=True, slots=True)
class CalledElement:
    """The process that a call activity starts (latest version at activation)."""

    process_id: Value
    propagate_all_child_variables: bool = True
    propagate_all_parent_variables: bool = True


@dataclass(frozen=True, slots=True)
class Script:
    """A FEEL script and the variable that takes its result."""

    expression: Expression
    result_variable: str


@dataclass(slots=True, eq=False)
class SequenceFlow:
    """A directed connection; ``condition`` is None when it is unconditional or the default."""

    id: str
    source: Element
    target: Element
    condition: Value | None = None


@dataclass(slots=True, eq=False)
class Element:
    """A flow node, linked to its neighbours.

    Fields that do not apply to ``type`` keep their empty default. ``parent`` is the enclosing
    scope (process or sub-process), ``children`` the flow nodes directly inside a scope, in drawing
    order. ``boundary_events`` hang on an activity; ``attached_to`` is their way back.
    ``interrupting`` says whether a boundary event ends its activity.
    """

    id: str
    type: ElementType
    event_type: EventType = EventType.UNSPECIFIED
    name: str = ""
    parent: Element | None = None
    incoming: list[SequenceFlow] = field(default_factory=list)
    outgoing: list[SequenceFlow] = field(default_factory=list)
    default_flow: SequenceFlow | None = None
    inputs: Sequence[VariableMapping] = ()
    outputs: Sequence[VariableMapping] = ()
    task: TaskDefinition | None = None
    message: MessageDefinition | None = None
    timer: TimerDefinition | None = None
    error: ErrorDefinition | None = None
    called_element: CalledElement | None = None
    script: Script | None = None
    boundary_events: list[Element] = field(default_factory=list)
    attached_to: Element | None = None
    interrupting: bool = True
    children: list[Element] = field(default_factory=list)
    none_start: Element | None = None
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def is_scope(self) -> bool:
        """True for what holds child elements: the process and embedded sub-processes."""
        return self.type in (ElementType.PROCESS, ElementType.SUB_PROCESS)

    def __repr__(self) -> str:
        return f"<{self.type} {self.id}>"


@dataclass(slots=True, eq=False)
class Process:
    """One executable process of a drawing.

    ``root`` is the element of type PROCESS; ``elements`` maps every flow node id (root included)
    to its element; ``start_events`` are the top-level message and timer start events (the none
    start event, if any, is ``root.none_start``).
    """

    id: str
    name: str
    root: Element
    elements: dict[str, Element]
    start_events: list[Element] = field(default_factory=list)

    @property
    def job_types(self) -> frozenset[str]:
        """Every job type that is static text (expressions cannot be known before they run)."""
        return frozenset(
            e.task.type.text
            for e in self.elements.values()
            if e.task is not None and e.task.type.expression is None
        )
