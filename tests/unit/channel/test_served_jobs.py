"""A drawing with a job nobody serves is refused when it is deployed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from phee.channel import JobTypeNotServed, require_served_jobs, unserved_job_types


@dataclass
class Drawn:
    id: str
    job_types: frozenset[str]


PROCESSES = [Drawn("P", frozenset({"a", "b"})), Drawn("Q", frozenset({"b", "c"}))]


def test_every_unserved_job_type_is_named_with_its_processes() -> None:
    assert unserved_job_types(PROCESSES, {"a"}.__contains__) == {"b": ["P", "Q"], "c": ["Q"]}
    with pytest.raises(JobTypeNotServed, match=r"b \(in P, Q\); c \(in Q\).*force"):
        require_served_jobs(PROCESSES, {"a"})


def test_served_or_forced_drawings_pass() -> None:
    require_served_jobs(PROCESSES, {"a", "b", "c"})
    require_served_jobs(PROCESSES, lambda job_type: job_type in "abc")
    require_served_jobs(PROCESSES, set(), force=True)
