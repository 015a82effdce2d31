"""The controller on a simulated portal: modes, held plans, what stops it from writing, wake-ups."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from portalctl.controller.models import PortalView, Suspension
from portalctl.controller.schedule import LOOKS
from portalctl.simulator.faults import Fault
from tests.conftest import PORTAL_ID, Bench
from tests.controller.running import Running, Starter, until

RULES = """
trusted_domains:
  - {domain: city.example, teams: [city]}
teams:
  - {name: city, membership: exclusive}
"""
ANN, BOB, EVE = "ann@city.example", "bob@city.example", "eve@other.example"


def prepared(bench: Bench) -> None:
    """Add a sign-up that the rules approve, and a team member without a rule."""
    bench.people(pending=[ANN], approved=[EVE])
    bench.team("city", EVE)
    bench.manifest(RULES)


def test_without_a_mode_nothing_is_written(bench: Bench, starter: Starter) -> None:
    prepared(bench)
    with starter("observe") as running:
        assert running.view().state == "drifted"
        assert running.view().pending == 1
    assert bench.writes == []


@pytest.mark.slow
def test_onboard_grants_and_removes_nothing(bench: Bench, starter: Starter) -> None:
    prepared(bench)
    with starter("onboard") as running:
        assert running.view().held is None
    assert bench.status(ANN) == "approved"
    assert bench.members("city") == {ANN, EVE}


def test_a_removal_is_held_until_it_is_approved(bench: Bench, starter: Starter) -> None:
    prepared(bench)
    with starter("full") as running:
        held = running.view().held
        assert running.view().state == "held"
        assert held is not None
        assert bench.members("city") == {ANN, EVE}
        same = running.run_again().held
        assert same is not None
        assert (same.digest, same.started_at) == (held.digest, held.started_at)
        running.store.decide(held.digest, "approved", "carol", datetime.now(UTC))
        after = running.run_again(trigger="approval")
        assert after.held is None
        assert after.state == "drifted"  # eve is approved by no rule
        kept = running.store.plan(held.digest)
        assert kept is not None
        assert kept.state == "applied"
    assert bench.members("city") == {ANN}
    assert [message["state"] for message in running.sent] == ["held", "drifted"]


@pytest.mark.slow
def test_another_line_or_another_teams_commit_leaves_the_digest(bench: Bench, starter: Starter) -> None:
    prepared(bench)
    with starter("full") as running:
        held = running.view().held
        bench.manifest("\n# a comment\n" + RULES.replace("city.example,", "city.example, reason: new,"))
        bench.people(pending=[BOB])
        until(lambda: pushed(running) is not None and bench.status(BOB) == "approved")
        until(lambda: running.view().held is not None)
        now = running.view().held
        assert held is not None
        assert now is not None
        assert now.digest == held.digest
        assert now.started_at == held.started_at


@pytest.mark.slow
def test_an_approved_plan_that_no_longer_stands_is_stale(bench: Bench, starter: Starter) -> None:
    prepared(bench)
    with starter("full") as running:
        held = running.view().held
        assert held is not None
        bench.sim.store.remove_member(bench.teams["city"], bench.emails[EVE])
        running.store.decide(held.digest, "approved", "carol", datetime.now(UTC))
        assert "stale" in running.run_again(trigger="approval").problems[0]
        assert [write for write in bench.writes if write.startswith("DELETE")] == []


@pytest.mark.slow
def test_a_rejected_plan_is_not_held_again_until_a_file_of_it_changes(bench: Bench, starter: Starter) -> None:
    prepared(bench)
    with starter("full") as running:
        held = running.view().held
        assert held is not None
        running.store.decide(held.digest, "rejected", "carol", datetime.now(UTC))
        assert running.run_again().held is None
        bench.manifest(RULES + "\n# changed\n")
        until(lambda: pushed(running).held is not None)
    assert bench.members("city") == {ANN, EVE}


@pytest.mark.slow
def test_removals_over_the_limits_are_refused_and_cannot_be_approved(bench: Bench, starter: Starter) -> None:
    bench.people(pending=[ANN], approved=[f"p{number}@other.example" for number in range(12)])
    bench.team("city", *(f"p{number}@other.example" for number in range(12)))
    bench.manifest(RULES)
    with starter("full") as running:
        assert running.view().state == "failing"
        assert any("would lose access" in problem for problem in running.view().problems)
        assert running.view().held is None
    assert bench.status(ANN) == "approved"  # the refusal does not stop grants
    assert len(bench.members("city")) == 13


@pytest.mark.slow
def test_a_portal_that_is_new_is_observed_until_it_is_resumed(bench: Bench, starter: Starter) -> None:
    bench.manifest(RULES)
    with starter("full"):
        pass
    bench.people(pending=[ANN])
    other = bench.sim.store.add_portal("fans")
    text = (bench.folder / "partners.yaml").read_text()
    (bench.folder / "fans.yaml").write_text(text.replace("name: partners", "name: fans").replace(PORTAL_ID, other))
    bench.sim.store.add_developer(other, BOB, status="pending")
    with starter("full") as running:
        assert bench.status(ANN) == "approved"
        assert [person["status"] for person in bench.sim.store.developers(other)] == ["pending"]
        key = running.view("fans").key
        assert key is not None
        running.store.resume(key, "carol", datetime.now(UTC))
        running.run_again("fans")
        assert [person["status"] for person in bench.sim.store.developers(other)] == ["approved"]


@pytest.mark.slow
def test_a_suspended_portal_is_read_and_not_written_to(bench: Bench, starter: Starter) -> None:
    bench.manifest(RULES)
    with starter("full") as running:
        key = running.view().key
        assert key is not None
        now = datetime.now(UTC)
        running.store.suspend(key, Suspension("incident", "carol", now, now + timedelta(hours=1)))
        bench.people(pending=[ANN])
        assert running.run_again().state == "suspended"
        assert bench.status(ANN) == "pending"
    with starter("full") as again:  # it survives a restart
        assert again.view().state == "suspended"
        running.store.resume(key, "carol", now)
        again.run_again()
    assert bench.status(ANN) == "approved"


@pytest.mark.slow
@pytest.mark.parametrize("change", ["emptied", "many"])
def test_a_sudden_change_stops_writing_until_it_is_resumed(bench: Bench, starter: Starter, change: str) -> None:
    people = [f"p{number}@city.example" for number in range(20)]
    bench.people(approved=people)
    bench.manifest(RULES)
    with starter("full") as running:
        writes = len(bench.writes)
        for address in people if change == "emptied" else people[:10]:
            bench.sim.store.delete_developer(bench.emails[address])
        bench.people(pending=[ANN] if change == "many" else [])
        view = running.run_again()
        assert view.state == "failing"
        assert "portalctl resume partners" in view.problems[0]
        assert running.run_again().state == "failing"  # not only once
        assert len(bench.writes) == writes
        key = view.key
        assert key is not None
        running.store.resume(key, "carol", datetime.now(UTC))
        assert running.run_again().problems == ()


@pytest.mark.slow
def test_a_portal_is_not_read_while_another_apply_has_its_lease(bench: Bench, starter: Starter) -> None:
    bench.manifest(RULES)
    with starter("full") as running:
        key = running.view().key
        assert key is not None
        assert running.store.take_lease(key, "ci", 3600, datetime.now(UTC)) is not None
        bench.people(pending=[ANN])
        reads, runs = len(bench.reads), running.runs()
        running.wake()
        until(lambda: bool(running.events("waits")))
        assert (running.runs(), bench.status(ANN)) == (runs, "pending")
        assert len(bench.reads) == reads + 1, "the poll before a run, and nothing else"
        assert running.view().problems == ()
        running.store.release_lease(key, "ci")
        running.run_again()
    assert bench.status(ANN) == "approved"


@pytest.mark.slow
def test_a_change_that_is_undone_twice_stops_for_that_developer(bench: Bench, starter: Starter) -> None:
    bench.people(pending=[ANN])
    bench.manifest(RULES)
    with starter("full") as running:
        for _ in range(2):
            bench.sim.store.remove_member(bench.teams.get("city") or _team(bench), bench.emails[ANN])
            running.run_again()
        bench.people(pending=[BOB])
        view = running.run_again()
        assert view.state in {"in_sync", "drifted"}
        bench.sim.store.remove_member(_team(bench), bench.emails[ANN])
        view = running.run_again()
        assert view.state == "drifted"
        assert view.contested == 1
        assert running.events("contested")[0]["change"] == "add_member"
    assert bench.members("city") == {BOB}  # ann is contested, bob is not


def pushed(running: Running) -> PortalView:
    """Let the controller look at the files, and return what it shows."""
    running.controller.loop.push()
    return running.view()


def _team(bench: Bench) -> str:
    return next(str(team["id"]) for team in bench.sim.store.teams(PORTAL_ID) if team["name"] == "city")


@pytest.mark.slow
def test_a_poll_finds_a_sign_up_and_a_pending_one_does_not_run_again(bench: Bench, starter: Starter) -> None:
    bench.people(pending=[EVE])
    bench.manifest(RULES)
    with starter("onboard", poll=0.1) as running:
        runs = running.runs()
        polls = len(bench.reads)
        until(lambda: len(bench.reads) > polls + 5)
        assert running.runs() == runs  # eve stays pending by policy
        bench.people(pending=[ANN])
        until(lambda: bench.status(ANN) == "approved")
        until(lambda: running.runs() == runs + 1)


@pytest.mark.slow
def test_an_event_leads_to_looks_until_the_sign_up_is_visible(bench: Bench, starter: Starter) -> None:
    bench.manifest(RULES)
    with starter("onboard") as running:
        running.wake(trigger="event")
        time.sleep(0.3)
        bench.people(pending=[ANN])  # the portal shows it later than the event
        began = time.monotonic()
        until(lambda: bench.status(ANN) == "approved")
        assert time.monotonic() - began < LOOKS[0] + 2


@pytest.mark.slow
def test_events_during_a_run_lead_to_one_more(bench: Bench, starter: Starter) -> None:
    bench.manifest(RULES)
    with starter("onboard") as running:
        runs = running.runs()
        for _ in range(100):
            running.wake()
        until(lambda: running.runs() > runs)
        time.sleep(0.5)
        assert running.runs() <= runs + 2


@pytest.mark.slow
def test_one_portals_failure_never_stops_the_others(bench: Bench, starter: Starter) -> None:
    bench.manifest(RULES)
    text = (bench.folder / "partners.yaml").read_text()
    missing = text.replace("name: partners", "name: fans").replace(PORTAL_ID, "00000000-0000-4000-8000-00000000dead")
    (bench.folder / "fans.yaml").write_text(missing)
    bench.people(pending=[ANN])
    with starter("onboard", ready=False) as running:
        until(lambda: bench.status(ANN) == "approved")
        until(lambda: running.view("fans").state == "failing" and running.view("fans").last_run is not None)
        assert "00000000-0000-4000-8000-00000000dead" in running.view("fans").problems[0]


@pytest.mark.slow
def test_a_portal_that_fails_is_announced_once_and_once_when_it_has_recovered(bench: Bench, starter: Starter) -> None:
    bench.manifest(RULES)
    with starter("onboard") as running:
        bench.sim.inject(Fault("status", method="GET", path="*", times=None, status=403))
        for _ in range(5):
            running.run_again()
        bench.sim.clear_faults()
        running.run_again()
        assert [message["state"] for message in running.sent] == ["failing", "in_sync"]


@pytest.mark.slow
def test_a_token_that_is_refused_is_tried_again_by_the_next_run(
    bench: Bench, starter: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.manifest(RULES)
    with starter("onboard") as running:
        monkeypatch.setenv("KONNECT_TOKEN", "kpat_other")
        assert running.run_again().state == "failing"
        assert "kpat_other" not in running.log.getvalue()
        monkeypatch.setenv("KONNECT_TOKEN", bench.sim.token)
        assert running.run_again().state == "in_sync"


@pytest.mark.slow
def test_an_invalid_manifest_keeps_the_last_good_one(bench: Bench, starter: Starter) -> None:
    bench.manifest(RULES)
    with starter("onboard") as running:
        bench.manifest("trusted_domains: 7\n")
        until(lambda: pushed(running).state == "failing")
        assert "portals/partners.yaml:6:18" in running.view().problems[-1]
        bench.people(pending=[ANN])
        running.run_again()
        assert bench.status(ANN) == "approved"  # by the last good manifest
        bench.manifest(RULES)
        until(lambda: pushed(running).state == "in_sync")


@pytest.mark.slow
def test_metrics_count_runs_results_and_requests(bench: Bench, starter: Starter) -> None:
    prepared(bench)
    with starter("full") as running:
        text = running.controller.metrics_text()
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert lines['portalctl_runs_total{portal="partners",state="succeeded"}'] == "1.0"
    assert lines['portalctl_changes_total{portal="partners",result="confirmed"}'] == "2.0"
    assert lines['portalctl_portal_state{portal="partners",state="held"}'] == "1.0"
    assert lines['portalctl_held_plans{portal="partners"}'] == "1.0"
    assert lines["portalctl_manifest_good"] == "1.0"
    assert float(lines['portalctl_api_calls_total{portal="partners"}']) > 3
