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
from tests.controller.replicas import PATIENCE, Replica, Replicas, cable, wait_ready
from tests.controller.running import until
from tests.controller.test_process import FORM, SECRET, post_signed

pytestmark = [pytest.mark.slow, pytest.mark.peer]
RULES = """
trusted_domains: [{domain: club.example, teams: [reds]}]
teams: [{name: reds}]
"""
COUNT = 40


@pytest.fixture
def replicas(make_bench: Callable[..., Bench], empty_database: str) -> Iterator[Replicas]:  # noqa: ARG001 (ends after them)
    """Yield a function that starts replicas. Each approval on their portal takes a second."""
    bench = make_bench(faults=[Fault("slow", method="PATCH", delay=1.0)])
    bench.manifest(RULES)
    with ExitStack() as stack:
        yield Replicas(bench, stack)


def approvals(bench: Bench) -> Counter[str]:
    return Counter(write for write in bench.writes if write.startswith("PATCH /developers/"))


def check_done(bench: Bench) -> None:
    """Wait until everything is done, and check that each approval, which sends an e-mail, was sent once."""
    until(lambda: {bench.status(name) for name in bench.emails} == {"approved"}, PATIENCE)
    until(lambda: bench.members("reds") >= set(bench.emails), PATIENCE)
    until(lambda: len(approvals(bench)) >= len(bench.emails), PATIENCE)  # they are counted with their answers
    assert set(approvals(bench).values()) == {1}


def writer(bench: Bench, replicas: list[Replica], name: str) -> Replica:
    """Let developers sign up, wait until their approvals are under way, and return the replica that sends them."""
    before = len(approvals(bench))
    bench.people(pending=[f"{name}-{number}@club.example" for number in range(COUNT)])
    until(lambda: len(approvals(bench)) >= before + 3, PATIENCE)
    return max(replicas, key=lambda one: max((found["at"] for found in one.events("turn")), default=""))


def in_sync(replica: Replica) -> bool:
    return replica.status("/readyz") == 200 and replica.portal()["state"] == "in_sync"


def test_a_replica_is_stopped_then_one_cut_off_then_one_killed(
    replicas: Replicas, empty_database: str, cluster: postgres.Postgres
) -> None:
    bench, name = replicas.bench, empty_database.rpartition("/")[2]
    with ExitStack() as stack:
        cables = [stack.enter_context(cable(cluster.port)) for _ in range(3)]
        found = [replicas.start(cluster.url(name, port=one.port), "--poll", "1") for one in cables]
        for one in found:
            wait_ready(one)

        stopped = writer(bench, found, "stopped")
        runs = len(stopped.events("run"))
        stopped.send(signal.SIGSTOP)
        check_done(bench)  # by another one, while this one is stopped past its lease
        stopped.send(signal.SIGCONT)
        until(lambda: len(stopped.events("run")) > runs, PATIENCE)  # the run that it could not go on with
        check_done(bench)

        cut = writer(bench, found, "cut")
        cables[found.index(cut)].cut()
        until(lambda: cut.status("/readyz") == 503, PATIENCE)
        check_done(bench)
        assert cut.status("/healthz") == 200
        cables[found.index(cut)].mend()
        until(lambda: all(map(in_sync, found)), PATIENCE)

        killed = writer(bench, found, "killed")
        killed.send(signal.SIGKILL)
        check_done(bench)
        others = [one for one in found if one is not killed]
        until(lambda: all(map(in_sync, others)), PATIENCE)
        assert [one.stop() for one in others] == [0, 0]


def test_wake_ups_and_registrations_reach_whichever_replica_runs(replicas: Replicas, empty_database: str) -> None:
    """An event that was accepted is not lost with its replica, and each replica answers registrations."""
    bench = replicas.bench
    bench.people(pending=["first@club.example"])
    secrets = {"PORTALCTL_WEBHOOK_SECRET": SECRET, "PORTALCTL_PARTNERS_REGISTRATION_SECRET": FORM}
    found = replicas.start_many(2, empty_database, "--poll", "3600", **secrets)
    check_done(bench)
    until(lambda: all(map(in_sync, found)), PATIENCE)

    for number in range(4):
        body = {"email": f"new-{number}@club.example", "full_name": "A B", "email_verified": True}
        path = "/v1/portals/partners/registrations"
        replies = [post_signed(one.url + path, body, FORM, f"reg_{number}") for one in found]
        assert [reply.status_code for reply in replies] == [201, 201]  # the other one repeats the answer
        assert replies[0].json() == replies[1].json()
    bench.people(pending=["last@club.example"])
    path = "/v1/portals/partners/events"
    assert post_signed(found[0].url + path, {"type": "sign_up"}, SECRET).status_code == 202
    found[0].send(signal.SIGKILL)
    check_done(bench)
    assert post_signed(found[1].url + path, {"type": "sign_up"}, SECRET).status_code == 202  # seen: nothing happens
    assert found[1].stop() == 0
