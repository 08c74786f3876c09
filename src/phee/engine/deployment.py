"""DeployResources: read every drawing, keep what is new, move start events to it; all or nothing.

A process whose resource (by MD5) and resource name equal those of its latest version is a
duplicate: it keeps key and version.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from phee.bpmn import InvalidBpmn, compile_bpmn
from phee.bpmn.model import Process
from phee.commands import Deployed, DeployedProcess, Resource
from phee.engine import codes
from phee.engine.definitions import Definition, DeployedResource
from phee.engine.due_dates import due_of
from phee.engine.elements.binding import BEHAVIORS
from phee.engine.errors import RejectedArgument
from phee.engine.expressions import text_value
from phee.engine.incidents import Failure
from phee.engine.messages.subscriptions import StartSubscription
from phee.engine.nodes import build_nodes
from phee.engine.subscribing import cancel_timer, create_timer
from phee.engine.timers import Timer
from phee.records.values import (
    DeploymentResource,
    DeploymentValue,
    ProcessMetadata,
    ProcessValue,
)

if TYPE_CHECKING:
    from phee.commands import DeployResources
    from phee.engine.core import Core

Drawing = tuple[Resource, bytes, list[Process]]


def read_resources(command: DeployResources) -> list[Drawing] | RejectedArgument:
    """Compile what is to be deployed (done before processing: it needs no state).

    Returns:
        Each resource with its MD5 and processes; or the refusal that names every problem.
    """
    if not command.resources:
        reason = "Expected to deploy at least one resource, but none given"
        return RejectedArgument("CREATE", reason)
    drawings: list[Drawing] = []
    problems: list[str] = []
    seen: set[str] = set()
    for resource in command.resources:
        if not resource.name.endswith((".bpmn", ".xml")):
            problems.append(f"'{resource.name}': unknown resource type; name it .bpmn or .xml")
            continue
        try:
            processes = compile_bpmn(resource.content, resource.name)
        except InvalidBpmn as error:
            problems.append(f"'{resource.name}': {error}")
            continue
        for process in processes:
            if process.id in seen:
                problems.append(f"'{resource.name}': duplicated process id '{process.id}'")
            seen.add(process.id)
        checksum = hashlib.md5(resource.content, usedforsecurity=False).digest()
        drawings.append((resource, checksum, processes))
    if problems:
        lines = "\n".join(problems)
        reason = f"Expected to deploy new resources, but encountered the following errors:\n{lines}"
        return RejectedArgument("CREATE", reason)
    return drawings


def deploy(core: Core, wish: tuple[DeployResources, list[Drawing] | RejectedArgument]) -> None:
    """Process DeployResources."""
    command, drawings = wish
    tenant_id = command.tenant_id
    resources = [DeploymentResource(r.name, r.content) for r in command.resources]
    value = DeploymentValue(resources, tenant_id=tenant_id)
    core.begin(-1, codes.DEPLOYMENT, codes.DEPLOYMENT_CREATE, value)
    if not isinstance(drawings, list):
        core.refuse_with(drawings, -1, codes.DEPLOYMENT, codes.DEPLOYMENT_CREATE, value)
        return
    problem = _start_problem(core, drawings)
    if problem is not None:
        core.refuse_with(problem, -1, codes.DEPLOYMENT, codes.DEPLOYMENT_CREATE, value)
        return
    metadata: list[ProcessMetadata] = []
    fresh: list[Definition] = []
    for resource, checksum, processes in drawings:
        for process in processes:
            entry, definition = _deploy_process(core, tenant_id, resource, checksum, process)
            metadata.append(entry)
            if definition is not None:
                fresh.append(definition)
    for definition in fresh:
        _replace_timers(core, definition)
    key = core.next_key()
    created = DeploymentValue([], metadata, tenant_id=tenant_id)
    core.event(key, codes.DEPLOYMENT, codes.DEPLOYMENT_CREATED, created)
    for definition in fresh:
        _replace_messages(core, definition)
    core.answer(Deployed(key, [_answer(entry) for entry in metadata], tenant_id))


def _answer(entry: ProcessMetadata) -> DeployedProcess:
    return DeployedProcess(
        entry.bpmn_process_id,
        entry.version,
        entry.process_definition_key,
        entry.resource_name,
        entry.tenant_id,
        entry.duplicate,
    )


def _deploy_process(
    core: Core, tenant_id: str, resource: Resource, checksum: bytes, process: Process
) -> tuple[ProcessMetadata, Definition | None]:
    latest = core.state.definitions.latest(tenant_id, process.id)
    same = latest is not None and (latest.checksum, latest.resource_name) == (
        checksum,
        resource.name,
    )
    if latest is not None and same:
        return _metadata(latest, duplicate=True), None
    version = latest.version + 1 if latest is not None else 1
    definition = Definition(
        core.next_key(), process.id, version, tenant_id, resource.name, checksum
    )
    definition.bind(process, build_nodes(process, BEHAVIORS))
    core.state.definitions.add(definition)
    core.dirty(definition)
    core.dirty(DeployedResource(checksum, resource.content))
    core.event(
        definition.key,
        codes.PROCESS,
        codes.PROCESS_CREATED,
        ProcessValue(
            process.id,
            version,
            definition.key,
            resource.name,
            resource.content,
            checksum,
            False,
            tenant_id,
        ),
    )
    return _metadata(definition, duplicate=False), definition


def _metadata(definition: Definition, *, duplicate: bool) -> ProcessMetadata:
    return ProcessMetadata(
        definition.bpmn_process_id,
        definition.version,
        definition.key,
        definition.resource_name,
        definition.checksum,
        duplicate,
        definition.tenant_id,
    )


def _start_problem(core: Core, drawings: list[Drawing]) -> RejectedArgument | None:
    for resource, _, processes in drawings:
        for process in processes:
            for event in process.start_events:
                try:
                    if event.timer is not None:
                        due_of(core, event.timer, None)
                    if event.message is not None:
                        text_value(core, event.message.name, None)
                except Failure as failure:
                    reason = f"'{resource.name}', element '{event.id}': {failure.message}"
                    return RejectedArgument("CREATE", reason)
    return None


def _previous(core: Core, definition: Definition) -> Definition | None:
    definitions = core.state.definitions
    return definitions.version(
        definition.tenant_id, definition.bpmn_process_id, definition.version - 1
    )


def _replace_timers(core: Core, definition: Definition) -> None:
    """Start events by time: those of the version before stop, those of this one begin."""
    previous = _previous(core, definition)
    if previous is not None:
        for timer in [t for t in core.state.timers.values() if t.definition_key == previous.key]:
            if timer.element_instance_key == -1:
                cancel_timer(core, timer)
    for event in definition.start_events:
        if event.timer is None:
            continue
        due_at, repetitions, cycle = due_of(core, event.timer, None)
        timer = Timer(
            core.next_key(),
            due_at,
            definition.key,
            -1,
            -1,
            event.id,
            repetitions,
            cycle,
            definition.tenant_id,
        )
        create_timer(core, timer)


def _replace_messages(core: Core, definition: Definition) -> None:
    """Start events by message: those of the version before close, those of this one open."""
    previous = _previous(core, definition)
    if previous is not None:
        for subscription in core.state.start_subscriptions.take_definition(previous.key):
            core.event(
                subscription.key,
                codes.MESSAGE_START_EVENT_SUBSCRIPTION,
                codes.MSES_DELETED,
                subscription.record(),
            )
            core.drop(subscription)
    for event in definition.start_events:
        if event.message is None:
            continue
        subscription = StartSubscription(
            core.next_key(),
            definition.key,
            definition.bpmn_process_id,
            event.id,
            text_value(core, event.message.name, None),
            definition.tenant_id,
        )
        core.state.start_subscriptions.add(subscription)
        core.dirty(subscription)
        core.event(
            subscription.key,
            codes.MESSAGE_START_EVENT_SUBSCRIPTION,
            codes.MSES_CREATED,
            subscription.record(),
        )


def bind_stored(definition: Definition, content: bytes) -> None:
    """Give a definition that was read from disk its executable form again."""
    for process in compile_bpmn(content, definition.resource_name):
        if process.id == definition.bpmn_process_id:
            definition.bind(process, build_nodes(process, BEHAVIORS))
            return
    raise AssertionError(f"{definition} is not in its own drawing")
