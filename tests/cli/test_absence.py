"""What the portal does not show is no proof: a removal counts as done only where it was seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from portalctl.simulator.behaviour import Behaviour
from portalctl.simulator.faults import Fault
from portalctl.simulator.server import Request
from tests.cli.test_saved_plans import sealed
from tests.conftest import PORTAL_ID, Bench, portalctl

BenchMaker = Callable[..., Bench]
ANN, BOB = "ann@club.example", "bob@club.example"
TEAM = (
    f"teams: [{{name: reds, membership: exclusive, members: [{BOB}]}}]\npolicy: {{limits: {{team_percent: 100}}}}\n"
)
REVOKE = (
    "policy: {on_revoke: revoke_registrations, limits: {removals_percent: 100, team_percent: 100}}\n"
    f"overrides: [{{developer: {ANN}, status: revoked, reason: left}}]\n"
)
NOBODY = "ffffffff-0000-4000-8000-000000000000"

pytestmark = pytest.mark.usefixtures("quick")


def report() -> list[Any]:
    """The results in the report of an apply."""
    results: list[Any] = json.loads(Path("report.json").read_text(encoding="utf-8"))["portals"][0]["changes"]
    return results


def results() -> dict[str, str]:
    """What became of the changes, by operation."""
    return {change["id"].partition(":")[0]: change["result"] for change in report()}


# Members


def fill_team(bench: Bench) -> Bench:
    bench.people(approved=[ANN, BOB])
    bench.team("reds", ANN, BOB)
    bench.manifest(TEAM)
    return bench


def test_a_404_for_the_teams_of_an_account_that_is_there_is_not_a_removal(make_bench: BenchMaker) -> None:
    bench = fill_team(make_bench(faults=[Fault("status", status=404, path="*/developers/*/teams")]))
    done = bench.run("apply", "--yes", "--report", "report.json", "--confirm-timeout", "0.2")
    assert done.code == 4
    assert results() == {"remove_member": "skipped"}
    assert "404" in report()[0]["detail"]
    assert (bench.members("reds"), bench.writes) == ({ANN, BOB}, [])


def test_a_404_for_the_teams_of_an_account_that_is_gone_is_not_a_failed_read(bench: Bench) -> None:
    fill_team(bench)
    bench.sim.once(
        lambda request: request.path.endswith(f"{bench.emails[ANN]}/teams"),
        lambda: bench.sim.store.delete_developer(bench.emails[ANN]),
    )
    done = bench.run("apply", "--yes", "--report", "report.json", "--confirm-timeout", "0.2")
    assert done.code == 4
    assert "is gone" in report()[0]["detail"]
    assert bench.writes == []


@pytest.mark.wide(2)
@pytest.mark.parametrize("path", ["*/teams/*/developers", "*/teams"])
@pytest.mark.parametrize("after", [0, 1])
def test_a_404_for_a_list_of_members_or_teams_is_a_failed_read(make_bench: BenchMaker, path: str, after: int) -> None:
    bench = fill_team(make_bench(faults=[Fault("status", status=404, path=path, after=after)]))
    done = bench.run("apply", "--yes", "--confirm-timeout", "0.2")
    assert (done.code, bench.writes) == (1, [])
    assert "404" in done.err


@pytest.mark.wide(1)
@pytest.mark.parametrize("after", [0, 1])
def test_a_404_for_the_roles_of_a_team_is_a_failed_read(make_bench: BenchMaker, after: int) -> None:
    bench = make_bench(faults=[Fault("status", status=404, path="*/assigned-roles", after=after)])
    bench.team("reds")
    bench.sim.store.add_role(bench.teams["reds"], entity_id=NOBODY)
    bench.manifest("teams: [{name: reds, roles: []}]\n")
    done = bench.run("apply", "--yes", "--confirm-timeout", "0.2")
    assert (done.code, bench.writes) == (1, [])
    assert "404" in done.err


# Registrations


def fill_registration(bench: Bench) -> tuple[str, str]:
    """A plan to revoke Ann and her registration; the ids of the application and the registration."""
    bench.people(approved=[ANN, BOB])
    bench.team("reds", ANN)
    app = bench.sim.store.add_application(PORTAL_ID, "Shop", bench.emails[ANN])
    registration = bench.sim.store.add_registration(app)
    bench.manifest(REVOKE)
    planned = bench.run("plan", "--out", "plan.json")
    assert planned.code == 0, planned.err
    assert "revoke_registration" in Path("plan.json").read_text(encoding="utf-8")
    bench.sim.clear_log()
    return app, registration


def apply(bench: Bench, *words: str) -> Any:
    env = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    return portalctl("apply", "plan.json", "--yes", "--confirm-timeout", "0.2", *words, env=env)


def live_status(bench: Bench, registration: str) -> str:
    rows = bench.sim.store.registrations(PORTAL_ID)
    return next(str(row["status"]) for row in rows if row["id"] == registration)


@pytest.mark.wide(1)
@pytest.mark.parametrize("owner", ["team", "developer"])
@pytest.mark.parametrize("told", [True, False])
def test_a_registration_whose_application_has_a_new_owner_makes_the_plan_stale(
    make_bench: BenchMaker, owner: str, told: bool
) -> None:
    bench = make_bench(behaviour=Behaviour(application_owner=told))
    app, registration = fill_registration(bench)
    new_owner = bench.teams["reds"] if owner == "team" else bench.emails[BOB]
    bench.sim.store.set_owner(app, new_owner, owner)
    done = apply(bench)
    assert (done.code, bench.writes) == (3, [])
    assert "the plan is stale" in done.err
    assert (f"{owner} {new_owner}" if told else "another developer or a team") in done.err
    assert live_status(bench, registration) == "approved"


def test_a_new_owner_just_before_the_write_is_seen(bench: Bench) -> None:
    app, registration = fill_registration(bench)
    looks = count(1)

    def is_second_look(request: Request) -> bool:
        return request.path.endswith("/application-registrations") and next(looks) == 2

    bench.sim.once(is_second_look, lambda: bench.sim.store.set_owner(app, bench.teams["reds"]))
    done = apply(bench, "--report", "report.json")
    assert done.code == 4
    assert results()["revoke_registration"] == "skipped"
    assert live_status(bench, registration) == "approved"


@pytest.mark.slow
@pytest.mark.parametrize("status", ["revoked", "rejected"])
def test_a_registration_that_was_ended_by_hand_counts_as_done(bench: Bench, status: str) -> None:
    _, registration = fill_registration(bench)
    bench.sim.store.set_registration_status(registration, status)
    done = apply(bench, "--report", "report.json")
    assert done.code == 0
    assert results() == {"revoke_registration": "confirmed", "revoke": "confirmed"}
    assert live_status(bench, registration) == status
    assert not any("registrations" in write for write in bench.writes)


@pytest.mark.slow
def test_a_registration_that_went_with_its_application_counts_as_done(bench: Bench) -> None:
    app, _ = fill_registration(bench)
    headers = {"Authorization": f"Bearer {bench.sim.token}"}
    assert httpx.delete(f"{bench.sim.url}/v3/portals/{PORTAL_ID}/applications/{app}", headers=headers).is_success
    bench.sim.clear_log()
    done = apply(bench, "--report", "report.json")
    assert done.code == 0
    assert results() == {"revoke_registration": "confirmed", "revoke": "confirmed"}


@pytest.mark.slow
def test_a_registration_that_a_list_leaves_out_is_still_revoked(bench: Bench) -> None:
    app, registration = fill_registration(bench)
    ann, reds = bench.emails[ANN], bench.teams["reds"]
    bench.sim.once(
        lambda request: request.path.endswith("/application-registrations"),
        lambda: bench.sim.store.set_owner(app, reds),
    )
    bench.sim.once(
        lambda request: request.path.endswith(f"/registrations/{registration}"),
        lambda: bench.sim.store.set_owner(app, ann, "developer"),
    )
    done = apply(bench, "--report", "report.json")
    assert done.code == 0, done.err
    assert results() == {"revoke_registration": "confirmed", "revoke": "confirmed"}
    assert live_status(bench, registration) == "revoked"


@pytest.mark.slow
def test_a_registration_that_never_existed_makes_the_plan_stale(bench: Bench) -> None:
    _, registration = fill_registration(bench)
    plan = Path("plan.json").read_text(encoding="utf-8").replace(registration, NOBODY)
    Path("plan.json").write_text(json.dumps(sealed(json.loads(plan))), encoding="utf-8")
    done = apply(bench)
    assert (done.code, bench.writes) == (3, [])
    assert "the plan is stale" in done.err


@pytest.mark.wide(1)
@pytest.mark.parametrize("path", ["*/application-registrations", "*/applications"])
def test_a_404_for_a_list_of_registrations_or_applications_is_a_failed_read_where_one_is_to_end(
    bench: Bench, path: str
) -> None:
    """It is not "has no registrations": a plan ends with an error, from the files and from a saved plan."""
    _, registration = fill_registration(bench)
    bench.sim.inject(Fault("status", status=404, path=path, method="GET"))
    planned = bench.run("plan")
    assert (planned.code, "404" in planned.err) == (1, True)
    applied = bench.run("apply", "--yes", "--confirm-timeout", "0.2")
    assert (applied.code, "404" in applied.err) == (1, True)
    done = apply(bench)
    assert (done.code, "404" in done.err) == (1, True)
    assert bench.writes == []
    assert live_status(bench, registration) == "approved"


@pytest.mark.wide(1)
@pytest.mark.parametrize("path", ["*/application-registrations", "*/applications"])
def test_a_404_for_such_a_list_just_before_the_write_is_no_end_of_a_registration(bench: Bench, path: str) -> None:
    _, registration = fill_registration(bench)
    bench.sim.inject(Fault("status", status=404, path=path, method="GET", after=1))
    done = apply(bench, "--report", "report.json")
    assert done.code == 4
    assert results()["revoke_registration"] == "skipped"
    assert "404" in report()[0]["detail"]
    assert live_status(bench, registration) == "approved"


def test_a_404_for_the_list_of_registrations_after_the_write_leaves_it_unknown(bench: Bench) -> None:
    """Nothing is confirmed that was not seen."""
    _, registration = fill_registration(bench)

    def hook(request: Request) -> None:
        if request.method == "PATCH" and request.path.endswith(registration):
            bench.sim.inject(Fault("status", status=404, path="*/application-registrations", method="GET"))

    bench.sim.on_request(hook)
    done = apply(bench, "--report", "report.json")
    assert done.code == 4
    assert results()["revoke_registration"] == "unknown"
    assert live_status(bench, registration) == "revoked"


@pytest.mark.slow
@pytest.mark.parametrize("path", ["*/application-registrations", "*/applications"])
def test_a_404_for_such_a_list_is_a_notice_where_registrations_are_only_reported(bench: Bench, path: str) -> None:
    fill_registration(bench)
    bench.manifest(REVOKE.replace("revoke_registrations", "report"))
    bench.sim.inject(Fault("status", status=404, path=path, method="GET"))
    (portal,) = bench.run("plan", "-o", "json").json["portals"]
    assert [change["op"] for change in portal["changes"]] == ["revoke"]
    assert "registrations_unread" in [notice["code"] for notice in portal["notices"]]


@pytest.mark.wide(1)
@pytest.mark.parametrize("owner", ["team", "developer"])
def test_a_404_for_an_application_that_the_list_has_is_not_its_end(bench: Bench, owner: str) -> None:
    """All single reads answer 404 while a list of registrations leaves this one out."""
    app, registration = fill_registration(bench)
    bench.sim.store.set_owner(app, bench.teams["reds"] if owner == "team" else bench.emails[BOB], owner)
    bench.sim.inject(Fault("status", status=404, path="*/applications/*", method="GET"))
    done = apply(bench)
    assert (done.code, bench.writes) == (1, [])
    assert f"404 for application {app}, but lists it" in done.err
    assert live_status(bench, registration) == "approved"


@pytest.mark.wide(1)
@pytest.mark.parametrize(
    "path", ["*/applications/*/registrations/*", "*/application-registrations", "*/applications/*"]
)
@pytest.mark.parametrize("status", [403, 500])
def test_what_cannot_be_read_of_a_registration_ends_the_run(bench: Bench, path: str, status: int) -> None:
    app, _ = fill_registration(bench)
    bench.sim.store.set_owner(app, bench.teams["reds"])
    bench.sim.inject(Fault("status", status=status, path=path, method="GET"))
    done = apply(bench)
    assert (done.code, bench.writes) == (1, [])
    assert str(status) in done.err


def test_a_404_for_all_that_a_registration_belongs_to_is_seen_as_its_end_only_with_the_application(
    bench: Bench,
) -> None:
    """A 404 for the registration alone, whose application is there, is not its end."""
    app, _ = fill_registration(bench)
    bench.sim.store.set_owner(app, bench.teams["reds"])
    bench.sim.inject(Fault("status", status=404, path="*/applications/*/registrations/*", method="GET"))
    done = apply(bench)
    assert (done.code, bench.writes) == (3, [])
