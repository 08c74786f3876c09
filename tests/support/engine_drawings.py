"""Drawings made of blocks, for tests of the engine: written by hand or grown at random."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"'
    ' xmlns:zeebe="http://camunda.org/schema/zeebe/1.0"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' id="d" targetNamespace="http://phee/tests">'
)


@dataclass
class Scope:
    """The inside of a process or sub-process while it is drawn."""

    nodes: list[str] = field(default_factory=list)
    flows: list[str] = field(default_factory=list)


class Drawing:
    """Builds one process; every ``add`` returns the id of what it added."""

    def __init__(self, process_id: str, prefix: str = "") -> None:
        self.process_id = process_id
        self.messages: list[str] = []
        self.errors: list[str] = []
        self._prefix = prefix
        self._count = 0
        self._scopes = [Scope()]

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{self._prefix}{kind}{self._count}"

    def add(self, tag: str, inside: str = "", attributes: str = "", kind: str = "") -> str:
        """Draw a node in the current scope."""
        name = self._id(kind or tag)
        self._scopes[-1].nodes.append(f'<bpmn:{tag} id="{name}" {attributes}>{inside}</bpmn:{tag}>')
        return name

    def flow(self, source: str, target: str, condition: str = "") -> str:
        """Connect two nodes of the current scope."""
        name = self._id("flow")
        inside = ""
        if condition:
            inside = (
                '<bpmn:conditionExpression xsi:type="bpmn:tFormalExpression">'
                f"{condition}</bpmn:conditionExpression>"
            )
        self._scopes[-1].flows.append(
            f'<bpmn:sequenceFlow id="{name}" sourceRef="{source}" targetRef="{target}">'
            f"{inside}</bpmn:sequenceFlow>"
        )
        return name

    def default(self, node: str, flow: str) -> None:
        """Make ``flow`` the default of the gateway ``node``."""
        scope = self._scopes[-1]
        scope.nodes = [
            text.replace(f'id="{node}" ', f'id="{node}" default="{flow}" ') for text in scope.nodes
        ]

    def service(self, job_type: str, retries: str = "3", mapping: str = "") -> str:
        """Draw a service task."""
        extension = f'<zeebe:taskDefinition type="{job_type}" retries="{retries}"/>{mapping}'
        return self.add(
            "serviceTask",
            f"<bpmn:extensionElements>{extension}</bpmn:extensionElements>",
            kind="task",
        )

    def message(self, name: str, key: str) -> str:
        """Declare a message; return its id."""
        self.messages.append(
            f'<bpmn:message id="m{len(self.messages)}{self._prefix}" name="{name}">'
            f'<bpmn:extensionElements><zeebe:subscription correlationKey="{key}"/>'
            "</bpmn:extensionElements></bpmn:message>"
        )
        return f"m{len(self.messages) - 1}{self._prefix}"

    def error(self, code: str) -> str:
        """Declare an error; return its id."""
        self.errors.append(
            f'<bpmn:error id="e{len(self.errors)}{self._prefix}" errorCode="{code}"/>'
        )
        return f"e{len(self.errors) - 1}{self._prefix}"

    def timer(self, duration: str) -> str:
        """Return a timer definition."""
        return (
            '<bpmn:timerEventDefinition><bpmn:timeDuration xsi:type="bpmn:tFormalExpression">'
            f"{duration}</bpmn:timeDuration></bpmn:timerEventDefinition>"
        )

    def open_scope(self) -> None:
        """Begin the inside of a sub-process."""
        self._scopes.append(Scope())

    def close_scope(self) -> str:
        """End the inside of a sub-process and draw it."""
        scope = self._scopes.pop()
        return self.add("subProcess", "".join(scope.nodes + scope.flows), kind="sub")

    def process_xml(self) -> str:
        """Return the process element."""
        scope = self._scopes[-1]
        return (
            f'<bpmn:process id="{self.process_id}" isExecutable="true">'
            + "".join(scope.nodes + scope.flows)
            + "</bpmn:process>"
        )


def definitions(*drawings: Drawing) -> bytes:
    """Return one file with all ``drawings``."""
    shared = "".join(part for d in drawings for part in (*d.messages, *d.errors))
    body = "".join(drawing.process_xml() for drawing in drawings)
    return f"{_HEAD}{shared}{body}</bpmn:definitions>".encode()


def sequence(process_id: str, *job_types: str) -> bytes:
    """Return a process of service tasks one after the other."""
    drawing = Drawing(process_id)
    last = drawing.add("startEvent")
    for job_type in job_types:
        task = drawing.service(job_type)
        drawing.flow(last, task)
        last = task
    drawing.flow(last, drawing.add("endEvent"))
    return definitions(drawing)


class RandomDrawing(Drawing):
    """Grows a block-structured process: every block has one way in and one way out."""

    def __init__(self, process_id: str, rng: random.Random, called: str = "") -> None:
        super().__init__(process_id)
        self._rng = rng
        self._called = called
        self._depth = 0

    def grow(self) -> bytes:
        """Draw the process and return its file."""
        start = self.add("startEvent")
        last = self._chain(start, self._rng.randint(2, 4))
        self.flow(last, self.add("endEvent"))
        return definitions(self)

    def _chain(self, last: str, length: int) -> str:
        for _ in range(length):
            last = self._block(last)
        return last

    def _block(self, last: str) -> str:
        blocks = [self._task, self._catch_timer, self._catch_message, self._receive, self._script]
        if self._depth < 3:
            nested = [self._parallel, self._sub, self._bounded]
            blocks += [self._exclusive, self._race, self._called_process, *nested * 4]
        self._depth += 1
        try:
            return self._rng.choice(blocks)(last)
        finally:
            self._depth -= 1

    def _task(self, last: str) -> str:
        task = self.service(self._rng.choice(["alpha", "beta"]), retries="2")
        self.flow(last, task)
        return task

    def _script(self, last: str) -> str:
        name = self._rng.choice(["x", "y", "z"])
        script = self.add(
            "scriptTask",
            f'<bpmn:extensionElements><zeebe:script expression="=count + 1" '
            f'resultVariable="{name}"/></bpmn:extensionElements>',
        )
        self.flow(last, script)
        return script

    def _catch_timer(self, last: str) -> str:
        catch = self.add(
            "intermediateCatchEvent", self.timer(f"PT{self._rng.randint(1, 90)}S"), kind="timer"
        )
        self.flow(last, catch)
        return catch

    def _message_definition(self) -> str:
        name = self._rng.choice(["ping", "pong"])
        return f'<bpmn:messageEventDefinition messageRef="{self.message(name, "=key")}"/>'

    def _catch_message(self, last: str) -> str:
        catch = self.add("intermediateCatchEvent", self._message_definition(), kind="message")
        self.flow(last, catch)
        return catch

    def _receive(self, last: str) -> str:
        message = self.message("ping", "=key")
        task = self.add("receiveTask", attributes=f'messageRef="{message}"', kind="receive")
        self.flow(last, task)
        return task

    def _exclusive(self, last: str) -> str:
        split, join = self.add("exclusiveGateway"), self.add("exclusiveGateway")
        self.flow(last, split)
        one, two = self._task(split), None
        flow_of_two = self.add("manualTask")
        self.default(split, self.flow(split, flow_of_two))
        two = self._chain(flow_of_two, self._rng.randint(0, 1))
        self._scopes[-1].flows = [
            text.replace(
                "></bpmn:sequenceFlow>",
                ">"
                '<bpmn:conditionExpression xsi:type="bpmn:tFormalExpression">=count &gt; 2'
                "</bpmn:conditionExpression></bpmn:sequenceFlow>",
            )
            if f'sourceRef="{split}" targetRef="{one}"' in text
            else text
            for text in self._scopes[-1].flows
        ]
        self.flow(one, join)
        self.flow(two, join)
        return join

    def _parallel(self, last: str) -> str:
        fork, join = self.add("parallelGateway"), self.add("parallelGateway")
        self.flow(last, fork)
        for _ in range(self._rng.randint(2, 3)):
            branch = self.add("manualTask")
            self.flow(fork, branch)
            self.flow(self._chain(branch, self._rng.randint(0, 2)), join)
        return join

    def _race(self, last: str) -> str:
        gateway, join = self.add("eventBasedGateway"), self.add("exclusiveGateway")
        self.flow(last, gateway)
        message = self.add("intermediateCatchEvent", self._message_definition(), kind="race")
        late = self.add("intermediateCatchEvent", self.timer("PT30S"), kind="race")
        for catch in (message, late):
            self.flow(gateway, catch)
            self.flow(self._chain(catch, self._rng.randint(0, 1)), join)
        return join

    def _sub(self, last: str) -> str:
        self.open_scope()
        start = self.add("startEvent")
        inner = self._chain(start, self._rng.randint(1, 2))
        self._end_of_sub(inner)
        sub = self.close_scope()
        self.flow(last, sub)
        self._boundaries(sub)
        return sub

    def _end_of_sub(self, inner: str) -> None:
        kind = self._rng.choice(["none", "none", "terminate", "fork"])
        if kind == "fork":
            fork = self.add("parallelGateway")
            self.flow(inner, fork)
            self.flow(fork, self.add("endEvent", "<bpmn:terminateEventDefinition/>"))
            task = self.service("alpha")
            self.flow(fork, task)
            self.flow(task, self.add("endEvent"))
            return
        inside = "<bpmn:terminateEventDefinition/>" if kind == "terminate" else ""
        self.flow(inner, self.add("endEvent", inside))

    def _bounded(self, last: str) -> str:
        task = self._task(last)
        self._boundaries(task)
        return task

    def _boundaries(self, host: str) -> None:
        for _ in range(self._rng.randint(1, 3)):
            kind = self._rng.choice(["timer", "message", "error", "error"])
            cancel = kind == "error" or self._rng.random() < 0.5
            inside = {
                "timer": self.timer(f"PT{self._rng.randint(5, 60)}S"),
                "message": "",
                "error": "",
            }[kind]
            if kind == "message":
                name = f"stop{len(self.messages)}"
                inside = f'<bpmn:messageEventDefinition messageRef="{self.message(name, "=key")}"/>'
            elif kind == "error":
                inside = (
                    f'<bpmn:errorEventDefinition errorRef="{self.error(f"E{len(self.errors)}")}"/>'
                )
            boundary = self.add(
                "boundaryEvent",
                inside,
                f'attachedToRef="{host}" cancelActivity="{str(cancel).lower()}"',
                kind="boundary",
            )
            after = self._chain(boundary, self._rng.randint(0, 1))
            self.flow(after, self.add("endEvent"))

    def _called_process(self, last: str) -> str:
        if not self._called:
            return self._task(last)
        call = self.add(
            "callActivity",
            f'<bpmn:extensionElements><zeebe:calledElement processId="{self._called}"/>'
            "</bpmn:extensionElements>",
        )
        self.flow(last, call)
        self._boundaries(call)
        return call
