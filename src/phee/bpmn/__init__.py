"""BPMN 2.0 with Zeebe extensions: read, check, compile to the executable model (pure).

:func:`compile_bpmn` turns a drawing into :class:`Process` objects or raises :class:`InvalidBpmn`
with every problem it found. ``docs/bpmn.md`` lists what is supported. Imports nothing of phee but
``phee.feel`` and ``phee.errors``.
"""

from phee.bpmn.compiler import compile_bpmn
from phee.bpmn.model import (
    CalledElement,
    Element,
    ElementType,
    ErrorDefinition,
    EventType,
    MessageDefinition,
    Process,
    Script,
    SequenceFlow,
    TaskDefinition,
    TimerDefinition,
    TimerKind,
    Value,
    VariableMapping,
)
from phee.bpmn.problems import InvalidBpmn, Problem
from phee.bpmn.safe_xml import Limits
from phee.bpmn.tenant import replace_tenant

__all__ = [
    "CalledElement",
    "Element",
    "ElementType",
    "ErrorDefinition",
    "EventType",
    "InvalidBpmn",
    "Limits",
    "MessageDefinition",
    "Problem",
    "Process",
    "Script",
    "SequenceFlow",
    "TaskDefinition",
    "TimerDefinition",
    "TimerKind",
    "Value",
    "VariableMapping",
    "compile_bpmn",
    "replace_tenant",
]
