"""How an apply writes: one owner of state, few reads for many teams, and no refusal that settles an unclear write."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from portalctl.simulator.behaviour import Behaviour
from portalctl.simulator.faults import Fault
from portalctl.simulator.message import Request
from tests.conftest import PORTAL_ID, Bench

pytestmark = pytest.mark.usefixtures("quick")
BenchMaker = Callable[..., Bench]
ANN = "ann@club.example"


def results(report: str = "report.json") -> dict[str, Any]:
    (portal,) = json.loads(Path(report).read_text())["portals"]
    return {change["id"]: (change["result"], change["detail"]) for change in portal["changes"]}


def team_rules(count: int) -> str:
    teams = "".join(f"  - {{name: team{number}, members: [p{number}@club.example]}}\n" for number in range(count))
    return f"trusted_domains: [club.example]\nteams:\n{teams}"


@pytest.fixture
def switching() -> Iterator[None]:
    """Threads take turns as often as the interpreter allows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.slow
@pytest.mark.usefixtures("switching")
def test_300_teams_and_developers_are_written_while_threads_switch_all_the_time(bench: Bench) -> None:
    bench.people(pending=[f"p{number}@club.example" for number in range(300)])
    bench.manifest(team_rules(300))
    done = bench.run("apply", "--yes", "--report", "report.json")
    assert done.code == 0, done.out[-2000:] + done.err
    assert {result for result, _ in results().values()} == {"confirmed"}
    assert len(results()) == 900
    assert len(bench.writes) == 900


@pytest.mark.slow
@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_new_teams_take_one_look_before_and_one_after_them_all(make_bench: BenchMaker, count: int) -> None:
    page = 20 if count == 60 else 100
    bench = make_bench(behaviour=Behaviour(page_size_max=page))
    bench.manifest("teams:\n" + "".join(f"  - name: team{number}\n" for number in range(count)))
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.out[-2000:] + done.err
    assert len(bench.writes) == count
    assert len(bench.reads) <= ceil(count / page) * 2 + 10


@pytest.mark.slow
def test_new_teams_whose_creation_was_not_answered_are_found_together(bench: Bench) -> None:
    bench.people(pending=[f"p{number}@club.example" for number in range(8)])
    bench.manifest(team_rules(8))
    bench.sim.inject(Fault("drop-after", method="POST", path="*/teams"))
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.out + done.err
    assert bench.writes.count("POST /teams") == 8
    reads = [exchange.path for exchange in bench.sim.log if exchange.method == "GET"]
    assert reads.count(f"/v3/portals/{PORTAL_ID}/teams") <= 5
    assert all(bench.members(f"team{number}") == {f"p{number}@club.example"} for number in range(8))


def test_a_twin_of_a_new_team_is_resolved_for_the_oldest_and_its_members_join_that(bench: Bench) -> None:
    """Someone else makes a team of that name while ours are being made."""
    bench.people(approved=["p0@club.example", "p1@club.example"])
    bench.manifest(team_rules(2))
    bench.sim.once(
        lambda request: request.method == "POST" and request.path.endswith("/teams"), lambda: bench.team("team1")
    )
    done = bench.run("apply", "--yes", "--report", "report.json")
    assert done.code == 0, done.out + done.err
    assert [team["id"] for team in bench.sim.store.teams(PORTAL_ID) if team["name"] == "team1"] == [
        bench.teams["team1"]
    ]
    assert bench.members("team1") == {"p1@club.example"}
    assert "was deleted" in results()["create_team:team1"][1]


@pytest.mark.wide(1)
@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_a_refusal_does_not_settle_a_write_that_was_unclear_and_was_carried_out(
    make_bench: BenchMaker, status: int
) -> None:
    bench = make_bench(behaviour=Behaviour(visible_after=0.6))  # longer than the look before the second try
    bench.people(pending=[ANN])
    bench.manifest("trusted_domains: [club.example]\n")
    bench.sim.inject(Fault("drop-after", method="PATCH", times=1))
    bench.sim.inject(Fault("status", method="PATCH", status=status))
    done = bench.run("apply", "--yes", "--report", "report.json")
    assert len(bench.writes) == 2
    assert done.code == 0, done.out + done.err
    assert results()[f"approve:{ANN}"][0] == "confirmed"


@pytest.mark.wide(1)
@pytest.mark.parametrize("op", ["add", "remove", "revoke", "update"])
def test_a_refusal_does_not_settle_an_unclear_write_of_other_kinds(make_bench: BenchMaker, op: str) -> None:
    bench = make_bench(behaviour=Behaviour(visible_after=0.6))
    bench.people(approved=[ANN])
    bench.team("reds", *([ANN] if op == "remove" else []))
    rules = {
        "add": f"teams: [{{name: reds, members: [{ANN}]}}]\n",
        "remove": "teams: [{name: reds, membership: exclusive, members: []}]\n",
        "revoke": f"overrides: [{{developer: {ANN}, status: revoked, reason: Left}}]\n",
        "update": "teams: [{name: reds, description: new}]\n",
    }
    bench.manifest(rules[op])
    bench.sim.inject(Fault("drop-after", method="P*" if op != "remove" else "DELETE", times=1))
    bench.sim.inject(Fault("status", method="P*" if op != "remove" else "DELETE", status=403))
    done = bench.run("apply", "--yes")
    assert len(bench.writes) == 2
    assert done.code == 0, done.out + done.err


@pytest.mark.slow
def test_it_failed_once_it_was_seen_not_to_have_happened(bench: Bench) -> None:
    bench.people(pending=[ANN])
    bench.manifest("trusted_domains: [club.example]\n")
    bench.sim.inject(Fault("drop-before", method="PATCH", times=1))
    bench.sim.inject(Fault("status", method="PATCH", status=403))
    done = bench.run("apply", "--yes", "--report", "report.json", "--confirm-timeout", "0.3")
    assert done.code == 4
    result, detail = results()[f"approve:{ANN}"]
    assert result == "failed"
    assert "403" in detail
    assert bench.status(ANN) == "pending"


def test_it_is_unknown_where_it_could_not_be_seen(bench: Bench) -> None:
    bench.people(pending=[ANN])
    bench.manifest("trusted_domains: [club.example]\n")
    bench.sim.inject(Fault("drop-after", method="PATCH", times=1))
    bench.sim.inject(Fault("status", method="PATCH", status=403))

    def hook(request: Request) -> None:
        if request.method == "PATCH":
            bench.sim.inject(Fault("lose-row", method="GET", path="*/developers*"))
            bench.sim.inject(Fault("status", method="GET", status=403))

    bench.sim.on_request(hook)
    done = bench.run("apply", "--yes", "--report", "report.json", "--confirm-timeout", "0.3")
    assert done.code == 4
    assert results()[f"approve:{ANN}"][0] == "unknown"


@pytest.mark.slow
def test_what_was_already_so_is_looked_at_in_the_end_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """An admin approves ann before her turn, and takes that back at the write after."""
    monkeypatch.setattr("portalctl.execution.executor.IN_FLIGHT", 1)
    monkeypatch.setattr("portalctl.execution.recheck.FRESH", -1.0)
    monkeypatch.setattr("portalctl.execution.recheck.PATIENT", -1.0)
    bench.people(pending=["aaa@club.example", ANN, "zoe@club.example"])
    bench.manifest("trusted_domains: [club.example]\n")

    def hook(request: Request) -> None:
        if request.method == "PATCH":
            undo = request.path.endswith(bench.emails["zoe@club.example"])
            bench.sim.store.set_status(bench.emails[ANN], "pending" if undo else "approved")

    bench.sim.on_request(hook)
    done = bench.run("apply", "--yes", "--report", "report.json", "--confirm-timeout", "0.3")
    assert done.code == 4, done.out
    assert results()[f"approve:{ANN}"][0] == "unknown"
    assert len(bench.writes) == 2
