"""Records as an orchestrator writes them, for tests and benches of the data side."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from phee.records import Record, RecordType, RecordValue, ValueType
from phee.records.types import (
    IncidentIntent,
    JobBatchIntent,
    JobIntent,
    ProcessEventIntent,
    ProcessInstanceIntent,
    ProcessIntent,
    VariableIntent,
)
from phee.records.values import (
    IncidentValue,
    JobBatchValue,
    JobValue,
    ProcessEventValue,
    ProcessInstanceValue,
    ProcessValue,
    VariableValue,
)

START_MS = 1_760_000_000_000
STEPS = (
    "party-lookup-request",
    "quote",
    "payer-local-quote",
    "payer-request-confirm",
    "block-funds",
    "send-transfer-request",
    "book-funds",
    "send-success-to-channel",
)


class RecordWriter:
    """Numbers and times records the way a log does; each call returns what it wrote."""

    def __init__(self, *, first_position: int = 1, clock_ms: int = START_MS) -> None:
        self.position = first_position - 1
        self.clock_ms = clock_ms
        self.next_key = 2251799813685249

    def key(self) -> int:
        self.next_key += 1
        return self.next_key

    def record(
        self,
        value_type: ValueType,
        intent: int,
        key: int,
        value: RecordValue,
        record_type: RecordType = RecordType.EVENT,
    ) -> Record:
        self.position += 1
        self.clock_ms += 1
        return Record(
            self.position, -1, key, self.clock_ms, int(record_type), int(value_type), int(intent),
            value,
        )  # fmt: skip


class Instance:
    """One process instance; every method returns the records of what happened to it."""

    def __init__(
        self,
        writer: RecordWriter,
        bpmn_process_id: str = "PayerFundTransfer-rhino",
        *,
        tenant_id: str = "rhino",
        definition_key: int = 2251799813690001,
    ) -> None:
        self.writer = writer
        self.bpmn_process_id = bpmn_process_id
        self.tenant_id = tenant_id
        self.definition_key = definition_key
        self.key = writer.key()
        self._variables: dict[str, int] = {}

    def element(
        self,
        intent: int,
        key: int,
        element_id: str,
        element_type: str,
        record_type: RecordType = RecordType.EVENT,
    ) -> Record:
        is_process = element_type == "PROCESS"
        value = ProcessInstanceValue(
            bpmn_process_id=self.bpmn_process_id,
            version=1,
            process_definition_key=self.definition_key,
            process_instance_key=self.key,
            element_id=element_id,
            flow_scope_key=-1 if is_process else self.key,
            bpmn_element_type=element_type,
            tenant_id=self.tenant_id,
        )
        return self.writer.record(ValueType.PROCESS_INSTANCE, intent, key, value, record_type)

    def _command(self, intent: int, *element: Any) -> Record:
        return self.element(intent, *element, RecordType.COMMAND)

    def start(self, **variables: Any) -> list[Record]:
        records = [self.variable(name, value) for name, value in variables.items()]
        process = (self.key, self.bpmn_process_id, "PROCESS")
        records += [
            self.element(ProcessInstanceIntent.ELEMENT_ACTIVATING, *process),
            self.element(ProcessInstanceIntent.ELEMENT_ACTIVATED, *process),
        ]
        return records + self.node("StartEvent_1", "START_EVENT")

    def node(self, element_id: str, element_type: str = "EXCLUSIVE_GATEWAY") -> list[Record]:
        key = self.writer.key()
        return self.enter(key, element_id, element_type) + self.leave(key, element_id, element_type)

    def enter(self, key: int, element_id: str, element_type: str) -> list[Record]:
        element = (key, element_id, element_type)
        return [
            self._command(ProcessInstanceIntent.ACTIVATE_ELEMENT, *element),
            self.element(ProcessInstanceIntent.ELEMENT_ACTIVATING, *element),
            self.element(ProcessInstanceIntent.ELEMENT_ACTIVATED, *element),
        ]

    def leave(self, key: int, element_id: str, element_type: str) -> list[Record]:
        return [
            self._command(ProcessInstanceIntent.COMPLETE_ELEMENT, key, element_id, element_type),
            self.element(ProcessInstanceIntent.ELEMENT_COMPLETING, key, element_id, element_type),
            self.element(ProcessInstanceIntent.ELEMENT_COMPLETED, key, element_id, element_type),
            self.element(
                ProcessInstanceIntent.SEQUENCE_FLOW_TAKEN,
                self.writer.key(),
                f"Flow_{element_id}",
                "SEQUENCE_FLOW",
            ),
        ]

    def variable(self, name: str, value: Any, *, scope_key: int | None = None) -> Record:
        """A variable with a JSON-able value."""
        return self.variable_text(name, json.dumps(value), scope_key=scope_key)

    def variable_text(self, name: str, text: str, *, scope_key: int | None = None) -> Record:
        """A variable whose JSON text is given, however broken."""
        known = name in self._variables
        key = self._variables.setdefault(name, self.writer.key())
        intent = VariableIntent.UPDATED if known else VariableIntent.CREATED
        content = VariableValue(
            name=name,
            value=text,
            scope_key=self.key if scope_key is None else scope_key,
            process_instance_key=self.key,
            process_definition_key=self.definition_key,
            bpmn_process_id=self.bpmn_process_id,
            tenant_id=self.tenant_id,
        )
        return self.writer.record(ValueType.VARIABLE, intent, key, content)

    def job(self, intent: int, key: int, job_type: str, **fields: Any) -> Record:
        return self.writer.record(ValueType.JOB, intent, key, self._job_value(job_type, **fields))

    def _job_value(self, job_type: str, **fields: Any) -> JobValue:
        defaults: dict[str, Any] = {
            "type": job_type,
            "retries": 3,
            "element_id": f"Task_{job_type}",
            "element_instance_key": self.key + 1,
            "bpmn_process_id": self.bpmn_process_id,
            "process_definition_version": 1,
            "process_definition_key": self.definition_key,
            "process_instance_key": self.key,
            "tenant_id": self.tenant_id,
        }
        return JobValue(**{**defaults, **fields})

    def task(self, job_type: str, *, worker: str = "w", **results: Any) -> list[Record]:
        """A service task from entry to exit, its results written as variables."""
        element, job = self.writer.key(), self.writer.key()
        name = f"Task_{job_type}"
        return [
            *self.enter(element, name, "SERVICE_TASK"),
            self.job(JobIntent.CREATED, job, job_type, element_instance_key=element),
            self.writer.record(
                ValueType.JOB_BATCH,
                JobBatchIntent.ACTIVATED,
                self.writer.key(),
                JobBatchValue(type=job_type, worker=worker, job_keys=[job],
                              jobs=[self._job_value(job_type)]),
            ),
            self.job(
                JobIntent.COMPLETED, job, job_type, worker=worker, element_instance_key=element
            ),
            self.writer.record(
                ValueType.PROCESS_EVENT, ProcessEventIntent.TRIGGERING, self.writer.key(),
                ProcessEventValue(scope_key=element, target_element_id=name,
                                  process_instance_key=self.key, tenant_id=self.tenant_id),
            ),
            *(self.variable(variable, value) for variable, value in results.items()),
            *self.leave(element, name, "SERVICE_TASK"),
        ]  # fmt: skip

    def incident(self, intent: IncidentIntent, key: int, **fields: Any) -> Record:
        value = IncidentValue(
            error_type=fields.pop("error_type", "JOB_NO_RETRIES"),
            error_message=fields.pop("error_message", "the ledger does not answer"),
            bpmn_process_id=self.bpmn_process_id,
            process_definition_key=self.definition_key,
            process_instance_key=self.key,
            element_id="Task_block-funds",
            element_instance_key=self.key + 1,
            tenant_id=self.tenant_id,
        )
        return self.writer.record(ValueType.INCIDENT, intent, key, value)

    def end(self, element_id: str = "EndEvent_Success") -> list[Record]:
        process = (self.key, self.bpmn_process_id, "PROCESS")
        node = (self.writer.key(), element_id, "END_EVENT")
        return [
            *self.enter(*node),
            self.element(ProcessInstanceIntent.ELEMENT_COMPLETING, *node),
            self.element(ProcessInstanceIntent.ELEMENT_COMPLETED, *node),
            self.element(ProcessInstanceIntent.ELEMENT_COMPLETING, *process),
            self.element(ProcessInstanceIntent.ELEMENT_COMPLETED, *process),
        ]

    def terminate(self) -> list[Record]:
        process = (self.key, self.bpmn_process_id, "PROCESS")
        return [
            self.element(ProcessInstanceIntent.ELEMENT_TERMINATING, *process),
            self.element(ProcessInstanceIntent.ELEMENT_TERMINATED, *process),
        ]


def definition(
    writer: RecordWriter, bpmn_process_id: str, *, tenant_id: str, key: int = 2251799813690001
) -> Record:
    value = ProcessValue(
        bpmn_process_id=bpmn_process_id,
        version=1,
        process_definition_key=key,
        resource_name=f"{bpmn_process_id}.bpmn",
        resource=b"<definitions/>",
        tenant_id=tenant_id,
    )
    return writer.record(ValueType.PROCESS, ProcessIntent.CREATED, key, value)


def channel_request(amount: str = "12.50", currency: str = "EUR", **parties: str) -> str:
    """Upstream's request, as the JSON string that its variable holds."""
    payer, payee = parties.get("payer", "27710101999"), parties.get("payee", "27710102999")
    return json.dumps(
        {
            "payer": {"partyIdInfo": {"partyIdType": "MSISDN", "partyIdentifier": payer}},
            "payee": {"partyIdInfo": {"partyIdType": "MSISDN", "partyIdentifier": payee}},
            "amount": {"amount": amount, "currency": currency},
        }
    )


def payment(
    writer: RecordWriter,
    number: int,
    *,
    tenant_id: str = "rhino",
    rng: random.Random | None = None,
    echoes: int = 4,
) -> Iterator[list[Record]]:
    """Yield the records of one payment, commit by commit: about 15 tasks and 450 records."""
    instance = Instance(writer, f"PayerFundTransfer-{tenant_id}", tenant_id=tenant_id)
    amount = f"{(number * 37) % 5000 + 1}.{number % 100:02d}"
    yield instance.start(
        transactionId=f"tx-{tenant_id}-{number:08d}",
        channelRequest=channel_request(amount, payer=f"2771{number % 1000:07d}"),
        clientCorrelationId=f"corr-{number:08d}",
        currency="EUR",
        initiatorFspId=tenant_id,
        originDate=START_MS,
        isRtpRequest=False,
        tenantId=tenant_id,
    )
    fails = rng is not None and rng.random() < 0.2
    for step in (*STEPS, *STEPS[:6]):
        results = {f"{step}-{index}": f"result {index} of {number}" for index in range(echoes)}
        yield [*instance.task(step, **results), *instance.node(f"Gateway_{step}")]
        if rng is not None and rng.random() < 0.05:
            key = writer.key()
            yield [instance.incident(IncidentIntent.CREATED, key)]
            yield [instance.incident(IncidentIntent.RESOLVED, key)]
    if fails:
        error = json.dumps({"errorCode": "4001", "errorDescription": "Payer limit error"})
        yield [instance.variable("errorInformation", error)]
    yield instance.end("EndEvent_Failure_Aborted" if fails else "EndEvent_Success")
