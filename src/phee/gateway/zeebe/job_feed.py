"""One stream of jobs of a type at the cluster, shared by the subscriptions of all tenants.

A job goes to a subscription of the tenant that its process id names, and to nobody else. No tenant
can take the room that others need: what is too much for one tenant now goes back to the cluster
for a while, with all its retries. So does a job whose tenant nobody serves here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from zlib import crc32

import structlog

from phee.commands import ActivatedJob
from phee.errors import InvalidInput, PheeError
from phee.gateway.grpc_client import GrpcClient
from phee.gateway.grpc_jobs import GrpcSubscription
from phee.gateway.job_slots import JobSlots
from phee.gateway.zeebe.request_mark import MARK, read_mark, unmarked
from phee.gateway.zeebe.requests import Requests
from phee.gateway.zeebe.tenancy import NamedTenants

Handler = Callable[[ActivatedJob], Awaitable[None]]

WAITING_MAX = 256
"""How many jobs of a type, over all tenants, may wait here for their turn."""

WAIT_SHARE = 0.25
"""How long a job may wait here, as a share of its timeout; so much longer it is taken for."""

NOT_SERVED_BACKOFF_MS = 10_000
"""How long, at most, a job rests that this client has no subscription for."""

_SURPLUS_BACKOFF_S = 1.0
_SURPLUS_SPACING_S = 0.01

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FeedWish:
    """How a feed asks the cluster for jobs."""

    worker: str
    timeout_ms: int
    fetch_variables: tuple[str, ...]


class TenantSubscription:
    """Implements :class:`phee.gateway.client.JobSubscription` for some tenants on a feed."""

    def __init__(
        self,
        feed: JobFeed,
        handler: Handler,
        wish: FeedWish,
        max_active: int,
        tenant_ids: Sequence[str],
    ) -> None:
        self.handler = handler
        self.wish = wish
        self.max_active = max_active
        self.tenant_ids = frozenset(tenant_ids)
        self.fetch_variables = frozenset(wish.fetch_variables)
        self.slots = JobSlots(max_active)
        self.held = 0
        self.closed = False
        self._feed = feed
        self._next_return_s = 0.0

    async def close(self) -> None:
        """Stop receiving jobs; those handed out stay valid, those that wait go back."""
        if not self.closed:
            self.closed = True
            await self._feed.remove(self)

    def surplus_backoff_ms(self) -> int:
        """Return how long the next surplus job rests: they come back one after another."""
        now_s = time.monotonic()
        spaced_s = self._next_return_s + _SURPLUS_SPACING_S
        self._next_return_s = max(now_s + _SURPLUS_BACKOFF_S, spaced_s)
        return int((self._next_return_s - now_s) * 1000)


class JobFeed:
    """Jobs of one type, taken from ``grpc`` and dealt out to the subscriptions of tenants."""

    def __init__(
        self, grpc: GrpcClient, job_type: str, tenants: NamedTenants, requests: Requests
    ) -> None:
        self._grpc = grpc
        self._job_type = job_type
        self._tenants = tenants
        self._requests = requests
        self._subscriptions: list[TenantSubscription] = []
        self._changing = asyncio.Lock()
        self._source: GrpcSubscription | None = None
        self._wish: FeedWish | None = None
        self._slots = 0

    @property
    def is_open(self) -> bool:
        """True while somebody takes jobs of this type."""
        return bool(self._subscriptions)

    async def add(self, subscription: TenantSubscription) -> None:
        """Deal out jobs to ``subscription`` too."""
        self._subscriptions.append(subscription)
        await self._adjust()

    async def remove(self, subscription: TenantSubscription) -> None:
        """Deal out no more jobs to ``subscription``; without any left the stream ends."""
        self._subscriptions.remove(subscription)
        await self._adjust()

    async def close(self) -> None:
        """End every subscription."""
        for subscription in list(self._subscriptions):
            await subscription.close()

    async def _adjust(self) -> None:
        """Make the stream what the subscriptions need together."""
        async with self._changing:
            wish = _common_wish(self._subscriptions)
            wanted = sum(each.max_active for each in self._subscriptions)
            if len(self._subscriptions) > 1:  # alone, it is the stream that waits
                wanted += WAITING_MAX
            if wish is not None and wish == self._wish and self._source is not None:
                self._source.grow(wanted - self._slots)
                self._slots = wanted
                return
            former, self._source, self._wish, self._slots = self._source, None, wish, wanted
            if wish is not None:
                self._source = await self._open(wish, wanted)
            if former is not None:
                await former.close()

    async def _open(self, wish: FeedWish, max_active: int) -> GrpcSubscription:
        return await self._grpc.subscribe_jobs(
            self._job_type,
            self._deal,
            worker=wish.worker,
            timeout_ms=wish.timeout_ms,
            max_active=max_active,
            fetch_variables=wish.fetch_variables,
        )

    async def _deal(self, job: ActivatedJob) -> None:
        """Bring one job to its handler, or back to the cluster."""
        arrived_s = time.monotonic()
        tenant_id = self._tenants.owner_of(job.bpmn_process_id)
        subscription = self._subscription_of(tenant_id)
        if subscription is None:
            return await self._give_back(
                job, f"Nobody here serves the tenant {tenant_id}", _not_served_backoff_ms(job)
            )
        if subscription.held >= self._room_of(subscription):
            return await self._give_back_surplus(job, subscription)
        subscription.held += 1
        try:
            if await self._admits(job, tenant_id):
                await self._hand_over(job, tenant_id, subscription, arrived_s)
        finally:
            subscription.held -= 1
        return None

    def _subscription_of(self, tenant_id: str) -> TenantSubscription | None:
        """The one of the tenant that has the fewest jobs."""
        serving = [each for each in self._subscriptions if tenant_id in each.tenant_ids]
        return min(serving, key=lambda each: each.held - each.max_active, default=None)

    def _room_of(self, subscription: TenantSubscription) -> int:
        """What is left when every other subscription keeps its own room."""
        others = sum(each.max_active for each in self._subscriptions) - subscription.max_active
        return self._slots - others

    async def _admits(self, job: ActivatedJob, tenant_id: str) -> bool:
        """Whether the job may be done; a job that nobody can tell about is left to time out."""
        try:
            attempt = read_mark(job, tenant_id)
            return attempt is None or await self._requests.admits(job, attempt)
        except InvalidInput as error:
            await self._fail(job, retries=0, message=str(error), backoff_ms=0)
        except PheeError as error:
            _log.warning("job_not_admitted", reason=error.code, **_marks(job))
        return False

    async def _hand_over(
        self, job: ActivatedJob, tenant_id: str, subscription: TenantSubscription, arrived_s: float
    ) -> None:
        wait_s = subscription.wish.timeout_ms / 1000 * WAIT_SHARE
        try:
            async with asyncio.timeout(wait_s - (time.monotonic() - arrived_s)):
                await subscription.slots.take()
        except TimeoutError:
            return await self._give_back_surplus(job, subscription)
        try:
            if subscription.closed:
                return await self._give_back(job, "The worker was stopped", 0)
            return await subscription.handler(
                unmarked(job, tenant_id, subscription.fetch_variables)
            )
        finally:
            subscription.slots.give_back(1)

    async def _give_back_surplus(self, job: ActivatedJob, subscription: TenantSubscription) -> None:
        text = "Too many jobs of this tenant at once"
        await self._give_back(job, text, subscription.surplus_backoff_ms())

    async def _give_back(self, job: ActivatedJob, message: str, backoff_ms: int) -> None:
        await self._fail(job, retries=job.retries, message=message, backoff_ms=backoff_ms)

    async def _fail(
        self, job: ActivatedJob, *, retries: int, message: str, backoff_ms: int
    ) -> None:
        try:
            await self._grpc.fail_job(
                job.key, retries=retries, error_message=message, retry_backoff_ms=backoff_ms
            )
        except PheeError as error:  # it comes back when its time is over
            _log.warning("job_not_given_back", reason=error.code, **_marks(job))


def _common_wish(subscriptions: Sequence[TenantSubscription]) -> FeedWish | None:
    """What serves all: the longest time, and every variable that one of them wants."""
    if not subscriptions:
        return None
    wishes = [each.wish for each in subscriptions]
    timeout_ms = int(max(wish.timeout_ms for wish in wishes) * (1 + WAIT_SHARE))
    names = {name for wish in wishes for name in wish.fetch_variables}
    some = all(wish.fetch_variables for wish in wishes)
    return FeedWish(wishes[0].worker, timeout_ms, tuple(sorted(names | {MARK})) if some else ())


def _not_served_backoff_ms(job: ActivatedJob) -> int:
    """Between half of the backoff and all of it, so that such jobs do not return together."""
    return NOT_SERVED_BACKOFF_MS // 2 + crc32(b"%d" % job.key) % (NOT_SERVED_BACKOFF_MS // 2)


def _marks(job: ActivatedJob) -> dict[str, object]:
    return {
        "job_key": job.key,
        "job_type": job.type,
        "bpmn_process_id": job.bpmn_process_id,
        "process_instance_key": job.process_instance_key,
    }
