"""Messages and errors: the definitions that events and receive tasks refer to."""

from __future__ import annotations

from phee.bpmn.model import ErrorDefinition, MessageDefinition
from phee.bpmn.reading import Reading
from phee.bpmn.safe_xml import XmlElement


def read_waited_message(
    reading: Reading, xml: XmlElement, element_id: str
) -> MessageDefinition | None:
    """The message that ``xml`` (its ``messageRef``) waits for, with its correlation key."""
    message = _referred_message(reading, xml, element_id)
    if message is None:
        return None
    message_id = message.get("id", "")
    found = reading.extensions(message, message_id)
    subscription = reading.single(found, "subscription", message_id)
    if subscription is None:
        text = "The message has no correlation key; add zeebe:subscription with a correlationKey"
        reading.problems.add(message_id, "missing-correlation-key", text)
        return None
    key = reading.required(message_id, subscription, "correlationKey")
    return MessageDefinition(
        reading.value(message_id, "The message name", _message_name(reading, message)),
        reading.dynamic(message_id, "The correlation key", key) if key else None,
    )


def read_start_message(
    reading: Reading, xml: XmlElement, element_id: str
) -> MessageDefinition | None:
    """The message that starts a process; it needs no correlation key.

    Its name must be known when the process is deployed, so it cannot be an expression.
    """
    message = _referred_message(reading, xml, element_id)
    if message is None:
        return None
    message_id = message.get("id", "")
    reading.extensions(message, message_id)
    name = _message_name(reading, message)
    if name.startswith("="):
        text = "The name of a message that starts a process cannot be an expression; write text"
        reading.problems.add(message_id, "not-supported", text)
    return MessageDefinition(reading.value(message_id, "The message name", name))


def read_thrown_error(reading: Reading, xml: XmlElement, element_id: str) -> ErrorDefinition | None:
    """The error of an error end event: it must have a code, which may be an expression."""
    error = _referred_error(reading, xml, element_id)
    if error is None:
        if not xml.get("errorRef"):
            text = "The error end event throws no error; refer to one"
            reading.problems.add(element_id, "missing-error", text)
        return None
    code = error.get("errorCode", "")
    if not code:
        text = "An error that is thrown needs an error code; fill it in"
        reading.problems.add(error.get("id", ""), "missing-error", text)
    return ErrorDefinition(reading.value(error.get("id", ""), "The error code", code))


def read_caught_error(reading: Reading, xml: XmlElement, element_id: str) -> ErrorDefinition:
    """The error that a boundary event catches; without an error or a code it catches every one."""
    error = _referred_error(reading, xml, element_id)
    code = "" if error is None else error.get("errorCode", "")
    if code.startswith("="):
        text = "The code of an error that is caught cannot be an expression; write text"
        reading.problems.add(element_id, "static-error-code", text)
    return ErrorDefinition(reading.value(element_id, "The error code", code) if code else None)


def _message_name(reading: Reading, message: XmlElement) -> str:
    name = message.get("name", "")
    if not name:
        text = "The message has no name; give it the name that is published"
        reading.problems.add(message.get("id", ""), "missing-message-name", text)
    return name


def _referred_message(reading: Reading, xml: XmlElement, element_id: str) -> XmlElement | None:
    reference = xml.get("messageRef", "")
    message = reading.messages.get(_local_reference(reference))
    if not reference:
        reading.problems.add(element_id, "missing-message", "It waits for no message; choose one")
    elif message is None:
        text = f"The message {reference[:80]!r} does not exist; choose one that does"
        reading.problems.add(element_id, "dangling-reference", text)
    return message


def _referred_error(reading: Reading, xml: XmlElement, element_id: str) -> XmlElement | None:
    reference = xml.get("errorRef", "")
    error = reading.errors.get(_local_reference(reference))
    if reference and error is None:
        text = f"The error {reference[:80]!r} does not exist; choose one that does"
        reading.problems.add(element_id, "dangling-reference", text)
    return error


def _local_reference(reference: str) -> str:
    """References are qualified names in BPMN; ours point into the same file."""
    return reference.rpartition(":")[2]
