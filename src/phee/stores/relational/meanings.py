"""What every table and column of a tenant's store means, and which rows belong together.

One place for people and for ``docs/data-model.md``, which is made from it
(``scripts/draw_data_model.py``). There are no foreign keys: rows come in the order of the stream,
and history is pruned table by table.
"""

from __future__ import annotations

from dataclasses import dataclass

from phee.stores.relational import tables


@dataclass(frozen=True, slots=True)
class Area:
    """Tables about one subject."""

    title: str
    tables: tuple[str, ...]


AREAS = (
    Area(
        "Payments",
        (
            "transfers",
            "transaction_requests",
            "batches",
            "sub_batches",
            "batch_amounts",
            "batch_instances",
            "outbound_messages",
            "error_codes",
        ),
    ),
    Area(
        "Runs of flows",
        (
            "process_instances",
            "flow_node_instances",
            "variables",
            "variable_history",
            "tasks",
            "incidents",
            "timers",
        ),
    ),
    Area(
        "Messages",
        ("messages", "message_subscriptions", "message_correlations"),
    ),
    Area(
        "Definitions and decisions",
        (
            "process_definitions",
            "decision_definitions",
            "decision_requirements",
            "decision_evaluations",
        ),
    ),
    Area("Importing", ("watermarks", "dead_letters", "dead_letter_decisions")),
)

TABLES = {
    "transfers": "Payments: one row for each run of a flow that moves money.",
    "transaction_requests": "Requests to be paid: one row for each run of such a flow.",
    "batches": "Batches with their counters; found by `batch_id`.",
    "sub_batches": "Parts of batches with their counters.",
    "batch_amounts": "Counters and sums of a batch or sub-batch, one row for each currency.",
    "batch_instances": "What each run of a bulk flow says about the batch it works on.",
    "outbound_messages": "Messages to people, such as an SMS about a payment.",
    "error_codes": "What error codes mean; operators maintain it, no record changes it.",
    "process_instances": "Runs of flows, whatever they are for.",
    "flow_node_instances": "Steps of runs: tasks, gateways and events that were reached.",
    "variables": "The latest value of each variable of each scope, whole.",
    "variable_history": "Values that another one has replaced, up to 8,192 characters each.",
    "tasks": "Jobs for workers, with what happened to each last.",
    "incidents": "What stopped runs.",
    "timers": "Timers of runs, and of start events.",
    "messages": "Messages that were published; past `deadline` one is no longer kept for anybody.",
    "message_subscriptions": "Runs that wait, or waited, for a message.",
    "message_correlations": "Which message reached which run.",
    "process_definitions": "Deployed versions of flows, with their drawings.",
    "decision_definitions": "Deployed decisions.",
    "decision_requirements": "Deployed decision graphs, with their files.",
    "decision_evaluations": "Evaluations of decisions, with what went in and came out.",
    "watermarks": "How far each consumer has applied each ordered sequence of records.",
    "dead_letters": "Records that could not be projected, with the reason.",
    "dead_letter_decisions": "What was decided about dead letters; rows are only ever added.",
}

COMMON = {
    "id": "number of the row; differs between two builds of one store",
    "epoch": "life of the data directory the row is from; a rebuilt engine reuses keys",
    "position": "newest record applied to the row; an older one never changes it",
    "instance_position": "newest record about the run itself that was applied",
    "variables_position": "newest mapped variable that was applied",
    "jobs_position": "newest job that says whether the outcome is unknown",
    "workflow_instance_key": "key of the run (upstream's name of process_instance_key)",
    "workflow_key": "key of the deployed definition (upstream's name)",
    "process_instance_key": "key of the run",
    "process_definition_key": "key of the deployed definition",
    "parent_process_instance_key": "run whose call activity began this one",
    "parent_element_instance_key": "call activity that began this run",
    "root_process_instance_key": "run that began it all (itself, when nothing called it)",
    "bpmn_process_id": "id of the process",
    "flow": "id of the process without the tenant",
    "direction": "INCOMING, OUTGOING or UNKNOWN, as mapped",
    "element_id": "id of the step in the drawing",
    "element_instance_key": "key of the step",
    "version": "version of the definition",
    "timestamp": "when it happened",
    "started_at": "when the run began",
    "ended_at": "when it ended",
    "completed_at": "when the run ended",
    "created_at": "when it began",
    "instance_state": "ACTIVE, COMPLETED or TERMINATED",
    "outcome": "what the ends reached say: 1 completed, 2 unknown, 3 failed; the largest stays",
    "currency": "ISO 4217 code",
    "amount": "exact amount",
    "transaction_id": "id of the payment",
    "client_correlation_id": "the caller's id",
    "batch_id": "id of the batch",
    "sub_batch_id": "id of the part of the batch",
    "error_information": "the error as it came",
    "status_detail": "the sentence in the error",
    "note": "a person's words",
    "variables": "variables as JSON text",
    "is_truncated": "1: a text was longer than what is kept of it",
    "correlation_key": "what brings message and run together",
    "message_name": "name of the message",
    "message_key": "key of the message",
    "subscription_key": "key of the wait",
    "resource": "the deployed file",
    "resource_name": "name of the deployed file",
    "checksum": "MD5 of the file, hexadecimal",
    "deployed_at": "when it was deployed",
    "decision_key": "key of the deployed decision",
    "decision_id": "id of the decision in its file",
    "decision_name": "name of the decision",
    "decision_requirements_key": "key of the deployed graph",
    "decision_requirements_id": "id of the graph in its file",
    "total_transactions": "transfers in all",
    "ongoing": "transfers that are under way, unknown or stopped",
    "completed": "transfers that completed",
    "failed": "transfers that failed",
    "total_amount": "exact sum of all transfers",
    "ongoing_amount": "exact sum of those under way, unknown or stopped",
    "completed_amount": "exact sum of those that completed",
    "failed_amount": "exact sum of those that failed",
    "counted": "what the row has been counted as, so that it counts once",
    "request_id": "id of the first row of the file",
    "request_file": "name of the file that came in",
    "result_file": "name of the file with the results",
    "payment_mode": "way of paying of the first row",
    "payer_fsp": "institution that pays",
    "payee_fsp": "institution that is paid",
    "registering_institution_id": "institution the batch is for",
    "approved_amount": "what was approved",
    "approved_count": "how many transfers were approved",
    "consumer": "who reads: relational or search",
    "partition_id": "partition of the engine",
    "reason_code": "stable code of the reason",
}

OWN = {
    "transfers.status": "IN_PROGRESS, COMPLETED, FAILED, EXCEPTION (at an incident), UNKNOWN",
    "transfers.is_unknown": "1 while the newest job handles an unknown outcome",
    "transaction_requests.status": "upstream's states of requests; FAILED while at an incident",
    "transaction_requests.stated_state": "the state that the flow's variables said last",
    "transaction_requests.external_id": "id of the request elsewhere",
    "transaction_requests.auth_type": "how the payer agrees",
    "transaction_requests.initiator_type": "what kind of party asks",
    "transaction_requests.scenario": "kind of request",
    "batches.status": "status of the run that speaks for the batch",
    "sub_batches.status": "status of the run that speaks for the part",
    "batches.currency": "the one currency of its transfers; NULL when there are several",
    "sub_batches.currency": "the one currency of its transfers; NULL when there are several",
    "batches.workflow_instance_key": "run that speaks for the batch: the first about all of it",
    "sub_batches.workflow_instance_key": "run that speaks for the part: the first about it",
    "batch_amounts.sub_batch_id": "id of the part; empty: the whole batch",
    "batch_amounts.currency": "ISO 4217 code; empty: transfers without one",
    "batch_instances.status": "status of the run",
    "batch_instances.sub_batch_ids": "parts that the run has made, as a JSON list",
    "batch_instances.counted": "batches and parts it speaks of, as JSON",
    "outbound_messages.status": "status of the run",
    "outbound_messages.started_at": "when it was handed in",
    "outbound_messages.completed_at": "when the run ended",
    "outbound_messages.internal_id": "id of the message here",
    "outbound_messages.external_id": "id of the payment it is about",
    "outbound_messages.delivery_status": "what the provider says",
    "outbound_messages.delivery_error_message": "why it was not delivered",
    "outbound_messages.source_address": "sender",
    "outbound_messages.mobile_number": "receiver",
    "outbound_messages.message": "what kind of message, or its text",
    "outbound_messages.bridge_id": "provider",
    "outbound_messages.response": "what the provider answered",
    "error_codes.transaction_type": "kind of transaction the meaning is for; empty: all",
    "error_codes.error_code": "the code",
    "error_codes.error_message": "what it means",
    "error_codes.recoverable": "1: trying again may help",
    "process_instances.state": "ACTIVE, COMPLETED or TERMINATED",
    "flow_node_instances.state": "ACTIVE, COMPLETED or TERMINATED",
    "flow_node_instances.element_type": "kind of step, as Zeebe calls it",
    "flow_node_instances.flow_scope_key": "run or sub-process it is in",
    "flow_node_instances.started_at": "when it was reached",
    "variables.scope_key": "run or step that the variable belongs to",
    "variables.name": "name of the variable",
    "variables.value": "JSON text",
    "variable_history.scope_key": "run or step that the variable belongs to",
    "variable_history.name": "name of the variable",
    "variable_history.value": "JSON text, cut when is_truncated is 1",
    "variable_history.position": "record that set the value",
    "tasks.job_key": "key of the job",
    "tasks.type": "type of the job",
    "tasks.intent": "what happened last",
    "tasks.record_type": "always JOB",
    "tasks.worker": "who worked on it",
    "tasks.retries": "tries that are left",
    "tasks.error_code": "code that the worker threw",
    "tasks.error_message": "what the worker said",
    "incidents.incident_key": "key of the incident",
    "incidents.job_key": "job that failed",
    "incidents.error_type": "kind of error, as Zeebe calls it",
    "incidents.error_message": "what went wrong",
    "incidents.state": "OPEN or RESOLVED",
    "incidents.resolved_at": "when it was resolved",
    "timers.timer_key": "key of the timer",
    "timers.repetitions": "times it will go off; -1: for ever",
    "timers.state": "ACTIVE, TRIGGERED or CANCELED",
    "timers.due_at": "when it goes off",
    "timers.ended_at": "when it went off or was taken away",
    "messages.name": "name of the message",
    "messages.message_id": "the sender's id",
    "messages.time_to_live_ms": "how long it is kept for somebody to come",
    "messages.published_at": "when it was published",
    "messages.deadline": "when it is no longer kept",
    "message_subscriptions.state": "OPEN, CORRELATED or CLOSED",
    "message_subscriptions.message_key": "message that came last",
    "message_subscriptions.correlated_at": "when a message came last",
    "message_subscriptions.closed_at": "when the wait ended",
    "message_correlations.correlated_at": "when it did",
    "process_definitions.state": "DEPLOYED or DELETED",
    "decision_definitions.state": "DEPLOYED or DELETED",
    "decision_requirements.state": "DEPLOYED or DELETED",
    "decision_requirements.name": "name of the graph",
    "decision_requirements.namespace": "namespace of the file",
    "decision_evaluations.evaluation_key": "key of the evaluation",
    "decision_evaluations.decision_version": "version of the decision",
    "decision_evaluations.state": "EVALUATED or FAILED",
    "decision_evaluations.decision_output": "result as JSON text",
    "decision_evaluations.evaluated_decisions": "inputs, rules and outputs of each, as JSON",
    "decision_evaluations.evaluated_at": "when",
    "decision_evaluations.failed_decision_id": "decision of the graph that failed",
    "decision_evaluations.failure_message": "why it failed",
    "watermarks.consumer": "who reads: relational or search; or retention",
    "watermarks.lane": "ordered sequence of records, such as a Kafka partition",
    "watermarks.position": "everything up to here is applied; or the moment retention is at",
    "watermarks.owner": "importer that may write; or retention",
    "dead_letters.position": "where the record is in the log",
    "dead_letters.reason": "why it could not be used; never quotes the record",
    "dead_letters.tenant_id": "tenant that the record names",
    "dead_letters.value_type": "what the record is about",
    "dead_letters.intent": "what the record says happened",
    "dead_letters.record_key": "key of the record",
    "dead_letters.record": "the record, as JSON or hexadecimal",
    "dead_letters.state": "OPEN, REPLAYED or DISCARDED",
    "dead_letter_decisions.position": "where the record is in the log",
    "dead_letter_decisions.action": "RETRY or DISCARD",
    "dead_letter_decisions.outcome": "state of the letter after it",
    "dead_letter_decisions.reason": "why",
    "dead_letter_decisions.decided_by": "who; NULL while nobody has to say so",
    "dead_letter_decisions.decided_at": "when",
}


def _side_meanings() -> dict[str, str]:
    of_side = {
        "dfsp_id": "institution of the {0}",
        "party_id": "the {0}",
        "party_id_type": "kind of the {0}'s identifier",
        "quote_code": "code of the {0}'s quote",
        "fee": "fee of the {0}'s institution",
        "fee_currency": "currency of that fee",
    }
    return {
        f"{side}_{name}": meaning.format(side)
        for side in ("payer", "payee")
        for name, meaning in of_side.items()
    }


_SIDES = _side_meanings()


def meaning(table: str, column: str) -> str:
    """Return what a column (by its key in the metadata) means.

    Raises:
        KeyError: nobody has written it down.
    """
    own = OWN.get(f"{table}.{column}")
    if own is not None:
        return own
    return _SIDES[column] if column in _SIDES else COMMON[column]


@dataclass(frozen=True, slots=True)
class Relation:
    """Rows of ``table`` belong to the row of ``of`` that ``column`` names (in the same epoch)."""

    table: str
    column: str
    of: str


_RUN_COLUMNS = ("process_instance_key", "workflow_instance_key")
_WITHOUT_RUN = frozenset(("batches", "sub_batches", "process_instances", "dead_letters"))


def relations() -> list[Relation]:
    """Return what belongs to what."""
    found = [
        Relation(name, column, "process_instances")
        for name, table in sorted(tables.metadata.tables.items())
        for column in _RUN_COLUMNS
        if column in table.c and name not in _WITHOUT_RUN
    ]
    return [
        *found,
        Relation("process_instances", "process_definition_key", "process_definitions"),
        Relation("process_instances", "parent_process_instance_key", "process_instances"),
        Relation("transfers", "batch_id", "batches"),
        Relation("transfers", "sub_batch_id", "sub_batches"),
        Relation("sub_batches", "batch_id", "batches"),
        Relation("batch_amounts", "batch_id", "batches"),
        Relation("batch_instances", "batch_id", "batches"),
        Relation("message_correlations", "message_key", "messages"),
        Relation("message_correlations", "subscription_key", "message_subscriptions"),
        Relation("decision_definitions", "decision_requirements_key", "decision_requirements"),
        Relation("decision_evaluations", "decision_key", "decision_definitions"),
        Relation("dead_letter_decisions", "position", "dead_letters"),
    ]
