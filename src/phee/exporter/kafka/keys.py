"""The key of a message, which decides its Kafka partition.

All records of a payment must stay in order, so the key is the process instance that began it: for
an instance that a call activity started, its root. Which root that is, is said only once, when the
child is activated; so it is remembered (and kept by :class:`phee.exporter.kafka.state.State`)
until the child has ended for good.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import cast

from phee.records import Record, ValueType
from phee.records.types import ProcessInstanceIntent
from phee.records.values import OtherValue, ProcessInstanceValue, VariableDocumentValue

STRAGGLERS = 10_000
"""A root is remembered for so many positions after the end of its child."""
_ENDS = (ProcessInstanceIntent.ELEMENT_COMPLETED, ProcessInstanceIntent.ELEMENT_TERMINATED)


class MessageKeys:
    """Gives every record its key; records come in log order."""

    def __init__(self, roots: Mapping[int, int]) -> None:
        self._roots = dict(roots)
        self._ended: deque[tuple[int, int]] = deque()
        self._fresh: dict[int, int] = {}

    def key(self, record: Record) -> bytes:
        """Return the key of a record."""
        value = record.value
        if record.value_type == ValueType.PROCESS_INSTANCE:
            self._learn(record, cast("ProcessInstanceValue", value))
        instance = _instance_of(value)
        if instance > 0:
            return b"%d" % self._roots.get(instance, instance)
        if record.value_type == ValueType.MESSAGE and record.key > 0:
            return b"%d" % record.key
        return f"tenant:{record.tenant_id}".encode()

    def changes(self, confirmed: int) -> tuple[dict[int, int], list[int]]:
        """Return the roots learnt and the children to forget, until they are :meth:`saved`."""
        due = takewhile(lambda ended: ended[0] + STRAGGLERS <= confirmed, self._ended)
        return dict(self._fresh), [child for _, child in due]

    def saved(self, fresh: Mapping[int, int], gone: Sequence[int]) -> None:
        """Note that these changes are on disk."""
        for child in fresh:
            self._fresh.pop(child, None)
        for child in gone:
            self._ended.popleft()
            self._roots.pop(child, None)

    def _learn(self, record: Record, value: ProcessInstanceValue) -> None:
        parent, child = value.parent_process_instance_key, value.process_instance_key
        if parent > 0 and child not in self._roots:
            self._roots[child] = self._fresh[child] = self._roots.get(parent, parent)
        if record.key == child and record.intent in _ENDS and child in self._roots:
            self._ended.append((record.position, child))


def _instance_of(value: object) -> int:
    if isinstance(value, VariableDocumentValue):
        return value.scope_key
    if isinstance(value, OtherValue):
        found = value.fields.get("processInstanceKey", -1)
        return found if isinstance(found, int) else -1
    return getattr(value, "process_instance_key", -1)
