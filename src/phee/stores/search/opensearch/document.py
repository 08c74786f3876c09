"""A document as it lies in the index, and how changes are merged into it.

Merging is monotonic: each group of fields keeps the position of the newest record applied, takes
what newer changes say and of older ones only what is still missing, and an incident is open or not
by the newest record about it. So whatever is merged in whatever order and however often, the same
document comes out.
"""

from __future__ import annotations

import copy
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec

from phee.projections.documents import PAYMENT, DocumentFold, IncidentDocument
from phee.projections.rows import RowChange, Target
from phee.projections.transfers import transfer_status
from phee.stores.money import money_decimal, money_text
from phee.stores.search.query import TEXT_FIELDS, Document

_WORD = re.compile(r"[^\W_]+")
_IDENTITY = frozenset({"epoch", "position", "kind", "key"})
Change = tuple[Target | None, Any]
"""A row and its target; without one, the row is an incident of the payment itself."""


class AmountDigits(msgspec.Struct, frozen=True, omit_defaults=True):
    """The digits of an amount in groups, for exact sums: e12 counts units of 10^12, m4 of 10^-4.

    Groups of zeros add nothing, so they are not indexed.
    """

    e12: int = 0
    e6: int = 0
    e0: int = 0
    m4: int = 0


class StoredDocument(msgspec.Struct, omit_defaults=True):
    """The source of an indexed document. Times are ms since 1970 UTC, the amount is fixed width."""

    id: str
    epoch: int
    kind: str
    key: int
    process_instance_key: int
    bpmn_process_id: str | None = None
    flow: str | None = None
    status: str = ""
    moment: int = -2
    started_at: int | None = None
    completed_at: int | None = None
    duration_ms: int | None = None
    direction: str | None = None
    transaction_id: str | None = None
    client_correlation_id: str | None = None
    batch_id: str | None = None
    amount: str | None = None
    amount_digits: AmountDigits | None = None
    currency: str | None = None
    payer_dfsp_id: str | None = None
    payer_party_id: str | None = None
    payer_party_id_type: str | None = None
    payee_dfsp_id: str | None = None
    payee_party_id: str | None = None
    payee_party_id_type: str | None = None
    note: str | None = None
    element_id: str | None = None
    error_type: str | None = None
    error_text: str | None = None
    state: str | None = None
    outcome: int | None = None
    is_unknown: int | None = None
    instance_position: int = -1
    variables_position: int = -1
    jobs_position: int = -1
    incidents: dict[str, int] = {}
    """Key of an incident -> position of the newest record about it, negative once resolved."""
    words: dict[str, str] | None = None

    @property
    def is_ended(self) -> bool:
        """Whether hardly anything will change any more."""
        return self.state not in {None, "ACTIVE", "OPEN"}

    def shown(self) -> Document:
        """Return the document for readers."""
        fields = {name: getattr(self, name) for name in Document.__struct_fields__}
        if self.amount is not None:
            fields["amount"] = money_decimal(self.amount)
        return Document(**fields)


def document_id(epoch: int, kind: str, key: int) -> str:
    """Return the id of a document: the same for the same thing, whoever writes it."""
    return f"{epoch:x}-{kind}-{key}"


def changes_of(fold: DocumentFold) -> dict[str, list[Change]]:
    """Return what a fold changes, by document."""
    changes: dict[str, list[Change]] = defaultdict(list)
    payments = fold.touched_payments
    for target, rows in fold.changes():
        for row in rows:
            changes[_id_of(row)].append((target, row))
            if isinstance(row, IncidentDocument) and row.process_instance_key in payments:
                of_payment = document_id(row.epoch, PAYMENT, row.process_instance_key)
                changes[of_payment].append((None, row))
    return changes


def _id_of(row: Any) -> str:
    return document_id(row.epoch, row.kind, row.key)


def is_birth(changes: Sequence[Change]) -> bool:
    """Return whether the first record of the document's life is among the changes."""
    return any(getattr(row, "started_at", None) is not None for target, row in changes if target)


def new_document(changes: Sequence[Change]) -> StoredDocument:
    """Return a document in which nothing has been merged yet."""
    target, row = changes[0]
    if target is None:
        kind, key = PAYMENT, row.process_instance_key
    else:
        kind, key = row.kind, row.key
    about = row.process_instance_key
    identity = document_id(row.epoch, kind, key)
    return StoredDocument(identity, row.epoch, kind, key, process_instance_key=about)


def merge(document: StoredDocument, changes: Sequence[Change]) -> StoredDocument:
    """Return ``document`` with the changes that are news to it; itself when none is.

    Raises:
        InvalidInput: an amount does not fit.
    """
    merged = copy.copy(document)
    is_changed = False
    for target, row in changes:
        if target is None:
            is_changed |= _merge_incident(merged, row)
        else:
            is_changed |= _merge_row(merged, target, row)
    if not is_changed:
        return document
    _derive(merged)
    if merged.words is None or _texts(merged) != _texts(document):
        merged.words = _words(merged)
    return merged


def _merge_row(document: StoredDocument, target: Target, row: RowChange) -> bool:
    is_newer = row.position > int(getattr(document, target.position))
    is_changed = is_newer
    if is_newer:
        setattr(document, target.position, row.position)
    for name, value in zip(_fields(type(row)), msgspec.structs.astuple(row), strict=True):
        if value is None or not name:
            continue
        stored = getattr(document, name)
        if name in target.largest_wins:
            value = max(value, stored or value)
        elif stored is not None and not is_newer:
            continue
        elif isinstance(value, Decimal):
            value = money_text(value)
        if value != stored:
            setattr(document, name, value)
            is_changed = True
    return is_changed


_FIELDS: dict[type, tuple[str, ...]] = {}


def _fields(kind: type[RowChange]) -> tuple[str, ...]:
    """Return the names of a row's fields, empty ones for those that are not merged."""
    names = _FIELDS.get(kind)
    if names is None:
        names = tuple("" if f in _IDENTITY else f for f in kind.__struct_fields__)
        _FIELDS[kind] = names
    return names


def _merge_incident(payment: StoredDocument, row: IncidentDocument) -> bool:
    key = str(row.key)
    if row.position <= abs(payment.incidents.get(key, 0)):
        return False
    mark = row.position if row.state == "OPEN" else -row.position
    payment.incidents = {**payment.incidents, key: mark}
    return True


def _derive(document: StoredDocument) -> None:
    """Set what follows from the rest."""
    document.moment = -1 if document.started_at is None else document.started_at
    if document.kind == PAYMENT:
        document.status = transfer_status(
            document.state,
            document.outcome,
            is_unknown=document.is_unknown == 1,
            has_open_incident=any(mark > 0 for mark in document.incidents.values()),
        )
    elif document.state is not None:
        document.status = document.state
    if document.started_at is not None and document.completed_at is not None:
        document.duration_ms = document.completed_at - document.started_at
    if document.amount is not None:
        document.amount_digits = amount_digits(document.amount)


def with_words(document: StoredDocument) -> StoredDocument:
    """Return a document that is found by the words that it has now."""
    return msgspec.structs.replace(document, words=_words(document))


_texts = attrgetter(*TEXT_FIELDS)


def _words(document: StoredDocument) -> dict[str, str]:
    return {
        name: folded
        for name, text in zip(TEXT_FIELDS, _texts(document), strict=True)
        if text and (folded := fold_words(text))
    }


def amount_digits(amount: str) -> AmountDigits:
    """Take an amount of fixed width (see :mod:`phee.stores.money`) apart."""
    return AmountDigits(int(amount[:6]), int(amount[6:12]), int(amount[12:18]), int(amount[19:]))


def fold_words(text: str) -> str:
    """Return the words of ``text`` in lower case, without diacritics, with a space between.

    This is what SQLite's ``unicode61 remove_diacritics 2`` does, so that both runtimes find the
    same; done here, because servers differ in what they can do without plugins.
    """
    lower = text.lower()
    if lower.isascii():
        if lower.isalnum():
            return lower  # one word, as most numbers and codes are
    else:
        apart = unicodedata.normalize("NFD", lower)
        lower = "".join(c for c in apart if unicodedata.category(c) != "Mn")
    return " ".join(_WORD.findall(lower))
