"""The numbers of record types, value types and intents, as plain ints.

Looking a name up on an enum costs more than writing a record may; these are the same numbers as
in :mod:`phee.records.types`, bound once.
"""

from __future__ import annotations

from typing import Final

from phee.records.types import (
    DeploymentIntent,
    ErrorIntent,
    IncidentIntent,
    JobBatchIntent,
    JobIntent,
    MessageBatchIntent,
    MessageIntent,
    MessageStartEventSubscriptionIntent,
    MessageSubscriptionIntent,
    ProcessEventIntent,
    ProcessInstanceBatchIntent,
    ProcessInstanceCreationIntent,
    ProcessInstanceIntent,
    ProcessIntent,
    ProcessMessageSubscriptionIntent,
    RecordType,
    RejectionType,
    TimerIntent,
    ValueType,
    VariableDocumentIntent,
    VariableIntent,
)

EVENT: Final = int(RecordType.EVENT)
COMMAND: Final = int(RecordType.COMMAND)
REJECTION: Final = int(RecordType.COMMAND_REJECTION)

INVALID_ARGUMENT: Final = int(RejectionType.INVALID_ARGUMENT)
NOT_FOUND: Final = int(RejectionType.NOT_FOUND)
ALREADY_EXISTS: Final = int(RejectionType.ALREADY_EXISTS)
INVALID_STATE: Final = int(RejectionType.INVALID_STATE)
PROCESSING_ERROR: Final = int(RejectionType.PROCESSING_ERROR)

JOB: Final = int(ValueType.JOB)
DEPLOYMENT: Final = int(ValueType.DEPLOYMENT)
PROCESS_INSTANCE: Final = int(ValueType.PROCESS_INSTANCE)
INCIDENT: Final = int(ValueType.INCIDENT)
MESSAGE: Final = int(ValueType.MESSAGE)
MESSAGE_SUBSCRIPTION: Final = int(ValueType.MESSAGE_SUBSCRIPTION)
PROCESS_MESSAGE_SUBSCRIPTION: Final = int(ValueType.PROCESS_MESSAGE_SUBSCRIPTION)
JOB_BATCH: Final = int(ValueType.JOB_BATCH)
TIMER: Final = int(ValueType.TIMER)
MESSAGE_START_EVENT_SUBSCRIPTION: Final = int(ValueType.MESSAGE_START_EVENT_SUBSCRIPTION)
VARIABLE: Final = int(ValueType.VARIABLE)
VARIABLE_DOCUMENT: Final = int(ValueType.VARIABLE_DOCUMENT)
PROCESS_INSTANCE_CREATION: Final = int(ValueType.PROCESS_INSTANCE_CREATION)
ERROR: Final = int(ValueType.ERROR)
PROCESS_INSTANCE_RESULT: Final = int(ValueType.PROCESS_INSTANCE_RESULT)
PROCESS: Final = int(ValueType.PROCESS)
PROCESS_EVENT: Final = int(ValueType.PROCESS_EVENT)
PROCESS_INSTANCE_BATCH: Final = int(ValueType.PROCESS_INSTANCE_BATCH)
MESSAGE_BATCH: Final = int(ValueType.MESSAGE_BATCH)

CANCEL: Final = int(ProcessInstanceIntent.CANCEL)
SEQUENCE_FLOW_TAKEN: Final = int(ProcessInstanceIntent.SEQUENCE_FLOW_TAKEN)
ELEMENT_ACTIVATING: Final = int(ProcessInstanceIntent.ELEMENT_ACTIVATING)
ELEMENT_ACTIVATED: Final = int(ProcessInstanceIntent.ELEMENT_ACTIVATED)
ELEMENT_COMPLETING: Final = int(ProcessInstanceIntent.ELEMENT_COMPLETING)
ELEMENT_COMPLETED: Final = int(ProcessInstanceIntent.ELEMENT_COMPLETED)
ELEMENT_TERMINATING: Final = int(ProcessInstanceIntent.ELEMENT_TERMINATING)
ELEMENT_TERMINATED: Final = int(ProcessInstanceIntent.ELEMENT_TERMINATED)
ACTIVATE_ELEMENT: Final = int(ProcessInstanceIntent.ACTIVATE_ELEMENT)
COMPLETE_ELEMENT: Final = int(ProcessInstanceIntent.COMPLETE_ELEMENT)
TERMINATE_ELEMENT: Final = int(ProcessInstanceIntent.TERMINATE_ELEMENT)

JOB_CREATED: Final = int(JobIntent.CREATED)
JOB_COMPLETE: Final = int(JobIntent.COMPLETE)
JOB_COMPLETED: Final = int(JobIntent.COMPLETED)
JOB_TIME_OUT: Final = int(JobIntent.TIME_OUT)
JOB_TIMED_OUT: Final = int(JobIntent.TIMED_OUT)
JOB_FAIL: Final = int(JobIntent.FAIL)
JOB_FAILED: Final = int(JobIntent.FAILED)
JOB_UPDATE_RETRIES: Final = int(JobIntent.UPDATE_RETRIES)
JOB_RETRIES_UPDATED: Final = int(JobIntent.RETRIES_UPDATED)
JOB_CANCELED: Final = int(JobIntent.CANCELED)
JOB_THROW_ERROR: Final = int(JobIntent.THROW_ERROR)
JOB_ERROR_THROWN: Final = int(JobIntent.ERROR_THROWN)
JOB_RECUR: Final = int(JobIntent.RECUR_AFTER_BACKOFF)
JOB_RECURRED: Final = int(JobIntent.RECURRED_AFTER_BACKOFF)
JOB_YIELD: Final = int(JobIntent.YIELD)
JOB_YIELDED: Final = int(JobIntent.YIELDED)
JOB_BATCH_ACTIVATE: Final = int(JobBatchIntent.ACTIVATE)
JOB_BATCH_ACTIVATED: Final = int(JobBatchIntent.ACTIVATED)

CREATION_CREATE: Final = int(ProcessInstanceCreationIntent.CREATE)
CREATION_CREATED: Final = int(ProcessInstanceCreationIntent.CREATED)
CREATION_AWAIT: Final = int(ProcessInstanceCreationIntent.CREATE_WITH_AWAITING_RESULT)
BATCH_TERMINATE: Final = int(ProcessInstanceBatchIntent.TERMINATE)

DEPLOYMENT_CREATE: Final = int(DeploymentIntent.CREATE)
DEPLOYMENT_CREATED: Final = int(DeploymentIntent.CREATED)
PROCESS_CREATED: Final = int(ProcessIntent.CREATED)

INCIDENT_CREATED: Final = int(IncidentIntent.CREATED)
INCIDENT_RESOLVE: Final = int(IncidentIntent.RESOLVE)
INCIDENT_RESOLVED: Final = int(IncidentIntent.RESOLVED)

MESSAGE_PUBLISH: Final = int(MessageIntent.PUBLISH)
MESSAGE_PUBLISHED: Final = int(MessageIntent.PUBLISHED)
MESSAGE_EXPIRED: Final = int(MessageIntent.EXPIRED)
MESSAGE_BATCH_EXPIRE: Final = int(MessageBatchIntent.EXPIRE)

MS_CREATE: Final = int(MessageSubscriptionIntent.CREATE)
MS_CREATED: Final = int(MessageSubscriptionIntent.CREATED)
MS_CORRELATE: Final = int(MessageSubscriptionIntent.CORRELATE)
MS_CORRELATED: Final = int(MessageSubscriptionIntent.CORRELATED)
MS_REJECT: Final = int(MessageSubscriptionIntent.REJECT)
MS_REJECTED: Final = int(MessageSubscriptionIntent.REJECTED)
MS_DELETE: Final = int(MessageSubscriptionIntent.DELETE)
MS_DELETED: Final = int(MessageSubscriptionIntent.DELETED)
MS_CORRELATING: Final = int(MessageSubscriptionIntent.CORRELATING)

PMS_CREATING: Final = int(ProcessMessageSubscriptionIntent.CREATING)
PMS_CREATE: Final = int(ProcessMessageSubscriptionIntent.CREATE)
PMS_CREATED: Final = int(ProcessMessageSubscriptionIntent.CREATED)
PMS_CORRELATE: Final = int(ProcessMessageSubscriptionIntent.CORRELATE)
PMS_CORRELATED: Final = int(ProcessMessageSubscriptionIntent.CORRELATED)
PMS_DELETING: Final = int(ProcessMessageSubscriptionIntent.DELETING)
PMS_DELETE: Final = int(ProcessMessageSubscriptionIntent.DELETE)
PMS_DELETED: Final = int(ProcessMessageSubscriptionIntent.DELETED)

MSES_CREATED: Final = int(MessageStartEventSubscriptionIntent.CREATED)
MSES_CORRELATED: Final = int(MessageStartEventSubscriptionIntent.CORRELATED)
MSES_DELETED: Final = int(MessageStartEventSubscriptionIntent.DELETED)

TRIGGERING: Final = int(ProcessEventIntent.TRIGGERING)
TRIGGERED: Final = int(ProcessEventIntent.TRIGGERED)

TIMER_CREATED: Final = int(TimerIntent.CREATED)
TIMER_TRIGGER: Final = int(TimerIntent.TRIGGER)
TIMER_TRIGGERED: Final = int(TimerIntent.TRIGGERED)
TIMER_CANCELED: Final = int(TimerIntent.CANCELED)

VARIABLE_CREATED: Final = int(VariableIntent.CREATED)
VARIABLE_UPDATED: Final = int(VariableIntent.UPDATED)
DOCUMENT_UPDATE: Final = int(VariableDocumentIntent.UPDATE)
DOCUMENT_UPDATED: Final = int(VariableDocumentIntent.UPDATED)
ERROR_CREATED: Final = int(ErrorIntent.CREATED)
