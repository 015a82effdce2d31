"""Several replicas on one PostgreSQL: no double write, no second e-mail, no lost wake-up, whatever happens to one."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from portalctl.simulator.faults import Fault
from tests.conftest import Bench
from tests.controller import postgres
from tests.controller.replicas import PATIENCE, Replica, Replicas, one_that
from tests.controller.running import until

pytestmark = [pytest.mark.slow, pytest.mark.peer]
RULES = """
trusted_domains: [{domain: club.example, teams: [reds]}]
teams: [{name: reds}]
"""
COUNT = 40


@pytest.fixture
def database(cluster: postgres.Postgres) -> Iterator[str]:
    with cluster.database() as url:
        yield url


@pytest.fixture
def slow_bench(make_bench: Callable[..., Bench]) -> Bench:
    """Return a portal whose approvals take a second each, with sign-ups that an apply takes some seconds for."""
    bench = make_bench(faults=[Fault("slow", method="PATCH", delay=1.0)])
    bench.people(pending=[f"p{number}@club.example" for number in range(COUNT)])
    bench.manifest(RULES)
    return bench


@pytest.fixture
def replicas(slow_bench: Bench) -> Iterator[Replicas]:
    with ExitStack() as stack:
        yield Replicas(slow_bench, stack)


def sent(bench: Bench) -> Counter[str]:
    return Counter(write for write in bench.writes if write.startswith("PATCH /developers/"))


def all_approved(bench: Bench) -> bool:
    return {bench.status(name) for name in bench.emails} == {"approved"}


def writer_of(bench: Bench, replicas: list[Replica]) -> Replica:
    """Wait until an apply is under way, and return the replica that carries it out."""
    until(lambda: len(sent(bench)) >= 3, PATIENCE)
    return one_that(replicas, lambda one: bool(one.events("turn")))


def check_end(bench: Bench) -> None:
    """Wait until everything is done, and check that each approval, which sends an e-mail, was sent once."""
    until(lambda: all_approved(bench) and len(bench.members("reds")) == COUNT, 2 * PATIENCE)
    assert set(sent(bench).values()) == {1}


def test_a_replica_that_is_killed_in_the_middle_of_an_apply(replicas: Replicas, database: str) -> None:
    bench = replicas.bench
    found = replicas.start_many(3, database, "--interval", "3600")
    writer = writer_of(bench, found)
    writer.send(signal.SIGKILL)
    check_end(bench)
