"""The ages of pending sign-ups in plan, drift and metrics, and the owners of rules that end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import PORTAL_ID, Bench, portalctl

pytestmark = pytest.mark.usefixtures("quick")
RULES = "trusted_domains: [city.example]\n"
WORDS = "pending sign-ups: oldest 10 days, median 4 days"
DAY = 24 * 3600


@pytest.fixture
def portal(bench: Bench) -> Bench:
    now = datetime.now(UTC) - timedelta(hours=1)
    for days, address in ((2, "a@city.example"), (4, "b@other.example"), (10, "c@city.example")):
        created = (now - timedelta(days=days)).isoformat()
        bench.sim.store.add_developer(PORTAL_ID, address, status="pending", created_at=created)
    long_ago = (now - timedelta(days=300)).isoformat()
    bench.sim.store.add_developer(PORTAL_ID, "d@city.example", status="approved", created_at=long_ago)
    bench.manifest(RULES)
    return bench


def test_plan_and_drift_have_the_same_ages_in_all_forms(portal: Bench) -> None:
    (planned,) = portal.run("plan", "-o", "json").json["portals"]
    (drift,) = portal.run("drift", "-o", "json").json["portals"]
    for ages in (planned["pending"], drift["pending"]):
        assert ages["developers"] == 3
        assert 10 * DAY <= ages["oldest_seconds"] < 11 * DAY
        assert 4 * DAY <= ages["median_seconds"] < 5 * DAY
    for command in ("plan", "drift"):
        for form in ("text", "markdown", "html"):
            assert WORDS in portal.run(command, "-o", form).out, (command, form)
    found = metrics(portal)
    assert 10 * DAY <= found["portalctl_pending_oldest_seconds"] < 11 * DAY
    assert 4 * DAY <= found["portalctl_pending_median_seconds"] < 5 * DAY
    assert portal.run("plan", "--out", "plan.json").code == 0
    assert WORDS in portalctl("show", "plan.json").out
    assert portal.run("apply", "--yes").code == 0
    (left,) = portal.run("plan", "-o", "json").json["portals"]
    assert left["pending"]["developers"] == 1


def test_the_plan_is_the_same_plan_when_the_ages_change(portal: Bench) -> None:
    first = portal.run("plan", "-o", "json").json["digest"]
    (stranger,) = [row["id"] for row in portal.sim.store.developers(PORTAL_ID) if row["email"] == "b@other.example"]
    portal.sim.store.set_developer(stranger, created_at="2020-01-01T00:00:00Z")
    assert portal.run("plan", "-o", "json").json["digest"] == first


def test_without_pending_sign_ups_or_times_there_is_no_age(bench: Bench) -> None:
    bench.people(approved=["a@city.example"])
    bench.manifest(RULES)
    assert "pending" not in bench.run("plan", "-o", "json").json["portals"][0]
    assert metrics(bench) == {}
    bench.people(pending=["b@other.example"])
    assert "oldest" not in bench.run("plan").out, "a recent sign-up is not mentioned"
    assert bench.run("plan", "-o", "json").json["portals"][0]["pending"]["developers"] == 1
    assert metrics(bench).keys() == {"portalctl_pending_oldest_seconds", "portalctl_pending_median_seconds"}
    bench.sim.store.set_developer(bench.emails["b@other.example"], created_at="")
    assert "pending" not in bench.run("drift", "-o", "json").json["portals"][0]
    assert metrics(bench) == {}, "an unknown age is not zero"


def metrics(bench: Bench) -> dict[str, float]:
    """The metrics of pending sign-ups of the portal."""
    assert bench.run("drift", "--metrics", "drift.prom").code in {0, 2}
    lines = Path("drift.prom").read_text().splitlines()
    found = (line.split('{portal="partners"} ') for line in lines if line.startswith("portalctl_pending_"))
    return {name: float(value) for name, value in found}


def test_the_owner_of_a_rule_is_shown_where_it_ends(bench: Bench) -> None:
    soon = str(datetime.now(UTC).date() + timedelta(days=5))
    bench.manifest(f"""
trusted_domains: [{{domain: city.example, owner: "@domains", expires: {soon}}}]
denied_domains: [{{domain: evil.example, owner: "@denials", expires: {soon}}}]
teams: [{{name: city, members: [{{developer: a@x.example, owner: "@members", expires: {soon}}}]}}]
overrides: [{{developer: b@x.example, status: approved, reason: Pilot, owner: "@overrides", expires: {soon}}}]
access_requests: [{{products: [F], domains: [city.example], status: approved, owner: "@requests", expires: {soon}}}]
""")
    found = bench.run("validate").err
    planned = bench.run("plan").out
    for owner in ("@domains", "@denials", "@members", "@overrides", "@requests"):
        assert f"its owner is {owner}" in found, owner
        assert f"its owner is {owner}" in planned, owner
    (bench.folder / "list.csv").write_text(f"developer,expires,owner\nc@x.example,{soon},@lists\n")
    bench.manifest("teams: [{name: city, members_from: list.csv}]\n")
    assert "its owner is @lists" in bench.run("validate").err
