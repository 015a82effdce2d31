"""On Konnect a developer joins every team before the approval: developers are not approved without their teams."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portalctl.simulator.behaviour import Behaviour
from portalctl.simulator.faults import Fault
from tests.cli.test_journal import Death, dying
from tests.cli.test_saved_plans import sealed, write
from tests.conftest import PORTAL_ID, Bench, portalctl

pytestmark = pytest.mark.usefixtures("quick")
BenchMaker = Callable[..., Bench]
ANN, BOB, CID = "ann@club.example", "bob@club.example", "cid@club.example"
RULES = """
policy: {reinstate: true}
trusted_domains: [{domain: club.example, teams: [reds, blues]}]
teams: [{name: reds}, {name: blues}]
"""


def fill(bench: Bench) -> Bench:
    """Ann and bob are pending, cid is revoked and to be reinstated."""
    bench.people(pending=[ANN, BOB], revoked=[CID])
    bench.team("reds")
    bench.team("blues")
    bench.manifest(RULES)
    return bench


def results() -> dict[str, tuple[str, str]]:
    (portal,) = json.loads(Path("report.json").read_text())["portals"]
    return {change["id"]: (change["result"], change["detail"]) for change in portal["changes"]}


def apply(bench: Bench, *words: str) -> Any:
    return bench.run("apply", "--yes", "--report", "report.json", *words)


def joins(bench: Bench, address: str) -> list[int]:
    """The places in the log of a developer's additions to teams."""
    return [
        place
        for place, exchange in enumerate(bench.sim.log)
        if exchange.method == "POST" and (exchange.body or {}).get("id") == bench.emails[address]
    ]


def approvals(bench: Bench, address: str) -> list[int]:
    return [
        place
        for place, exchange in enumerate(bench.sim.log)
        if exchange.method == "PATCH" and exchange.path.endswith(f"/developers/{bench.emails[address]}")
    ]


def mailed(bench: Bench) -> list[str]:
    return sorted(mail["email"] for mail in bench.sim.store.mails())


def to_team(bench: Bench, team: str) -> str:
    return f"*/teams/{bench.teams[team]}/developers"


@pytest.mark.wide(1)
@pytest.mark.parametrize("classic", [False, True])
def test_each_developer_joins_every_team_before_the_approval(make_bench: BenchMaker, classic: bool) -> None:
    bench = fill(make_bench(classic=classic))
    planned = [each["op"] for each in bench.run("plan", "-o", "json").json["portals"][0]["changes"]]
    assert planned == ["add_member"] * 6 + ["approve"] * 3
    assert apply(bench).code == 0
    for address in (ANN, BOB, CID):
        (approval,) = approvals(bench, address)
        assert len(joins(bench, address)) == 2
        assert max(joins(bench, address)) < approval
        assert bench.status(address) == "approved"
    assert bench.members("reds") == bench.members("blues") == {ANN, BOB, CID}


@pytest.mark.wide(1)
@pytest.mark.parametrize("status", [400, 403, 404])
def test_where_a_membership_is_refused_the_developer_is_not_approved(bench: Bench, status: int) -> None:
    """The others are."""
    fill(bench)
    bench.sim.inject(Fault("status", method="POST", path=to_team(bench, "blues"), status=status))
    dan = "dan@other.example"
    bench.people(pending=[dan])
    bench.manifest(RULES + f"overrides: [{{developer: {dan}, status: approved, teams: [reds], reason: r}}]\n")
    done = apply(bench)
    assert done.code == 4, done.out
    for address in (ANN, BOB, CID):
        assert bench.status(address) in {"pending", "revoked"}
        assert approvals(bench, address) == []
        result, detail = results()[f"approve:{address}"]
        assert result == "skipped"
        assert "the developer could not join team blues: developers are not approved without their teams" in detail
        assert results()[f"add_member:{address}:blues"][0] == "failed"
    assert bench.status(dan) == "approved"
    assert bench.members("reds") == {ANN, BOB, CID, dan}

    bench.sim.clear_faults()
    again = apply(bench)
    assert again.code == 0, again.out + again.err
    assert mailed(bench) == [ANN, BOB, CID, dan]


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["400", "409"])
def test_a_portal_that_lets_only_approved_developers_into_teams(make_bench: BenchMaker, answer: Any) -> None:
    """The result is true and says what to do, and it works."""
    bench = fill(make_bench(behaviour=Behaviour(pending_member=answer)))
    done = apply(bench, "--confirm-timeout", "0.3")
    assert done.code == 4, done.out
    assert bench.members("reds") == bench.members("blues") == set()
    assert not any(approvals(bench, address) for address in (ANN, BOB, CID))
    for address in (ANN, BOB, CID):
        membership, _ = results()[f"add_member:{address}:reds"]
        assert membership == ("failed" if answer == "400" else "unknown")
        result, detail = results()[f"approve:{address}"]
        assert result == "skipped"
        assert "approve the developer there first" in detail
    for address in (ANN, BOB, CID):
        bench.sim.store.set_status(bench.emails[address], "approved")
    assert apply(bench).code == 0
    assert bench.members("reds") == bench.members("blues") == {ANN, BOB, CID}


@pytest.mark.slow
def test_a_conflict_on_somebody_who_is_in_the_team_already_is_accepted_once_it_is_seen(
    make_bench: BenchMaker,
) -> None:
    """An administrator adds ann to a team while the apply goes on, and that shows late."""
    bench = fill(make_bench(behaviour=Behaviour(visible_after=0.4)))
    bench.sim.once(
        lambda request: request.method == "POST",
        lambda: bench.sim.store.add_member(bench.teams["reds"], bench.emails[ANN]),
    )
    done = apply(bench)
    assert done.code == 0, done.out + done.err
    assert bench.status(ANN) == bench.status(BOB) == "approved"
    assert mailed(bench) == [ANN, BOB, CID]


@pytest.mark.slow
def test_where_only_approved_members_are_listed_the_developer_s_own_teams_show_the_membership(
    make_bench: BenchMaker,
) -> None:
    """Killed after the memberships, no list of members shows them: the next run is answered 409 for each."""
    bench = fill(make_bench(behaviour=Behaviour(members_listed="approved")))
    with dying(7, after=False), pytest.raises(Death):
        apply(bench)
    assert len(bench.writes) == 6
    done = apply(bench)
    assert done.code == 0, done.out + done.err
    assert bench.members("reds") == bench.members("blues") == {ANN, BOB, CID}
    assert mailed(bench) == [ANN, BOB, CID]


@pytest.mark.slow
@pytest.mark.parametrize("lag", [0.0, 0.5])
def test_an_unclear_membership_that_is_seen_is_followed_by_the_approval(make_bench: BenchMaker, lag: float) -> None:
    bench = fill(make_bench(behaviour=Behaviour(visible_after=lag)))
    bench.sim.inject(Fault("drop-after", method="POST", path=to_team(bench, "blues"), times=3))
    done = apply(bench)
    assert done.code == 0, done.out + done.err
    assert [bench.status(address) for address in (ANN, BOB, CID)] == ["approved"] * 3
    assert mailed(bench) == [ANN, BOB, CID]


def test_a_request_for_access_waits_with_the_approval_for_an_unclear_membership(make_bench: BenchMaker) -> None:
    bench = fill(make_bench(behaviour=Behaviour(visible_after=0.5)))
    app = bench.sim.store.add_application(PORTAL_ID, "App", bench.emails[ANN])
    request = bench.sim.store.add_registration(app, status="pending", api_name="Fixtures")
    access = "access_requests: [{products: [Fixtures], domains: [club.example], status: approved}]\n"
    bench.manifest(RULES + access)
    bench.sim.inject(Fault("drop-after", method="POST", path=to_team(bench, "blues"), times=9))
    done = apply(bench)
    assert done.code == 0, done.out + done.err
    granted = [place for place, each in enumerate(bench.sim.log) if each.method == "PATCH" and request in each.path]
    assert max(joins(bench, ANN)) < approvals(bench, ANN)[0] < granted[0]


@pytest.mark.wide(1)
@pytest.mark.parametrize("fault", ["drop-before", "status"])
def test_an_unclear_membership_that_is_not_seen_withholds_the_approval(bench: Bench, fault: Any) -> None:
    """Of that developer only. The approvals of the others do not wait for the look."""
    fill(bench)
    bench.manifest(RULES.replace("[reds, blues]", "[reds]").replace("name: blues", f"name: blues, members: [{ANN}]"))
    bench.sim.inject(Fault(fault, method="POST", path=to_team(bench, "blues"), status=502))
    done = apply(bench, "--confirm-timeout", "0.3")
    assert done.code == 4, done.out
    assert results()[f"add_member:{ANN}:blues"][0] == "unknown"
    result, detail = results()[f"approve:{ANN}"]
    assert result == "skipped"
    assert "it is unknown whether the developer joined team blues" in detail
    assert "Apply again." in detail
    assert approvals(bench, ANN) == []
    assert bench.status(ANN) == "pending"
    assert bench.status(BOB) == bench.status(CID) == "approved"
    path = to_team(bench, "blues").removeprefix("*")
    looks = [place for place, each in enumerate(bench.sim.log) if each.method == "GET" and each.path.endswith(path)]
    assert approvals(bench, BOB)[0] < looks[-1]

    bench.sim.clear_faults()
    again = apply(bench)
    assert again.code == 0, again.out + again.err
    assert mailed(bench) == [ANN, BOB, CID]


@pytest.mark.wide(1)
@pytest.mark.parametrize("saved", [False, True], ids=["files", "plan file"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", [3, 7, 8])  # a membership, the first approval, the second
def test_killed_on_the_way_and_run_again_each_developer_is_approved_and_mailed_once(
    make_bench: BenchMaker, at: int, *, after: bool, saved: bool
) -> None:
    bench = fill(make_bench(behaviour=Behaviour(visible_after=0.1)))
    assert bench.run("plan", "--out", "plan.json").code == 0
    words = ["plan.json"] if saved else ["-f", "portals"]
    env = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    with dying(at, after=after), pytest.raises(Death):
        portalctl("apply", *words, "--yes", env=env)
    done = portalctl("apply", *words, "--yes", env=env)
    assert done.code == 0, done.out + done.err
    assert [bench.status(address) for address in (ANN, BOB, CID)] == ["approved"] * 3
    assert bench.members("reds") == bench.members("blues") == {ANN, BOB, CID}
    assert mailed(bench) == [ANN, BOB, CID]


def test_a_plan_file_in_the_other_order_is_not_applied(bench: Bench) -> None:
    fill(bench)
    assert bench.run("plan", "--out", "plan.json").code == 0
    plan = json.loads(Path("plan.json").read_text())
    changes = plan["portals"][0]["changes"]
    plan["portals"][0]["changes"] = sorted(changes, key=lambda change: change["op"] != "approve")
    write(sealed(plan))
    done = portalctl("apply", "plan.json", "--yes", env={"KONNECT_TOKEN": bench.sim.token})
    assert done.code == 65
    assert "is not in the order of writing" in done.err
    assert bench.writes == []


def test_where_every_approval_fails_nothing_is_taken_away(bench: Bench) -> None:
    """The memberships of developers who stay pending grant nothing."""
    fill(bench)
    bench.people(approved=["leaver@club.example"])
    rules = RULES.replace("reinstate: true", "reinstate: true, allow_delete: true")
    bench.manifest(rules + "overrides: [{developer: leaver@club.example, status: absent, reason: Left}]\n")
    bench.sim.inject(Fault("status", method="PATCH", status=403))
    done = apply(bench, "--allow-delete")
    assert done.code == 4
    assert len([write for write in bench.writes if write.startswith("POST")]) == 6
    assert results()["delete_developer:leaver@club.example"][0] == "skipped"
    assert bench.status("leaver@club.example") == "approved"
