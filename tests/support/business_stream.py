"""Records of everything that has a table besides transfers: bulk, requests, messages, decisions."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from record_stream import Instance, RecordWriter, channel_request

from phee.records import Record, ValueType
from phee.records.types import (
    CreatedDeletedIntent,
    DecisionEvaluationIntent,
    IncidentIntent,
    MessageIntent,
    ProcessMessageSubscriptionIntent,
    TimerIntent,
)
from phee.records.values import (
    DecisionEvaluationValue,
    DecisionRequirementsValue,
    DecisionValue,
    MessageValue,
    ProcessMessageSubscriptionValue,
    TimerValue,
)

Step = list[Record]


class CalledInstance(Instance):
    """An instance that a call activity of another one began."""

    def __init__(self, writer: RecordWriter, bpmn_process_id: str, *, parent: int) -> None:
        super().__init__(writer, bpmn_process_id)
        self._parent = parent

    def element(self, *args: Any, **kwargs: Any) -> Record:
        record = super().element(*args, **kwargs)
        if record.key == self.key:
            record.value.parent_process_instance_key = self._parent  # type: ignore[attr-defined]
        return record


def message(writer: RecordWriter, tenant_id: str, *, expires: bool = True) -> Iterator[Step]:
    key = writer.key()
    value = MessageValue(
        "transferResponse", f"tx-{key}", "", 30_000, writer.clock_ms, {"state": "OK"}, tenant_id
    )
    yield [writer.record(ValueType.MESSAGE, MessageIntent.PUBLISHED, key, value)]
    if expires:  # a sweep names the message by its key alone
        empty = MessageValue()
        yield [writer.record(ValueType.MESSAGE, MessageIntent.EXPIRED, key, empty)]
    else:
        yield [writer.record(ValueType.MESSAGE, MessageIntent.EXPIRED, key, value)]


def timer(instance: Instance, intent: TimerIntent, key: int) -> Record:
    value = TimerValue(
        instance.definition_key,
        instance.key,
        instance.key + 1,
        1_800_000_000_000,
        "Boundary_60s",
        1,
        instance.tenant_id,
    )
    return instance.writer.record(ValueType.TIMER, intent, key, value)


def subscription(
    instance: Instance, intent: ProcessMessageSubscriptionIntent, key: int, message_key: int = -1
) -> Record:
    value = ProcessMessageSubscriptionValue(
        process_instance_key=instance.key,
        element_instance_key=instance.key + 1,
        bpmn_process_id=instance.bpmn_process_id,
        message_name="transferResponse",
        correlation_key=f"tx-{instance.key}",
        message_key=message_key,
        element_id="Wait",
        tenant_id=instance.tenant_id,
    )
    value_type = ValueType.PROCESS_MESSAGE_SUBSCRIPTION
    return instance.writer.record(value_type, intent, key, value)


def waiting(instance: Instance) -> Iterator[Step]:
    """An instance waits for a message or a timer, and the message comes."""
    writer = instance.writer
    subscribed, timed = writer.key(), writer.key()
    intents = ProcessMessageSubscriptionIntent
    yield [
        subscription(instance, intents.CREATED, subscribed),
        timer(instance, TimerIntent.CREATED, timed),
    ]
    yield [subscription(instance, intents.CORRELATED, subscribed, writer.key())]
    yield [
        subscription(instance, intents.DELETED, subscribed),
        timer(instance, TimerIntent.CANCELED, timed),
    ]


def decision(writer: RecordWriter, tenant_id: str) -> Iterator[Step]:
    key, graph = writer.key(), writer.key()
    requirements = DecisionRequirementsValue(
        "fees", "Fees", 1, graph, "ns", "fees.dmn", b"<definitions/>", b"\x01\x02",
        tenant_id=tenant_id,
    )  # fmt: skip
    yield [
        writer.record(
            ValueType.DECISION_REQUIREMENTS, CreatedDeletedIntent.CREATED, graph, requirements
        ),
        writer.record(
            ValueType.DECISION,
            CreatedDeletedIntent.CREATED,
            key,
            DecisionValue("fee", "Fee", 1, key, "fees", graph, tenant_id=tenant_id),
        ),
    ]
    instance = Instance(writer, f"scoring-{tenant_id}", tenant_id=tenant_id)
    yield instance.start(amount=3)
    value = DecisionEvaluationValue(
        decision_key=key,
        decision_id="fee",
        decision_name="Fee",
        decision_version=1,
        decision_requirements_id="fees",
        decision_requirements_key=graph,
        decision_output='"1.50"',
        variables={"amount": 3},
        bpmn_process_id=instance.bpmn_process_id,
        process_instance_key=instance.key,
        element_id="Decide",
        element_instance_key=instance.key + 1,
        evaluated_decisions=[
            {
                "decisionId": "fee",
                "evaluatedInputs": [{"inputId": "i", "inputName": "amount", "inputValue": "3"}],
                "matchedRules": [{"ruleId": "r", "ruleIndex": 1, "evaluatedOutputs": []}],
            }
        ],
        tenant_id=tenant_id,
    )
    evaluated = DecisionEvaluationIntent.EVALUATED
    yield [writer.record(ValueType.DECISION_EVALUATION, evaluated, writer.key(), value)]
    yield instance.end()


def bulk(writer: RecordWriter, batch_id: str, sub_batches: list[str]) -> Iterator[Step]:
    instance = Instance(writer, "bulk_processor-rhino")
    rows = [{"request_id": "r-1", "note": "wages", "payment_mode": "mojaloop"}, {"note": "last"}]
    yield instance.start(
        batchId=batch_id,
        tenantId="rhino",
        filename=f"{batch_id}.csv",
        registeringInstituteId="ministry",
        clientCorrelationId=f"corr-{batch_id}",
        transactionList=json.dumps(rows),
    )
    yield instance.task(
        "splitting", subBatchDetails=[{"subBatchId": sub_batch} for sub_batch in sub_batches]
    )
    key = writer.key()
    yield [instance.incident(IncidentIntent.CREATED, key)]
    yield [instance.incident(IncidentIntent.RESOLVED, key)]
    yield instance.end("Event_1g7s82g")


def batch_transfer(
    writer: RecordWriter,
    number: int,
    batch_id: str,
    rng: random.Random,
    *,
    sub_batch_id: str = "",
    parent: int = -1,
) -> Iterator[Step]:
    instance = CalledInstance(writer, "minimal_mock_fund_transfer-rhino", parent=parent)
    currency = rng.choice(("EUR", "EUR", "EUR", "USD"))
    variables: dict[str, Any] = {"batchId": batch_id, "transactionId": f"tx-{number}"}
    if sub_batch_id:
        variables["subBatchId"] = sub_batch_id
    if rng.random() < 0.9:
        variables["channelRequest"] = channel_request(f"{number}.25", currency)
    yield instance.start(**variables)
    yield from waiting(instance)
    yield instance.task("mockInitiateTransfer", externalId=f"e-{number}")
    if rng.random() < 0.3:
        yield [instance.variable("transactionId", f"tx-{number}-again")]
    if rng.random() < 0.2:
        yield [instance.variable("batchId", "batch-moved")]
    end = rng.random()
    if end < 0.5:
        yield instance.end("Event_1sh6bqo")
    elif end < 0.7:
        yield instance.end("Event_0yilwue")
    elif end < 0.8:
        yield instance.terminate()
    elif end < 0.9:
        yield [instance.incident(IncidentIntent.CREATED, writer.key())]


def called_transfer(writer: RecordWriter, batch_id: str, rng: random.Random) -> Iterator[Step]:
    """A run that calls another, which calls a transfer: three generations."""
    grandparent = Instance(writer, "calling-rhino")
    yield grandparent.start()
    parent = CalledInstance(writer, "calling-rhino", parent=grandparent.key)
    yield parent.start()
    yield from batch_transfer(writer, 7, batch_id, rng, parent=parent.key)


def request(writer: RecordWriter, state: str) -> Iterator[Step]:
    instance = Instance(writer, "PayeeTransactionRequest-rhino")
    yield instance.start(
        transactionId=f"req-{instance.key}",
        channelRequest=channel_request("8.00", "KES"),
        externalId="ext-1",
        authType="OTP",
    )
    yield [instance.variable("transactionState", state)]
    failed = state == "IN_PROGRESS"
    yield instance.end("EndEvent_0axxsf5" if failed else "EndEvent_1tsph4e")


def notification(writer: RecordWriter) -> Iterator[Step]:
    instance = Instance(writer, "notification-rhino")
    yield instance.start(
        internalId="m-1", phoneNumber="+27710101999", deliveryMessage="sent", messageType="paid"
    )
    yield instance.end()


def business_story(seed: int) -> list[tuple[int, Record]]:
    """Everything at once, interleaved; each record with the number of the thread it belongs to."""
    rng = random.Random(seed)
    writer = RecordWriter()
    subs = ["s-1", "s-2"]
    threads = [
        bulk(writer, "batch-1", subs),
        *(
            batch_transfer(writer, number, "batch-1", rng, sub_batch_id=rng.choice(("", *subs)))
            for number in range(1, 9)
        ),
        called_transfer(writer, "batch-2", rng),
        request(writer, "REJECTED"),
        request(writer, "IN_PROGRESS"),
        notification(writer),
        message(writer, "rhino", expires=False),
        message(writer, "rhino"),
        decision(writer, "rhino"),
    ]
    alive = list(enumerate(threads))
    story: list[tuple[int, Record]] = []
    while alive:
        number, thread = rng.choice(alive)
        step = next(thread, None)
        if step is None:
            alive.remove((number, thread))
        else:
            story += [(number, record) for record in step]
    return story
