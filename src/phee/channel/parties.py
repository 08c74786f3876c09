"""Payer and payee: how identifiers of each type look, and when two parties are the same."""

from __future__ import annotations

import re
from collections.abc import Callable

from phee.channel.money import Complaint

_MSISDN = re.compile(r"\+?[0-9]{5,15}")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")


def identifier_complaint(party_id_type: str, identifier: str) -> Complaint | None:
    """Return what is wrong with an identifier of this type, if anything."""
    check = _CHECKS.get(party_id_type)
    if check is not None:
        return check(identifier)
    if identifier != identifier.strip():
        return "begins or ends with a space", "Send it without"
    return None


def _msisdn_complaint(identifier: str) -> Complaint | None:
    if _MSISDN.fullmatch(identifier):
        return None
    return "is not an MSISDN", "Send 5 to 15 digits, with or without a leading +"


def _email_complaint(identifier: str) -> Complaint | None:
    if _EMAIL.fullmatch(identifier):
        return None
    return "is not an email address", "Send it like name@example.org"


def _iban_complaint(identifier: str) -> Complaint | None:
    if not _IBAN.fullmatch(identifier):
        return "is not an IBAN", "Send it in capitals without spaces, like DE89370400440532013000"
    rearranged = identifier[4:] + identifier[:4]
    if int("".join(str(int(letter, 36)) for letter in rearranged)) % 97 != 1:  # ISO 13616
        return "is an IBAN with a wrong checksum", "Correct the typing error in it"
    return None


_CHECKS: dict[str, Callable[[str], Complaint | None]] = {
    "MSISDN": _msisdn_complaint,
    "EMAIL": _email_complaint,
    "IBAN": _iban_complaint,
}


def comparable(party_id_type: str, identifier: str) -> str:
    """Return the form of an identifier that is equal for equal parties."""
    match party_id_type:
        case "MSISDN":
            return identifier.removeprefix("+")
        case "EMAIL":
            return identifier.casefold()
    return identifier
