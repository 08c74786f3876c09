"""Post payments to a hub over HTTP, several at once, and note what was answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import aiohttp

from phee.cli.demo.traffic import Payment
from phee.cli.pay import transfer_body

CONCURRENCY = 16
TRIES_MAX = 400
RETRY_PAUSE_S = 0.25
ASK_AGAIN = (429, 503, 504)
"""Too busy, away, or no answer in time: the same correlation id tells what became of it."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A payment that the hub accepted.

    ``position`` is the token with which a read sees it; ``answer_ms`` is the time to the answer.
    """

    payment: Payment
    transaction_id: str
    answer_ms: float
    position: str


async def post_payments(
    url: str,
    payments: Sequence[Payment],
    *,
    accepted: Callable[[], None],
    per_s: float | None = None,
) -> list[Accepted]:
    """Post every payment, ``per_s`` a second at most; call ``accepted`` after each answer.

    A hub that is busy or away is asked again with the same correlation id, which pays once.
    """
    waiting = list(reversed(payments))
    started = time.perf_counter()
    answers: list[Accepted] = []
    async with aiohttp.ClientSession(url) as session, asyncio.TaskGroup() as group:

        async def post_next() -> None:
            while waiting:
                payment, turn = waiting.pop(), len(payments) - len(waiting)
                if per_s is not None:
                    await asyncio.sleep(started + turn / per_s - time.perf_counter())
                answers.append(await post_one(session, payment))
                accepted()

        for _ in range(min(CONCURRENCY, len(payments))):
            group.create_task(post_next())
    return answers


async def post_one(session: aiohttp.ClientSession, payment: Payment) -> Accepted:
    """Post one payment, again and again until it is answered.

    Raises:
        TimeoutError: it was not accepted in TRIES_MAX tries.
    """
    headers = {"Platform-TenantId": payment.tenant, "X-CorrelationID": payment.correlation_id}
    body = transfer_body(payment.payer, payment.payee, str(payment.amount), payment.currency)
    started = time.perf_counter()
    for _ in range(TRIES_MAX):
        try:
            async with session.post("/channel/transfer", json=body, headers=headers) as response:
                if response.status not in ASK_AGAIN:
                    response.raise_for_status()
                    answer = await response.json()
                    elapsed_ms = (time.perf_counter() - started) * 1000
                    position = response.headers.get("X-Phee-Position", "")
                    return Accepted(payment, answer["transactionId"], elapsed_ms, position)
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
            pass  # not answered: asking again with the same correlation id tells what became of it
        await asyncio.sleep(RETRY_PAUSE_S)
    raise TimeoutError(f"payment {payment.correlation_id} was not accepted in {TRIES_MAX} tries")
