"""Names and numbers of records: record types, value types, intents, rejections.

Numbers are Zeebe's wire ids (8.5), so that a compact record means the same everywhere.
"""

from __future__ import annotations

from enum import IntEnum


class RecordType(IntEnum):
    """What a record is: a wish, a fact, or the refusal of a wish."""

    EVENT = 0
    COMMAND = 1
    COMMAND_REJECTION = 2


class ValueType(IntEnum):
    """What a record is about."""

    JOB = 0
    DEPLOYMENT = 4
    PROCESS_INSTANCE = 5
    INCIDENT = 6
    MESSAGE = 10
    MESSAGE_SUBSCRIPTION = 11
    PROCESS_MESSAGE_SUBSCRIPTION = 12
    JOB_BATCH = 14
    TIMER = 15
    MESSAGE_START_EVENT_SUBSCRIPTION = 16
    VARIABLE = 17
    VARIABLE_DOCUMENT = 18
    PROCESS_INSTANCE_CREATION = 19
    ERROR = 20
    PROCESS_INSTANCE_RESULT = 21
    PROCESS = 22
    DEPLOYMENT_DISTRIBUTION = 23
    PROCESS_EVENT = 24
    DECISION = 25
    DECISION_REQUIREMENTS = 26
    DECISION_EVALUATION = 27
    PROCESS_INSTANCE_MODIFICATION = 28
    ESCALATION = 29
    SIGNAL_SUBSCRIPTION = 30
    SIGNAL = 31
    RESOURCE_DELETION = 32
    COMMAND_DISTRIBUTION = 33
    PROCESS_INSTANCE_BATCH = 34
    MESSAGE_BATCH = 35
    FORM = 36
    USER_TASK = 37
    PROCESS_INSTANCE_MIGRATION = 38
    COMPENSATION_SUBSCRIPTION = 39
    CHECKPOINT = 254


class RejectionType(IntEnum):
    """Why a command was refused; ``NULL_VAL`` on every other record."""

    INVALID_ARGUMENT = 0
    NOT_FOUND = 1
    ALREADY_EXISTS = 2
    INVALID_STATE = 3
    PROCESSING_ERROR = 4
    EXCEEDED_BATCH_RECORD_SIZE = 5
    NULL_VAL = 255


class ProcessInstanceIntent(IntEnum):
    CANCEL = 0
    SEQUENCE_FLOW_TAKEN = 1
    ELEMENT_ACTIVATING = 2
    ELEMENT_ACTIVATED = 3
    ELEMENT_COMPLETING = 4
    ELEMENT_COMPLETED = 5
    ELEMENT_TERMINATING = 6
    ELEMENT_TERMINATED = 7
    ACTIVATE_ELEMENT = 8
    COMPLETE_ELEMENT = 9
    TERMINATE_ELEMENT = 10
    ELEMENT_MIGRATED = 11
    COMPLETE_EXECUTION_LISTENER = 12


class JobIntent(IntEnum):
    CREATED = 0
    COMPLETE = 1
    COMPLETED = 2
    TIME_OUT = 3
    TIMED_OUT = 4
    FAIL = 5
    FAILED = 6
    UPDATE_RETRIES = 7
    RETRIES_UPDATED = 8
    CANCEL = 9
    CANCELED = 10
    THROW_ERROR = 11
    ERROR_THROWN = 12
    RECUR_AFTER_BACKOFF = 13
    RECURRED_AFTER_BACKOFF = 14
    YIELD = 15
    YIELDED = 16
    UPDATE_TIMEOUT = 17
    TIMEOUT_UPDATED = 18
    MIGRATED = 19


class JobBatchIntent(IntEnum):
    ACTIVATE = 0
    ACTIVATED = 1


class ProcessInstanceCreationIntent(IntEnum):
    CREATE = 0
    CREATED = 1
    CREATE_WITH_AWAITING_RESULT = 2


class ProcessInstanceResultIntent(IntEnum):
    COMPLETED = 0


class ProcessInstanceBatchIntent(IntEnum):
    TERMINATE = 0
    ACTIVATE = 1


class ProcessInstanceModificationIntent(IntEnum):
    MODIFY = 0
    MODIFIED = 1


class ProcessInstanceMigrationIntent(IntEnum):
    MIGRATE = 0
    MIGRATED = 1


class DeploymentIntent(IntEnum):
    CREATE = 0
    CREATED = 1
    DISTRIBUTE = 2
    DISTRIBUTED = 3
    FULLY_DISTRIBUTED = 4


class DeploymentDistributionIntent(IntEnum):
    DISTRIBUTING = 0
    COMPLETE = 1
    COMPLETED = 2


class CommandDistributionIntent(IntEnum):
    STARTED = 0
    DISTRIBUTING = 1
    ACKNOWLEDGE = 2
    ACKNOWLEDGED = 3
    FINISHED = 4


class ProcessIntent(IntEnum):
    CREATED = 0
    DELETING = 1
    DELETED = 2


class CreatedDeletedIntent(IntEnum):
    """Decisions, decision requirements and forms share these."""

    CREATED = 0
    DELETED = 1


class ResourceDeletionIntent(IntEnum):
    DELETE = 0
    DELETING = 1
    DELETED = 2


class DecisionEvaluationIntent(IntEnum):
    EVALUATED = 0
    FAILED = 1
    EVALUATE = 2


class IncidentIntent(IntEnum):
    CREATED = 0
    RESOLVE = 1
    RESOLVED = 2
    MIGRATED = 3


class MessageIntent(IntEnum):
    PUBLISH = 0
    PUBLISHED = 1
    EXPIRE = 2
    EXPIRED = 3


class MessageBatchIntent(IntEnum):
    EXPIRE = 0


class MessageSubscriptionIntent(IntEnum):
    CREATE = 0
    CREATED = 1
    CORRELATE = 2
    CORRELATED = 3
    REJECT = 4
    REJECTED = 5
    DELETE = 6
    DELETED = 7
    CORRELATING = 8
    MIGRATE = 9
    MIGRATED = 10


class ProcessMessageSubscriptionIntent(IntEnum):
    CREATING = 0
    CREATE = 1
    CREATED = 2
    CORRELATE = 3
    CORRELATED = 4
    DELETING = 5
    DELETE = 6
    DELETED = 7
    MIGRATED = 8


class MessageStartEventSubscriptionIntent(IntEnum):
    CREATED = 0
    CORRELATED = 1
    DELETED = 2


class ProcessEventIntent(IntEnum):
    TRIGGERING = 0
    TRIGGERED = 1


class TimerIntent(IntEnum):
    CREATED = 0
    TRIGGER = 1
    TRIGGERED = 2
    CANCEL = 3
    CANCELED = 4
    MIGRATED = 5


class VariableIntent(IntEnum):
    CREATED = 0
    UPDATED = 1
    MIGRATED = 2


class VariableDocumentIntent(IntEnum):
    UPDATE = 0
    UPDATED = 1


class SignalIntent(IntEnum):
    BROADCAST = 0
    BROADCASTED = 1


class EscalationIntent(IntEnum):
    ESCALATED = 0
    NOT_ESCALATED = 1


class UserTaskIntent(IntEnum):
    CREATING = 0
    CREATED = 1
    COMPLETE = 2
    COMPLETING = 3
    COMPLETED = 4
    CANCELING = 5
    CANCELED = 6
    ASSIGN = 7
    ASSIGNING = 8
    ASSIGNED = 9
    CLAIM = 10
    UPDATE = 11
    UPDATING = 12
    UPDATED = 13
    MIGRATED = 14


class CompensationSubscriptionIntent(IntEnum):
    CREATED = 0
    TRIGGERED = 1
    COMPLETED = 2
    DELETED = 3


class CheckpointIntent(IntEnum):
    CREATE = 0
    CREATED = 1
    IGNORED = 2


class ErrorIntent(IntEnum):
    CREATED = 0


INTENTS: dict[ValueType, type[IntEnum]] = {
    ValueType.JOB: JobIntent,
    ValueType.DEPLOYMENT: DeploymentIntent,
    ValueType.PROCESS_INSTANCE: ProcessInstanceIntent,
    ValueType.INCIDENT: IncidentIntent,
    ValueType.MESSAGE: MessageIntent,
    ValueType.MESSAGE_SUBSCRIPTION: MessageSubscriptionIntent,
    ValueType.PROCESS_MESSAGE_SUBSCRIPTION: ProcessMessageSubscriptionIntent,
    ValueType.JOB_BATCH: JobBatchIntent,
    ValueType.TIMER: TimerIntent,
    ValueType.MESSAGE_START_EVENT_SUBSCRIPTION: MessageStartEventSubscriptionIntent,
    ValueType.VARIABLE: VariableIntent,
    ValueType.VARIABLE_DOCUMENT: VariableDocumentIntent,
    ValueType.PROCESS_INSTANCE_CREATION: ProcessInstanceCreationIntent,
    ValueType.ERROR: ErrorIntent,
    ValueType.PROCESS_INSTANCE_RESULT: ProcessInstanceResultIntent,
    ValueType.PROCESS: ProcessIntent,
    ValueType.DEPLOYMENT_DISTRIBUTION: DeploymentDistributionIntent,
    ValueType.PROCESS_EVENT: ProcessEventIntent,
    ValueType.DECISION: CreatedDeletedIntent,
    ValueType.DECISION_REQUIREMENTS: CreatedDeletedIntent,
    ValueType.DECISION_EVALUATION: DecisionEvaluationIntent,
    ValueType.PROCESS_INSTANCE_MODIFICATION: ProcessInstanceModificationIntent,
    ValueType.ESCALATION: EscalationIntent,
    ValueType.SIGNAL_SUBSCRIPTION: CreatedDeletedIntent,
    ValueType.SIGNAL: SignalIntent,
    ValueType.RESOURCE_DELETION: ResourceDeletionIntent,
    ValueType.COMMAND_DISTRIBUTION: CommandDistributionIntent,
    ValueType.PROCESS_INSTANCE_BATCH: ProcessInstanceBatchIntent,
    ValueType.MESSAGE_BATCH: MessageBatchIntent,
    ValueType.FORM: CreatedDeletedIntent,
    ValueType.USER_TASK: UserTaskIntent,
    ValueType.PROCESS_INSTANCE_MIGRATION: ProcessInstanceMigrationIntent,
    ValueType.COMPENSATION_SUBSCRIPTION: CompensationSubscriptionIntent,
    ValueType.CHECKPOINT: CheckpointIntent,
}
"""The intent names of each value type."""
