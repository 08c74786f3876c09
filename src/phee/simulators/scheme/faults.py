"""Faults on demand: which callback is lost, late, doubled, overtaken or answered with a refusal.

**Magic values.** A payment that carries one meets that fault, always:

===========================  ======================  ======================  =================
what happens                 lookup: the payee's     quote: the payee's      transfer: the
                             identifier ends in      identifier ends in      amount ends in
===========================  ======================  ======================  =================
rejected by the scheme       00091                   00191                   .91
answered late (`late_ms`)    00092                   00192                   .92
answer never sent            00093                   00193                   .93 (the state can
                                                                             be asked for)
every callback sent twice    00094                   00194                   .94
answer is overtaken          00095                   00195                   .95
first request is lost        00096                   00196                   .96 (the scheme
                                                                             knows nothing)
never reaches the payee      00097                   00197                   .97 (expires)
===========================  ======================  ======================  =================

Amounts count in currencies with two decimals only.

**Rates.** Each kind of callback has its own; what meets whom follows from the seed, the kind, the
resource's id and how often it was sent, never from timing: the same run meets the same faults.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b

from phee.simulators.config import REQUEST_KINDS, CallbackKind, FaultRates
from phee.simulators.money import exponent


class Magic(IntEnum):
    """The last two digits of a magic value."""

    REJECTED = 91
    LATE = 92
    NEVER_ANSWERED = 93
    DOUBLED = 94
    OVERTAKEN = 95
    FIRST_LOST = 96
    UNREACHABLE = 97


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to happen to one callback.

    Attributes:
        forget: the request is to be treated as if it had never come.
    """

    drop: bool = False
    delay_ms: int = 0
    copies: int = 1
    reorder: bool = False
    reject: bool = False
    forget: bool = False


AS_USUAL = Plan()
_NO_RATES = FaultRates()
_SCALE = 2**32


def lookup_magic(identifier: str) -> Magic | None:
    """What a payee's identifier asks of its lookup."""
    return _magic(identifier[-2:]) if identifier[-5:-2] == "000" else None


def quote_magic(identifier: str) -> Magic | None:
    """What a payee's identifier asks of a quote."""
    return _magic(identifier[-2:]) if identifier[-5:-2] == "001" else None


def transfer_magic(amount_minor: int, currency: str) -> Magic | None:
    """What an amount asks of a transfer."""
    return _magic(str(amount_minor % 100)) if exponent(currency) == 2 else None


def _magic(digits: str) -> Magic | None:
    return Magic(int(digits)) if digits.isdecimal() and int(digits) in _MAGIC_NUMBERS else None


_MAGIC_NUMBERS = frozenset(each.value for each in Magic)


class Faults:
    """Decides, and remembers what has to be lost only once."""

    def __init__(
        self, *, seed: int, rates: Mapping[CallbackKind, FaultRates], magic: bool, late_ms: int
    ) -> None:
        self.rates = dict(rates)
        self._seed = seed
        self._magic = magic
        self._late_ms = late_ms
        self._lost_once: set[tuple[CallbackKind, str]] = set()
        self._sent: Counter[tuple[CallbackKind, str]] = Counter()

    def plan(self, kind: CallbackKind, resource_id: str, magic: Magic | None) -> Plan:
        """What happens to the next callback of this kind about this resource."""
        if magic is not None and self._magic:
            return self._by_magic(kind, resource_id, magic)
        if kind in self.rates:
            return self._by_chance(kind, resource_id, self.rates[kind])
        return AS_USUAL

    def _by_magic(self, kind: CallbackKind, resource_id: str, magic: Magic) -> Plan:
        if magic is Magic.DOUBLED:
            return Plan(copies=2)
        if kind in REQUEST_KINDS:
            return self._request_by_magic(kind, resource_id, magic)
        if magic is Magic.OVERTAKEN:
            return Plan(reorder=True)
        if kind is CallbackKind.TRANSFERS_PATCH:
            return AS_USUAL  # not an answer: the payer's faults do not reach the payee
        if magic is Magic.LATE:
            return Plan(delay_ms=self._late_ms)
        return Plan(drop=True) if magic is Magic.NEVER_ANSWERED else AS_USUAL

    def _request_by_magic(self, kind: CallbackKind, resource_id: str, magic: Magic) -> Plan:
        if magic is Magic.REJECTED:
            return Plan(reject=True)
        if magic is Magic.UNREACHABLE:
            return Plan(drop=True)
        if magic is Magic.FIRST_LOST and (kind, resource_id) not in self._lost_once:
            self._lost_once.add((kind, resource_id))
            return Plan(forget=True)
        return AS_USUAL

    def _by_chance(self, kind: CallbackKind, resource_id: str, rates: FaultRates) -> Plan:
        if rates == _NO_RATES:
            return AS_USUAL
        self._sent[kind, resource_id] += 1
        name = f"{self._seed}/{kind}/{resource_id}/{self._sent[kind, resource_id]}"
        digest = blake2b(name.encode(), digest_size=20).digest()
        drop, delay, duplicate, reorder, reject = (
            int.from_bytes(digest[at : at + 4]) / _SCALE < rate
            for at, rate in zip(
                range(0, 20, 4),
                (rates.drop, rates.delay, rates.duplicate, rates.reorder, rates.reject),
                strict=True,
            )
        )
        return Plan(
            drop=drop,
            delay_ms=self._late_ms if delay else 0,
            copies=2 if duplicate else 1,
            reorder=reorder,
            reject=reject,
        )
