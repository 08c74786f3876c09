"""The words of BPMN 2.0 and of the Zeebe extensions, and which of them run here.

Sources: the BPMN 2.0 schema (OMG formal/2011-01-03) and Zeebe 8.5's extension elements.
"""

from __future__ import annotations

MODEL = "http://www.omg.org/spec/BPMN/20100524/MODEL"
ZEEBE = "http://camunda.org/schema/zeebe/1.0"

NOT_DRAWN_TO_RUN = frozenset(
    {
        # pictures, notes and responsibilities inside a process or sub-process
        *("association", "group", "textAnnotation", "laneSet", "documentation", "artifact"),
        *("dataObject", "dataObjectReference", "dataStoreReference", "ioSpecification"),
        *("property", "auditing", "monitoring", "supports", "categoryValueRef"),
        *("performer", "humanPerformer", "potentialOwner", "resourceRole"),
        *("correlationSubscription", "extensionElements", "incoming", "outgoing"),
    }
)
"""BPMN elements that change nothing about how a process runs."""

NODE_PARTS_IGNORED = NOT_DRAWN_TO_RUN | {
    *("dataInputAssociation", "dataOutputAssociation", "dataInput", "dataOutput"),
    *("inputSet", "outputSet", "script"),
}
"""The same for the parts of a flow node (``script`` holds text that only other engines run)."""

DEFINITIONS_IGNORED = frozenset(
    {
        *("category", "collaboration", "conversation", "choreography", "globalConversation"),
        *("correlationProperty", "dataStore", "documentation", "endPoint", "escalation"),
        *("extension", "extensionElements", "import", "interface", "itemDefinition"),
        *("partnerEntity", "partnerRole", "relationship", "resource", "signal"),
        *("cancelEventDefinition", "compensateEventDefinition", "conditionalEventDefinition"),
        *("errorEventDefinition", "escalationEventDefinition", "linkEventDefinition"),
        *("messageEventDefinition", "signalEventDefinition", "terminateEventDefinition"),
        *("timerEventDefinition", "globalTask", "globalScriptTask", "globalUserTask"),
        *("globalManualTask", "globalBusinessRuleTask", "globalChoreographyTask"),
    }
)
"""BPMN elements next to the processes that matter only where something refers to them."""

NODES_NOT_SUPPORTED = {
    "userTask": "user task",
    "inclusiveGateway": "inclusive gateway",
    "complexGateway": "complex gateway",
    "intermediateThrowEvent": "intermediate throw event",
    "transaction": "transaction sub-process",
    "adHocSubProcess": "ad-hoc sub-process",
    "choreographyTask": "choreography task",
    "subChoreography": "sub-choreography",
    "callChoreography": "call choreography",
    "implicitThrowEvent": "implicit throw event",
}
"""Flow nodes that BPMN knows and this engine does not run, in words."""

EVENT_DEFINITIONS = {
    "messageEventDefinition": "message",
    "timerEventDefinition": "timer",
    "errorEventDefinition": "error",
    "terminateEventDefinition": "terminate",
    "signalEventDefinition": "signal",
    "escalationEventDefinition": "escalation",
    "compensateEventDefinition": "compensation",
    "conditionalEventDefinition": "conditional",
    "linkEventDefinition": "link",
    "cancelEventDefinition": "cancel",
}
"""What can define an event, in words."""

ATTRIBUTES = frozenset(
    {
        *("id", "name", "isExecutable", "isClosed", "processType", "definitionalCollaborationRef"),
        *("isForCompensation", "startQuantity", "completionQuantity", "default"),
        *("implementation", "operationRef", "messageRef", "instantiate", "scriptFormat"),
        *("sourceRef", "targetRef", "isImmediate", "gatewayDirection", "eventGatewayType"),
        *("attachedToRef", "cancelActivity", "parallelMultiple", "isInterrupting"),
        *("triggeredByEvent", "calledElement"),
    }
)
"""What BPMN 2.0 allows on processes, flow nodes and sequence flows; anything else is a slip."""

LOOPS_NOT_SUPPORTED = {
    "multiInstanceLoopCharacteristics": "multi-instance marker",
    "standardLoopCharacteristics": "loop marker",
}

ZEEBE_READ = frozenset(
    {"taskDefinition", "taskHeaders", "ioMapping", "subscription", "calledElement", "script"}
)
"""Zeebe extensions that this engine acts on, where they apply."""

ZEEBE_IGNORED = frozenset(
    {
        # for modelers, tools, or user tasks only
        *("properties", "versionTag", "userTaskForm", "formDefinition", "userTask"),
        *("assignmentDefinition", "taskSchedule", "priorityDefinition"),
    }
)
"""Zeebe extensions that change nothing on the elements that run here."""

ZEEBE_NOT_SUPPORTED = {
    "executionListeners": "execution listeners",
    "taskListeners": "task listeners",
    "calledDecision": "called decisions (DMN)",
    "publishMessage": "published messages",
    "loopCharacteristics": "multi-instance loops",
    "adHoc": "ad-hoc sub-processes",
    "linkedResources": "linked resources",
    "conditionalFilter": "conditional events",
}
"""Zeebe extensions that would change how a process runs, in words."""

RESERVED_HEADER_PREFIX = "io.camunda.zeebe:"


def local_name(tag: str) -> str:
    """The tag without its namespace: ``{uri}task`` is ``task``."""
    return tag.rpartition("}")[2]


def namespace(tag: str) -> str:
    """The namespace of a tag, "" when it has none."""
    return tag[1:].partition("}")[0] if tag.startswith("{") else ""
