"""Settings of the simulators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path

from phee.errors import InvalidInput


class CallbackKind(StrEnum):
    """What the scheme sends to the participants: requests passed on, and answers."""

    PARTIES_GET = "parties-get"
    PARTIES_PUT = "parties-put"
    QUOTES_POST = "quotes-post"
    QUOTES_PUT = "quotes-put"
    TRANSFERS_POST = "transfers-post"
    TRANSFERS_PUT = "transfers-put"
    TRANSFERS_PATCH = "transfers-patch"


REQUEST_KINDS = frozenset(
    {CallbackKind.PARTIES_GET, CallbackKind.QUOTES_POST, CallbackKind.TRANSFERS_POST}
)
"""Kinds the scheme can reject instead of passing on."""


@dataclass(frozen=True, slots=True)
class FaultRates:
    """How often (0 to 1) something happens to a kind of callback, each drawn by itself."""

    drop: float = 0.0
    delay: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    reject: float = 0.0

    def __post_init__(self) -> None:
        for each in fields(self):
            rate = getattr(self, each.name)
            if not 0 <= rate <= 1:
                raise InvalidInput(f"a rate of {rate} is not between 0 and 1", where=each.name)


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """Everything `phee.simulators` can be told.

    Attributes:
        data: folder of the two SQLite files; made when missing.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        seed: of the random faults; the same seed and the same identifiers meet the same faults.
        rates: faults by kind of callback.
        magic: whether magic amounts and identifiers act (:mod:`phee.simulators.scheme.faults`).
        late_ms: how late a late answer is.
        reorder_window_ms: how long a callback waits at most to be overtaken by another one.
        callback_timeout_ms: how long a participant may take to accept a callback.
        callback_concurrency: callbacks under way to one participant at the same time.
        transfer_window_ms: life of a transfer whose request names no expiration.
        accounts: a JSON file with accounts, participants and parties to know from the start.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 0
    rates: Mapping[CallbackKind, FaultRates] = field(default_factory=dict)
    magic: bool = True
    late_ms: int = 3_000
    reorder_window_ms: int = 500
    callback_timeout_ms: int = 10_000
    callback_concurrency: int = 32
    transfer_window_ms: int = 60_000
    accounts: Path | None = None

    def __post_init__(self) -> None:
        check_rates(self.rates)


def check_rates(rates: Mapping[CallbackKind, FaultRates]) -> None:
    """Refuse rates that could never act.

    Raises:
        InvalidInput: an answer cannot be rejected, only a request.
    """
    for kind, rate in rates.items():
        if rate.reject and kind not in REQUEST_KINDS:
            raise InvalidInput(
                "only a request can be rejected",
                where=kind,
                fix=f"Give a reject rate to one of {', '.join(sorted(REQUEST_KINDS))}.",
            )


def parse_rates(rules: list[str]) -> dict[CallbackKind, FaultRates]:
    """Rates from rules such as ``transfers-put:drop=0.01,delay=0.1``; ``*`` means every kind.

    Raises:
        InvalidInput: a rule that cannot be read, or names no known kind or fault.
    """
    collected: dict[CallbackKind, dict[str, float]] = {}
    for rule in rules:
        name, _, settings = rule.partition(":")
        for kind in _kinds(name, rule):
            collected.setdefault(kind, {}).update(_settings(settings, rule))
    rates = {kind: FaultRates(**values) for kind, values in collected.items()}
    check_rates(rates)
    return rates


def _kinds(name: str, rule: str) -> list[CallbackKind]:
    if name == "*":
        return list(CallbackKind)
    if name not in list(CallbackKind):
        raise InvalidInput(
            f"{name!r} is no kind of callback",
            where=rule,
            fix=f"Use * or one of {', '.join(CallbackKind)}.",
        )
    return [CallbackKind(name)]


def _settings(text: str, rule: str) -> dict[str, float]:
    known = {each.name for each in fields(FaultRates)}
    found: dict[str, float] = {}
    for part in text.split(","):
        fault, _, rate = part.partition("=")
        try:
            found[fault] = float(rate)
        except ValueError as error:
            raise InvalidInput(f"{part!r} has no rate", where=rule) from error
        if fault not in known:
            raise InvalidInput(
                f"{fault!r} is no fault", where=rule, fix=f"Use one of {', '.join(sorted(known))}."
            )
    return found
