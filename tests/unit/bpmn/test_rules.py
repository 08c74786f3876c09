"""Every rule of the compiler: one small drawing that breaks it, and neighbours that keep it.

``zeebe`` says what a real Zeebe 8.5.8 answered to the same drawing; where we differ, the reason
stands beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from phee.bpmn import InvalidBpmn, compile_bpmn

DEFINITIONS = (
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"'
    ' xmlns:zeebe="http://camunda.org/schema/zeebe/1.0"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:other="urn:other"'
    ' id="definitions" targetNamespace="urn:test">{}</bpmn:definitions>'
)
MESSAGE = (
    '<bpmn:message id="message" name="paid"><bpmn:extensionElements>'
    '<zeebe:subscription correlationKey="=id"/></bpmn:extensionElements></bpmn:message>'
    '<bpmn:message id="message2" name="refused"><bpmn:extensionElements>'
    '<zeebe:subscription correlationKey="=id"/></bpmn:extensionElements></bpmn:message>'
    '<bpmn:error id="error" errorCode="E1"/><bpmn:error id="bare"/>'
    '<bpmn:error id="computed" errorCode="=code"/><bpmn:signal id="signal" name="s"/>'
)
START = '<bpmn:startEvent id="start"/>'
END = '<bpmn:endEvent id="end"/>'
JOB = '<bpmn:extensionElements><zeebe:taskDefinition type="job"/>{}</bpmn:extensionElements>'


def flow(source: str, target: str, inner: str = "", name: str = "") -> str:
    flow_id = name or f"{source}_{target}"
    return (
        f'<bpmn:sequenceFlow id="{flow_id}" sourceRef="{source}" targetRef="{target}">'
        f"{inner}</bpmn:sequenceFlow>"
    )


def condition(text: str) -> str:
    kind = 'xsi:type="bpmn:tFormalExpression"'
    return f"<bpmn:conditionExpression {kind}>{text}</bpmn:conditionExpression>"


def node(tag: str, node_id: str, inner: str = "", attributes: str = "") -> str:
    return f'<bpmn:{tag} id="{node_id}" {attributes}>{inner}</bpmn:{tag}>'


def job(node_id: str = "task", more: str = "", tag: str = "serviceTask") -> str:
    return node(tag, node_id, JOB.format(more))


def zeebe(inner: str) -> str:
    return f"<bpmn:extensionElements>{inner}</bpmn:extensionElements>"


def timer(kind: str, text: str) -> str:
    return (
        f"<bpmn:timerEventDefinition><bpmn:{kind}>{text}</bpmn:{kind}></bpmn:timerEventDefinition>"
    )


def message(reference: str = "message") -> str:
    return f'<bpmn:messageEventDefinition messageRef="{reference}"/>'


def process(*parts: str, definitions: str = MESSAGE, attributes: str = "") -> bytes:
    body = f'<bpmn:process id="process" isExecutable="true" {attributes}>{"".join(parts)}'
    return DEFINITIONS.format(f"{body}</bpmn:process>{definitions}").encode()


def chain(middle: str, node_id: str = "task", more: str = "") -> bytes:
    """Start, one node, end."""
    return process(START, middle, END, flow("start", node_id), flow(node_id, "end"), more)


def boundary(definition: str, attributes: str = "", host: str = "") -> bytes:
    event = node("boundaryEvent", "event", definition, f'attachedToRef="task" {attributes}')
    tail = flow("event", "end", name="late")
    return process(
        START, host or job(), event, END, flow("start", "task"), flow("task", "end"), tail
    )


def race(*events: str, more: str = "", gateway: str = "") -> bytes:
    """An event-based gateway and its events, each to the end."""
    parts = [START, gateway or node("eventBasedGateway", "race"), END, flow("start", "race")]
    for index, event in enumerate(events):
        parts.append(node("intermediateCatchEvent", f"e{index}", event))
        parts += [flow("race", f"e{index}"), flow(f"e{index}", "end")]
    return process(*parts, more)


def split(attributes: str, first: str, second: str) -> bytes:
    gateway = node("exclusiveGateway", "split", attributes=attributes)
    parts = [START, gateway, END, node("endEvent", "other"), flow("start", "split")]
    return process(*parts, flow("split", "end", first), flow("split", "other", second))


def sub(*parts: str, attributes: str = "") -> bytes:
    return chain(node("subProcess", "task", "".join(parts), attributes))


def loop(*middle: str, node_id: str = "task") -> bytes:
    """A gateway, one node and back."""
    gateway = node("exclusiveGateway", "again", attributes='default="again_end"')
    parts = [START, gateway, *middle, END, flow("start", node_id), flow(node_id, "again")]
    back = flow("again", node_id, condition("=again"))
    return process(*parts, back, flow("again", "end"))


@dataclass(frozen=True)
class Case:
    name: str
    content: bytes
    rules: frozenset[str]
    zeebe: str


def keeps(name: str, content: bytes, zeebe: str = "accepts") -> Case:
    return Case(name, content, frozenset(), zeebe)


def breaks(name: str, content: bytes, *rules: str, zeebe: str = "refuses") -> Case:
    return Case(name, content, frozenset(rules), zeebe)


CALL = node("callActivity", "task", zeebe('<zeebe:calledElement processId="{}"/>'))
SCRIPT = '<zeebe:script expression="=1 + 1" resultVariable="two"/>'
INNER = node("startEvent", "s") + node("endEvent", "e") + flow("s", "e")
DURATION = timer("timeDuration", "PT5S")

TASKS = [
    keeps("service task", chain(job())),
    keeps("send task", chain(job(tag="sendTask"))),
    keeps("business rule task by job", chain(job(tag="businessRuleTask"))),
    keeps("script task by job", chain(job(tag="scriptTask"))),
    keeps("script task by FEEL", chain(node("scriptTask", "task", zeebe(SCRIPT)))),
    keeps("manual task", chain(node("manualTask", "task"))),
    keeps("undefined task", chain(node("task", "task"))),
    keeps("receive task", chain(node("receiveTask", "task", "", 'messageRef="message"'))),
    keeps(
        "receive task with a leftover job type",
        chain(node("receiveTask", "task", JOB.format(""), 'messageRef="message"')),
    ),
    keeps("call activity", chain(CALL.format("other"))),
    keeps("call activity by expression", chain(CALL.format("=child"))),
    keeps("job type by expression", chain(job().replace('"job"', '"=kind"'))),
    keeps(
        "retries and headers",
        chain(
            node(
                "serviceTask",
                "task",
                zeebe(
                    '<zeebe:taskDefinition type="job" retries="0"/><zeebe:taskHeaders>'
                    '<zeebe:header key="a" value="b"/></zeebe:taskHeaders>'
                ),
            )
        ),
    ),
    breaks("service task without job type", chain(node("serviceTask", "task")), "missing-job-type"),
    breaks(
        "two job types",
        chain(job(more='<zeebe:taskDefinition type="second"/>')),
        "repeated-extension",
    ),
    breaks("empty job type", chain(job().replace('"job"', '""')), "missing-attribute"),
    breaks("broken job type", chain(job().replace('"job"', '"=1 +"')), "expression"),
    breaks(
        "retries that are no number",
        chain(job().replace('"job"', '"job" retries="many"')),
        "invalid-retries",
        zeebe="accepts: it raises an incident for every job instead",
    ),
    breaks(
        "reserved header",
        chain(
            job(
                more='<zeebe:taskHeaders><zeebe:header key="io.camunda.zeebe:x" value="1"/>'
                "</zeebe:taskHeaders>"
            )
        ),
        "reserved-header",
    ),
    breaks("receive task without message", chain(node("receiveTask", "task")), "missing-message"),
    breaks(
        "receive task with a lost message",
        chain(node("receiveTask", "task", "", 'messageRef="lost"')),
        "dangling-reference",
    ),
    breaks("script task without anything", chain(node("scriptTask", "task")), "missing-script"),
    breaks(
        "script task with both",
        chain(node("scriptTask", "task", JOB.format(SCRIPT))),
        "missing-script",
    ),
    breaks(
        "script that is static",
        chain(node("scriptTask", "task", zeebe(SCRIPT.replace("=1", "1")))),
        "static-expression",
    ),
    breaks(
        "call activity without process",
        chain(node("callActivity", "task")),
        "missing-called-element",
    ),
    breaks("call activity of nothing", chain(CALL.format("")), "missing-attribute"),
]

MAPPINGS = [
    keeps(
        "mappings",
        chain(
            job(
                more='<zeebe:ioMapping><zeebe:input source="=a" target="b.c"/>'
                '<zeebe:input source="text" target="d"/><zeebe:output source="=x" target="y"/>'
                "</zeebe:ioMapping>"
            )
        ),
    ),
    breaks(
        "output that is static",
        chain(job(more='<zeebe:ioMapping><zeebe:output source="x" target="y"/></zeebe:ioMapping>')),
        "static-expression",
    ),
    breaks(
        "target that is no name",
        chain(
            job(more='<zeebe:ioMapping><zeebe:input source="=x" target="1y"/></zeebe:ioMapping>')
        ),
        "invalid-target",
    ),
    breaks(
        "target that is a reserved word",
        chain(
            job(more='<zeebe:ioMapping><zeebe:input source="=x" target="if"/></zeebe:ioMapping>')
        ),
        "invalid-target",
    ),
    breaks(
        "mapping without source",
        chain(job(more='<zeebe:ioMapping><zeebe:input target="y"/></zeebe:ioMapping>')),
        "missing-attribute",
    ),
]

EVENTS = [
    keeps("terminate end", chain(job()).replace(b"</bpmn:endEvent>", b"")),
    keeps(
        "message start",
        process(node("startEvent", "start", message()), END, flow("start", "end")),
    ),
    keeps(
        "timer start",
        process(
            node("startEvent", "start", timer("timeCycle", "R/PT1H")), END, flow("start", "end")
        ),
    ),
    breaks(
        "cron start",
        process(
            node("startEvent", "start", timer("timeCycle", "0 0 9-17 * * MON-FRI")),
            END,
            flow("start", "end"),
        ),
        "timer",
        zeebe="accepts: cron is not supported here yet",
    ),
    keeps(
        "date start",
        process(
            node("startEvent", "start", timer("timeDate", "2040-01-01T00:00:00Z")),
            END,
            flow("start", "end"),
        ),
    ),
    keeps(
        "error end",
        process(
            START,
            node("endEvent", "end", '<bpmn:errorEventDefinition errorRef="error"/>'),
            flow("start", "end"),
        ),
    ),
    keeps(
        "error end by expression",
        process(
            START,
            node("endEvent", "end", '<bpmn:errorEventDefinition errorRef="computed"/>'),
            flow("start", "end"),
        ),
    ),
    keeps(
        "terminate end event",
        process(
            START,
            node("endEvent", "end", "<bpmn:terminateEventDefinition/>"),
            flow("start", "end"),
        ),
    ),
    keeps("timer catch", chain(node("intermediateCatchEvent", "task", DURATION))),
    keeps(
        "timer catch by expression",
        chain(node("intermediateCatchEvent", "task", timer("timeDuration", "=wait"))),
    ),
    keeps(
        "date catch",
        chain(node("intermediateCatchEvent", "task", timer("timeDate", "2040-01-01T00:00Z"))),
    ),
    keeps("message catch", chain(node("intermediateCatchEvent", "task", message()))),
    keeps("boundary timer", boundary(DURATION)),
    keeps("boundary timer that does not interrupt", boundary(DURATION, 'cancelActivity="false"')),
    keeps(
        "boundary cycle that does not interrupt",
        boundary(timer("timeCycle", "R3/PT5S"), 'cancelActivity="false"'),
    ),
    keeps("boundary message", boundary(message())),
    keeps("boundary error", boundary('<bpmn:errorEventDefinition errorRef="error"/>')),
    keeps("boundary error without a code", boundary("<bpmn:errorEventDefinition/>")),
    keeps("boundary of a call", boundary(DURATION, host=CALL.format("other"))),
    breaks(
        "boundary that leads nowhere",
        process(
            START,
            job(),
            node("boundaryEvent", "event", DURATION, 'attachedToRef="task"'),
            flow("start", "task"),
        ),
        "boundary-event-outgoing",
    ),
    breaks(
        "end with an outgoing flow",
        process(START, END, node("endEvent", "more"), flow("start", "end"), flow("end", "more")),
        "end-event-outgoing",
    ),
    breaks(
        "start with an incoming flow",
        process(START, job(), flow("start", "task"), flow("task", "start")),
        "start-event-incoming",
        zeebe="accepts: BPMN does not allow it",
    ),
    breaks("no start", process(job(), END, flow("task", "end")), "missing-start"),
    breaks(
        "two none starts",
        process(START, node("startEvent", "second"), END, flow("start", "end")),
        "several-starts",
    ),
    breaks(
        "two starts of one message",
        process(node("startEvent", "a", message()), node("startEvent", "b", message())),
        "repeated-message",
    ),
    breaks(
        "error end without an error",
        process(START, node("endEvent", "end", "<bpmn:errorEventDefinition/>")),
        "missing-error",
    ),
    breaks(
        "error end without a code",
        process(START, node("endEvent", "end", '<bpmn:errorEventDefinition errorRef="bare"/>')),
        "missing-error",
    ),
    breaks(
        "catch without a definition",
        chain(node("intermediateCatchEvent", "task")),
        "event-definitions",
    ),
    breaks(
        "catch with two definitions",
        chain(node("intermediateCatchEvent", "task", DURATION + message())),
        "event-definitions",
    ),
    breaks(
        "timer without a time",
        chain(node("intermediateCatchEvent", "task", "<bpmn:timerEventDefinition/>")),
        "timer",
    ),
    breaks(
        "duration that is none",
        chain(node("intermediateCatchEvent", "task", timer("timeDuration", "60 seconds"))),
        "timer",
    ),
    breaks(
        "date without a zone",
        chain(node("intermediateCatchEvent", "task", timer("timeDate", "2040-01-01T00:00:00"))),
        "timer",
    ),
    breaks(
        "cycle on an interrupting boundary",
        boundary(timer("timeCycle", "R3/PT5S")),
        "timer",
    ),
    breaks(
        "cycle on a catch event",
        chain(node("intermediateCatchEvent", "task", timer("timeCycle", "R3/PT5S"))),
        "timer",
    ),
    breaks(
        "boundary error that does not interrupt",
        boundary("<bpmn:errorEventDefinition/>", 'cancelActivity="false"'),
        "error-must-interrupt",
    ),
    breaks(
        "boundary error by expression",
        boundary('<bpmn:errorEventDefinition errorRef="computed"/>'),
        "static-error-code",
    ),
    breaks(
        "boundary attached to nothing",
        process(
            START,
            node("boundaryEvent", "event", DURATION),
            END,
            flow("start", "end"),
            flow("event", "end"),
        ),
        "not-attached",
    ),
    breaks(
        "boundary attached to a gateway",
        boundary(DURATION, host=node("parallelGateway", "task")),
        "not-attached",
    ),
    breaks(
        "boundary with an incoming flow",
        boundary(DURATION)
        .replace(b'id="start_task"', b'id="x"')
        .replace(
            b"</bpmn:process>", flow("start", "event", name="y").encode() + b"</bpmn:process>"
        ),
        "boundary-event-incoming",
    ),
    breaks(
        "two boundary events of one message",
        boundary(message()).replace(
            b"</bpmn:process>",
            node("boundaryEvent", "again", message(), 'attachedToRef="task"').encode()
            + flow("again", "end").encode()
            + b"</bpmn:process>",
        ),
        "repeated-message",
    ),
    breaks(
        "two boundary events of one error",
        boundary("<bpmn:errorEventDefinition/>").replace(
            b"</bpmn:process>",
            node(
                "boundaryEvent", "again", "<bpmn:errorEventDefinition/>", 'attachedToRef="task"'
            ).encode()
            + flow("again", "end").encode()
            + b"</bpmn:process>",
        ),
        "repeated-error",
    ),
]

MESSAGES = [
    breaks(
        "message without correlation key",
        chain(node("receiveTask", "task", "", 'messageRef="bare"'))
        .replace(b"</bpmn:definitions>", b'<bpmn:message id="bare" name="n"/></bpmn:definitions>')
        .replace(b'<bpmn:error id="bare"/>', b""),
        "missing-correlation-key",
    ),
    breaks(
        "correlation key that is static",
        chain(node("receiveTask", "task", "", 'messageRef="message"')).replace(b'"=id"', b'"id"'),
        "static-expression",
    ),
    breaks(
        "message without a name",
        chain(node("receiveTask", "task", "", 'messageRef="message"')).replace(
            b' name="paid"', b""
        ),
        "missing-message-name",
    ),
    keeps(
        "message name by expression",
        chain(node("receiveTask", "task", "", 'messageRef="message"')).replace(
            b'name="paid"', b'name="=event"'
        ),
    ),
    breaks(
        "start message name by expression",
        process(node("startEvent", "start", message()), END, flow("start", "end")).replace(
            b'name="paid"', b'name="=event"'
        ),
        "not-supported",
    ),
]

GATEWAYS = [
    keeps("default", split('default="split_end"', "", condition("=a"))),
    keeps("two conditions", split("", condition("=a"), condition("=b"))),
    keeps(
        "default with a condition", split('default="split_end"', condition("=b"), condition("=a"))
    ),
    keeps("one flow without a condition", chain(node("exclusiveGateway", "task"))),
    keeps("parallel", chain(node("parallelGateway", "task"))),
    keeps("event-based", race(message(), DURATION)),
    keeps("event-based with two messages", race(message(), message("message2"))),
    breaks("no condition", split("", condition("=a"), ""), "missing-condition"),
    breaks(
        "condition without =",
        split('default="split_end"', "", condition("a = true")),
        "static-expression",
    ),
    breaks("empty condition", split('default="split_end"', "", condition("")), "static-expression"),
    breaks("broken condition", split('default="split_end"', "", condition("=a ==")), "expression"),
    breaks(
        "lost default",
        split('default="lost"', "", condition("=a")),
        "default-flow",
        "missing-condition",
    ),
    breaks(
        "default of another",
        split('default="start_split"', "", condition("=a")),
        "default-flow",
        "missing-condition",
    ),
    breaks(
        "condition behind a task",
        process(START, job(), END, flow("start", "task"), flow("task", "end", condition("=a"))),
        "misplaced-condition",
    ),
    breaks("event-based with one event", race(message()), "event-gateway"),
    breaks(
        "event-based with the same message twice", race(message(), message()), "repeated-message"
    ),
    breaks(
        "event-based before a task",
        race(message(), DURATION, more=job() + flow("race", "task")),
        "event-gateway",
    ),
    breaks(
        "event-based with another way in",
        race(message(), DURATION, more=job() + flow("task", "e0")),
        "event-gateway",
    ),
]

SCOPES = [
    keeps("sub-process", sub(INNER)),
    keeps(
        "sub-process with a boundary", boundary(DURATION, host=node("subProcess", "task", INNER))
    ),
    breaks("sub-process without start", sub(node("endEvent", "e")), "sub-process-start"),
    breaks(
        "sub-process with two starts", sub(INNER + node("startEvent", "s2")), "sub-process-start"
    ),
    breaks(
        "sub-process with a timer start",
        sub(node("startEvent", "s", DURATION)),
        "sub-process-start",
    ),
    breaks(
        "flow out of a sub-process",
        sub(INNER + flow("s", "end", name="out")),
        "dangling-reference",
        zeebe="accepts: BPMN does not allow it",
    ),
    breaks(
        "event sub-process",
        sub(INNER, attributes='triggeredByEvent="true"'),
        "not-supported",
        zeebe="refuses: this one; it runs event sub-processes",
    ),
    breaks("flow to nowhere", process(START, flow("start", "lost")), "dangling-reference"),
    breaks(
        "outgoing part that names no flow",
        chain(node("task", "task", "<bpmn:outgoing>lost</bpmn:outgoing>")),
        "dangling-reference",
    ),
    keeps(
        "incoming part that names no flow",
        chain(node("task", "task", "<bpmn:incoming>lost</bpmn:incoming>")),
    ),
    breaks(
        "flag that is no flag",
        boundary(DURATION, 'cancelActivity="maybe"'),
        "invalid-attribute",
    ),
    breaks(
        "attribute with a slip",
        boundary(DURATION, 'cancelActvity="false"'),
        "unknown-attribute",
    ),
    breaks(
        "flow without an end",
        process(START, '<bpmn:sequenceFlow id="f" sourceRef="start"/>'),
        "missing-attribute",
    ),
    breaks(
        "id used twice",
        chain(job()).replace(b'id="end"', b'id="task"'),
        "duplicate-id",
        "dangling-reference",
    ),
    breaks(
        "id missing", chain(job()).replace(b'id="task"', b""), "missing-id", "dangling-reference"
    ),
    breaks("id with a blank", process(START.replace('"start"', '"a start"')), "invalid-id"),
    breaks(
        "nothing executable",
        chain(job()).replace(b'isExecutable="true"', b'isExecutable="false"'),
        "no-executable-process",
    ),
    breaks("no process at all", DEFINITIONS.format("").encode(), "no-executable-process"),
    breaks("something else", b"<html/>", "not-bpmn"),
]

LOOPS = [
    keeps("loop with a job", loop(job())),
    keeps("loop with a timer", loop(node("intermediateCatchEvent", "task", DURATION))),
    breaks("loop of an undefined task", loop(node("task", "task")), "straight-through-loop"),
    breaks(
        "loop of a script",
        loop(node("scriptTask", "task", zeebe(SCRIPT))),
        "straight-through-loop",
        zeebe="accepts: 8.6 and later refuse it too",
    ),
    breaks(
        "loop of gateways",
        loop(node("exclusiveGateway", "task")),
        "straight-through-loop",
        zeebe="accepts: a token that enters keeps it busy forever",
    ),
    breaks(
        "loop of a sub-process",
        loop(node("subProcess", "task", INNER)),
        "straight-through-loop",
        zeebe="accepts: a token that enters keeps it busy forever",
    ),
    breaks("process that calls itself", chain(CALL.format("process")), "straight-through-loop"),
]

NOT_SUPPORTED = [
    breaks(
        "user task",
        chain(node("userTask", "task")),
        "not-supported",
        "dangling-reference",
        zeebe="accepts",
    ),
    breaks(
        "inclusive gateway",
        chain(node("inclusiveGateway", "task")),
        "not-supported",
        "dangling-reference",
        zeebe="accepts",
    ),
    breaks(
        "none throw",
        chain(node("intermediateThrowEvent", "task")),
        "not-supported",
        "dangling-reference",
        zeebe="accepts",
    ),
    breaks(
        "complex gateway",
        chain(node("complexGateway", "task")),
        "not-supported",
        "dangling-reference",
    ),
    breaks(
        "transaction",
        chain(node("transaction", "task", INNER)),
        "not-supported",
        "dangling-reference",
        zeebe="refuses",
    ),
    breaks(
        "signal catch",
        chain(
            node(
                "intermediateCatchEvent", "task", '<bpmn:signalEventDefinition signalRef="signal"/>'
            )
        ),
        "not-supported",
        zeebe="accepts",
    ),
    breaks(
        "message end",
        process(START, node("endEvent", "end", JOB.format("") + message()), flow("start", "end")),
        "not-supported",
        zeebe="accepts",
    ),
    breaks(
        "multi-instance",
        chain(
            node(
                "serviceTask",
                "task",
                JOB.format("")
                + "<bpmn:multiInstanceLoopCharacteristics>"
                + zeebe('<zeebe:loopCharacteristics inputCollection="=items"/>')
                + "</bpmn:multiInstanceLoopCharacteristics>",
            )
        ),
        "not-supported",
        zeebe="accepts",
    ),
    breaks(
        "standard loop",
        chain(node("serviceTask", "task", JOB.format("") + "<bpmn:standardLoopCharacteristics/>")),
        "not-supported",
        zeebe="accepts: and ignores the loop",
    ),
    breaks(
        "called decision",
        chain(
            node(
                "businessRuleTask",
                "task",
                zeebe('<zeebe:calledDecision decisionId="d" resultVariable="r"/>'),
            )
        ),
        "not-supported",
        zeebe="accepts",
    ),
    breaks(
        "execution listener",
        chain(
            job(
                more='<zeebe:executionListeners><zeebe:executionListener eventType="start"'
                ' type="x"/></zeebe:executionListeners>'
            )
        ),
        "not-supported",
        zeebe="accepts",
    ),
    breaks(
        "compensation marker",
        chain(node("serviceTask", "task", JOB.format(""), 'isForCompensation="true"')),
        "not-supported",
        zeebe="refuses",
    ),
    breaks(
        "unknown Zeebe extension",
        chain(job(more="<zeebe:taskDefinitoin/>")),
        "unknown-extension",
        zeebe="accepts: and ignores it, typing errors included",
    ),
    breaks("unknown BPMN element", chain(job() + "<bpmn:robotTask id='r'/>"), "unknown-element"),
    breaks(
        "misplaced extension",
        chain(node("serviceTask", "task", '<zeebe:taskDefinition type="x"/>')),
        "misplaced-extension",
        "missing-job-type",
        zeebe="refuses",
    ),
]

IGNORED = [
    keeps("foreign extension", chain(job(more='<other:stamp colour="red"/>'))),
    keeps(
        "properties",
        chain(
            job(more='<zeebe:properties><zeebe:property name="a" value="b"/></zeebe:properties>')
        ),
    ),
    keeps(
        "pictures and notes",
        chain(
            job()
            + "<bpmn:dataObjectReference id='dr' dataObjectRef='do'/><bpmn:dataObject id='do'/>",
            more="<bpmn:group id='g'/><bpmn:textAnnotation id='t'><bpmn:text>x</bpmn:text>"
            "</bpmn:textAnnotation><bpmn:association id='as' sourceRef='task' targetRef='t'/>",
        ).replace(
            START.encode(),
            b"<bpmn:laneSet id='ls'><bpmn:lane id='lane'><bpmn:flowNodeRef>task</bpmn:flowNodeRef>"
            b"</bpmn:lane></bpmn:laneSet>" + START.encode(),
        ),
    ),
    keeps(
        "a second process that is only drawn",
        chain(job()).replace(b"</bpmn:definitions>", b"<bpmn:process id='p2'/></bpmn:definitions>"),
    ),
]

CASES = [
    case
    for cases in (
        TASKS,
        MAPPINGS,
        EVENTS,
        MESSAGES,
        GATEWAYS,
        SCOPES,
        LOOPS,
        NOT_SUPPORTED,
        IGNORED,
    )
    for case in cases
]


def broken_rules(content: bytes) -> frozenset[str]:
    try:
        compile_bpmn(content)
    except InvalidBpmn as error:
        return frozenset(problem.rule for problem in error.problems)
    return frozenset()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rule(case: Case) -> None:
    assert broken_rules(case.content) == case.rules


def test_case_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


FILE_RULES = {
    *("document-type", "empty-file", "not-xml", "not-utf-8", "too-deep", "too-large"),
}
"""Rules about the file as a whole, tested with hostile drawings."""


def test_docs_list_exactly_the_rules() -> None:
    text = (Path(__file__).parents[3] / "docs/bpmn.md").read_text()
    table = text.partition("| Rule |")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    documented = {rule for cell in cells for rule in re.findall(r"`([a-z0-9-]+)`", cell)}
    tested = {rule for case in CASES for rule in case.rules} | FILE_RULES
    assert documented == tested
