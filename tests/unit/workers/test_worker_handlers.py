"""``@job``, typed variables, results and outcomes, without an orchestrator."""

from __future__ import annotations

import dataclasses
import threading
from decimal import Decimal
from typing import Any, TypedDict
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phee.errors import InvalidInput, Unavailable
from phee.gateway.backoff import Backoff
from phee.workers import BpmnError, Job, JobFailed, derived_uuid, job
from phee.workers.testing import Completed, Failed, Thrown, job_for, run_handler


class Funds(msgspec.Struct):
    transactionId: str  # noqa: N815 - a name of the flow
    amount: Decimal
    note: str | None = None


class Blocked(msgspec.Struct):
    transferPrepareFailed: bool  # noqa: N815
    amount: Decimal
    transferCode: str | None = None  # noqa: N815


class Renamed(msgspec.Struct, rename="camel"):
    transaction_id: str


@dataclasses.dataclass
class Party:
    partyId: str  # noqa: N815


class Quote(TypedDict):
    quoteId: str


@job("block-funds", timeout_ms=5_000, max_active=8)
async def block_funds(job: Job, variables: Funds) -> Blocked:
    return Blocked(False, variables.amount * 2)


GOOD = {"transactionId": "t", "amount": "12.50", "other": 1}


async def test_typed_variables_in_and_out() -> None:
    assert await run_handler(block_funds, GOOD) == Completed(
        {"transferPrepareFailed": False, "amount": "25.00", "transferCode": None}
    )


def test_only_declared_variables_are_fetched() -> None:
    assert block_funds.fetch_variables == ("transactionId", "amount", "note")
    assert set(job_for(block_funds, GOOD).variables) == {"transactionId", "amount"}

    @job("a")
    async def renamed(job: Job, variables: Renamed) -> None: ...
    @job("b")
    async def party(job: Job, variables: Party) -> None: ...
    @job("c")
    async def quote(job: Job, variables: Quote) -> None: ...
    @job("d")
    async def everything(job: Job, variables: dict[str, Any]) -> None: ...
    @job("e")
    async def alone(job: Job) -> None: ...

    assert renamed.fetch_variables == ("transactionId",)
    assert party.fetch_variables == ("partyId",)
    assert quote.fetch_variables == ("quoteId",)
    assert everything.fetch_variables == alone.fetch_variables == ()


async def test_every_kind_of_variables_arrives() -> None:
    seen: list[Any] = []

    @job("b")
    async def party(job: Job, variables: Party) -> None:
        seen.append(variables)

    @job("c")
    async def quote(job: Job, variables: Quote) -> None:
        seen.append(variables)

    @job("d")
    async def everything(job: Job, variables) -> None:  # type: ignore[no-untyped-def]
        seen.append(variables)

    @job("e")
    async def alone(job: Job) -> None:
        seen.append(job.variables)

    for handler, variables in (
        (party, {"partyId": "p"}),
        (quote, {"quoteId": "q"}),
        (everything, {"x": 1}),
        (alone, {"y": 2}),
    ):
        assert await run_handler(handler, variables) == Completed({})
    assert seen == [Party("p"), {"quoteId": "q"}, {"x": 1}, {"y": 2}]


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"amount": "1"}, "missing required field `transactionId`"),
        ({"transactionId": 5, "amount": "1"}, "Expected `str`, got `int` - at `$.transactionId`"),
        ({"transactionId": "t", "amount": "much"}, "decimal"),
    ],
)
async def test_wrong_variables_are_an_incident_not_a_crash(
    variables: dict[str, Any], reason: str
) -> None:
    outcome = await run_handler(block_funds, variables)
    assert isinstance(outcome, Failed)
    assert outcome.retries == 0
    assert reason in outcome.message
    assert "'block-funds'" in outcome.message
    assert "Funds" in outcome.message


@pytest.mark.parametrize(
    ("result", "variables"),
    [
        (None, {}),
        ({"a": Decimal("1.10"), "b": {"c": [1]}}, {"a": "1.10", "b": {"c": [1]}}),
        (Party("p"), {"partyId": "p"}),
        (Renamed("t"), {"transactionId": "t"}),
    ],
)
async def test_results(result: Any, variables: dict[str, Any]) -> None:
    @job("x")
    async def handler(job: Job) -> Any:
        return result

    assert await run_handler(handler, {}) == Completed(variables)


@pytest.mark.parametrize("result", [[1], "x", 5, {"a": object()}, {"a": {1: object()}}])
async def test_a_result_that_is_no_variables_is_an_incident(result: Any) -> None:
    @job("x")
    async def handler(job: Job) -> Any:
        return result

    outcome = await run_handler(handler, {})
    assert isinstance(outcome, Failed)
    assert outcome.retries == 0
    assert "must return variables" in outcome.message


def _raising(error: Exception, **options: Any) -> Any:
    @job("x", **options)
    async def handler(job: Job) -> None:
        raise error

    return handler


async def test_an_exception_is_tried_again_later() -> None:
    handler = _raising(ConnectionError("down"), backoff=Backoff(1000, 60_000))
    first, second, last = [await run_handler(handler, {}, retries=left) for left in (3, 2, 1)]
    assert [o.retries for o in (first, second, last)] == [2, 1, 0]  # type: ignore[union-attr]
    assert isinstance(first, Failed)
    assert isinstance(second, Failed)
    assert first.message == "ConnectionError: down"
    assert 750 <= first.backoff_ms <= 1000
    assert 1500 <= second.backoff_ms <= 2000
    assert await run_handler(handler, {}, retries=3) == first, "the jitter can be repeated"
    others = {(await run_handler(handler, {}, key=key)).backoff_ms for key in range(20)}  # type: ignore[union-attr]
    assert len(others) > 10, "jobs that fail together come back apart"


async def test_a_service_that_does_not_answer_is_tried_again() -> None:
    outcome = await run_handler(_raising(Unavailable("The ledger does not answer")), {})
    assert isinstance(outcome, Failed)
    assert outcome.retries == 2
    assert outcome.backoff_ms > 0


async def test_a_bpmn_error_is_thrown() -> None:
    error = BpmnError("NO_FUNDS", "not enough", variables={"errorCode": "4001"})
    assert await run_handler(_raising(error), {}) == Thrown(
        "NO_FUNDS", "not enough", {"errorCode": "4001"}
    )


async def test_a_failure_can_say_how_to_go_on() -> None:
    error = JobFailed("later", retries=7, backoff_ms=123, variables={"seen": True})
    assert await run_handler(_raising(error), {}) == Failed(7, "later", 123, {"seen": True})
    usual = await run_handler(_raising(JobFailed("later")), {}, retries=2)
    assert isinstance(usual, Failed)
    assert usual.retries == 1
    assert usual.backoff_ms > 0


async def test_wrong_input_is_not_tried_again() -> None:
    outcome = await run_handler(_raising(InvalidInput("no such currency")), {})
    assert outcome == Failed(0, "no such currency")


async def test_long_texts_are_cut() -> None:
    outcome = await run_handler(_raising(ValueError("x" * 100_000)), {})
    assert isinstance(outcome, Failed)
    assert len(outcome.message) == 2000


async def test_an_ordinary_function_runs_in_a_thread() -> None:
    here = threading.get_ident()

    @job("x")
    def handler(job: Job, variables: Funds) -> dict[str, bool]:
        return {"elsewhere": threading.get_ident() != here}

    assert await run_handler(handler, GOOD) == Completed({"elsewhere": True})


async def test_a_handler_is_still_the_function() -> None:
    answer = await block_funds(job_for(block_funds, GOOD), Funds("t", Decimal(1)))
    assert answer.amount == 2


def test_a_handler_that_makes_no_sense_is_refused() -> None:
    async def none() -> None: ...
    async def three(a: Any, b: Any, c: Any) -> None: ...
    async def one(job: Job) -> None: ...

    for function in (none, three):
        with pytest.raises(InvalidInput, match="parameters"):
            job("x")(function)

    async def unknown(job: Job, variables: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(InvalidInput, match="'Nowhere' is not defined"):
        job("x")(unknown)
    for wrong in ({"type": ""}, {"timeout_ms": 0}, {"max_active": 0}, {"retries": 0}):
        with pytest.raises(InvalidInput, match="needs a job type"):
            job(**({"type": "x"} | wrong))(one)  # type: ignore[arg-type]


def test_the_operation_id_is_the_same_on_every_try() -> None:
    tries = {job_for(block_funds, GOOD, retries=left).operation_id for left in (3, 2, 1)}
    assert tries == {"job-2251799813685250"}
    assert job_for(block_funds, GOOD, key=5).operation_id == "job-5"


@given(st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
def test_derived_uuids_are_equal_only_for_equal_parts(left: list[str], right: list[str]) -> None:
    assert (derived_uuid(*left) == derived_uuid(*right)) == (left == right)


def test_derived_uuids_never_change() -> None:
    assert derived_uuid("tx-1", "block") == UUID("b9669a39-a9f9-5fd0-b319-8b94cd857b06")
    assert derived_uuid("tx-1", 7).version == 5


@given(st.integers(0, 100), st.text())
def test_waits_stay_within_their_bounds(attempt: int, text: str) -> None:
    backoff = Backoff(initial_ms=200, max_ms=5_000)
    assert 150 <= backoff.delay_ms(attempt, text) <= 5_000
