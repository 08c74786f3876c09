"""Process instances: created by a command, started by an event, ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phee.commands import CreatedProcessInstance
from phee.engine import codes, lifecycle, variables
from phee.engine.instances import ProcessInstance, Trigger
from phee.engine.requests import answer_again, remember
from phee.records.values import ProcessEventValue, ProcessInstanceCreationValue

if TYPE_CHECKING:
    from phee.commands import CreateProcessInstance
    from phee.engine.core import Core
    from phee.engine.definitions import Definition
    from phee.engine.nodes import Node
    from phee.engine.variables import Document


def create(core: Core, wish: tuple[CreateProcessInstance, Document]) -> None:
    """Process CreateProcessInstance."""
    command, document = wish
    awaited = command.await_result
    intent = codes.CREATION_AWAIT if awaited else codes.CREATION_CREATE
    if command.request is not None and answer_again(core, command):
        return
    value = _creation(command, document)
    core.begin(-1, codes.PROCESS_INSTANCE_CREATION, intent, value)
    found = _find(core, command)
    if isinstance(found, tuple):
        rejection_type, reason = found
        name = "CREATE_WITH_AWAITING_RESULT" if awaited else "CREATE"
        core.refuse(
            name, -1, codes.PROCESS_INSTANCE_CREATION, intent, value, rejection_type, reason
        )
        return
    instance = ProcessInstance(core.next_key(), found, core.now)
    root = lifecycle.activate_process(core, instance)
    if document.values:
        variables.set_all_local(core, root, document.values)
    lifecycle.issue_activation(core, root)
    created = _creation(command, document, instance)
    core.event(core.next_key(), codes.PROCESS_INSTANCE_CREATION, codes.CREATION_CREATED, created)
    core.state.stats.instances_created += 1
    answer = CreatedProcessInstance(
        instance.key,
        found.key,
        found.bpmn_process_id,
        found.version,
        found.tenant_id,
        core.position,
    )
    if command.request is not None:
        remember(core, command, answer)
    if awaited:
        core.state.awaited[instance.key] = (core.token, answer, tuple(command.fetch_variables))
    else:
        core.answer(answer)


def _creation(
    command: CreateProcessInstance, document: Document, instance: ProcessInstance | None = None
) -> ProcessInstanceCreationValue:
    """Return what the records of a creation say: what was asked for, or what was created."""
    made = instance.definition if instance is not None else None
    return ProcessInstanceCreationValue(
        made.bpmn_process_id if made else command.bpmn_process_id,
        made.version if made else command.version,
        made.key if made else command.process_definition_key,
        instance.key if instance is not None else -1,
        document.raw,
        [],
        list(command.fetch_variables),
        made.tenant_id if made else command.tenant_id,
    )


def _find(core: Core, command: CreateProcessInstance) -> Definition | tuple[int, str]:
    definitions = core.state.definitions
    process_id, tenant = command.bpmn_process_id, command.tenant_id
    if command.process_definition_key > 0:
        found = definitions.by_key(command.process_definition_key)
        if found is None or found.tenant_id != tenant:
            return codes.NOT_FOUND, (
                "Expected to find process definition with key"
                f" '{command.process_definition_key}', but none found"
            )
    elif not process_id:
        return codes.INVALID_ARGUMENT, (
            "Expected at least a bpmnProcessId or a key greater than -1, but none given"
        )
    elif command.version < 0:
        found = definitions.latest(tenant, process_id)
        if found is None:
            return codes.NOT_FOUND, (
                f"Expected to find process definition with process ID '{process_id}',"
                " but none found"
            )
    else:
        found = definitions.version(tenant, process_id, command.version)
        if found is None:
            return codes.NOT_FOUND, (
                f"Expected to find process definition with process ID '{process_id}' and version"
                f" '{command.version}', but none found"
            )
    if found.root.none_start is None:
        return codes.INVALID_STATE, (
            "Expected to create instance of process with none start event,"
            " but there is no such event"
        )
    return found


def start_by_event(
    core: Core, definition: Definition, instance_key: int, start: Node, document: Document
) -> ProcessInstance:
    """Start an instance at the event ``start``, with the variables that came along."""
    event_key = core.next_key()
    core.event(
        event_key,
        codes.PROCESS_EVENT,
        codes.TRIGGERING,
        definition_event(definition, instance_key, start, document.raw),
    )
    instance = ProcessInstance(instance_key, definition, core.now)
    root = lifecycle.activate_process(core, instance)
    root.triggers = [Trigger(event_key, start, document)]
    lifecycle.issue_activation(core, root)
    core.state.stats.instances_created += 1
    return instance


def definition_event(
    definition: Definition, instance_key: int, start: Node, raw: Any
) -> ProcessEventValue:
    """Return the value of a PROCESS_EVENT record about a start event of a definition."""
    return ProcessEventValue(
        definition.key, start.id, raw, definition.key, instance_key, definition.tenant_id
    )
