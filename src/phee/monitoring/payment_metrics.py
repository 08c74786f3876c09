"""Payments that the channel took in or refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.metrics_core import Metric

from phee.monitoring.collectors import counter


def payment_metrics(
    outcomes: Mapping[tuple[str, str, str], int],
) -> Callable[[], Iterator[Metric]]:
    """Return payments by (tenant, outcome, reason) as a function for :class:`CallbackCollector`.

    Outcomes are accepted, repeated (the answer of an earlier request) and refused, which has the
    code of an error as its reason.
    """

    def read() -> Iterator[Metric]:
        labels = ["tenant", "outcome", "reason"]
        yield counter("phee_payments", "Payments asked for.", labels, list(outcomes.items()))

    return read
