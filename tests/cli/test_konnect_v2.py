"""Classic portals (`provider: konnect-v2`), through the command line: the same rules and engine, by API v2 only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from portalctl.simulator.behaviour import Behaviour
from portalctl.simulator.faults import Fault
from portalctl.simulator.server import Simulator
from tests import vendor
from tests.conftest import HEAD, PORTAL_ID, WRITES, Bench, portalctl

pytestmark = pytest.mark.slow  # many cases, each with a simulator of its own

HEAD_V2 = HEAD.replace("provider: konnect\n", "provider: konnect-v2\n")
RULES = """
trusted_domains:
  - domain: liverpoolfc.com
    teams: [reds]
teams:
  - name: reds
    description: Liverpool FC
    members:
      - guest@agency.example
  - name: gunners
    description: Arsenal
    membership: exclusive
    members: []
overrides:
  - developer: peter@arsenal.com
    status: revoked
    reason: "Left the club"
"""


@pytest.fixture
def classic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A classic portal beside a v3 one. Every request sent to it is one of API v2, and as its document says."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "portals"
    folder.mkdir()
    seed = {
        "portals": [
            {"id": PORTAL_ID, "name": "partners", "classic": True},
            {"name": "modern"},
        ]
    }
    with Simulator(seed, behaviour=Behaviour(description_unset="absent")) as sim:
        bench = Bench(sim, folder)
        bench.people(
            pending=["john@liverpoolfc.com", "stranger@nowhere.org"],
            approved=["mo@liverpoolfc.com", "peter@arsenal.com", "guest@agency.example"],
            revoked=["mallory@liverpoolfc.com"],
        )
        bench.team("gunners", "peter@arsenal.com")
        (folder / "partners.yaml").write_text(HEAD_V2 + RULES, encoding="utf-8")
        yield bench
        assert {exchange.path.split("/")[1] for exchange in sim.log} <= {"v2"}
        if os.environ.get("PORTALCTL_SPECS"):
            for exchange in sim.log:
                vendor.check_request(exchange)


def test_plan_tells_the_provider_and_reads_no_more_than_it_must(classic: Bench) -> None:
    done = classic.run("plan", "-o", "json")
    assert done.code == 0, done.err
    (portal,) = done.json["portals"]
    assert (portal["provider"], portal["portal_id"]) == ("konnect-v2", PORTAL_ID)
    assert [change["id"] for change in portal["changes"]] == [
        "create_team:reds",
        "update_team:gunners",
        "add_member:guest@agency.example:reds",
        "add_member:john@liverpoolfc.com:reds",
        "add_member:mo@liverpoolfc.com:reds",
        "approve:john@liverpoolfc.com",
        "revoke:peter@arsenal.com",
        "remove_member:peter@arsenal.com:gunners",
    ]
    assert {notice["code"] for notice in portal["notices"]} == {"withheld"}
    assert classic.writes == []
    here = f"/v2/portals/{PORTAL_ID}"
    gunners = classic.teams["gunners"]
    assert sorted(exchange.path for exchange in classic.sim.log) == sorted(
        [
            here,
            f"{here}/authentication-settings",
            f"{here}/teams",
            f"{here}/developers",
            f"{here}/teams/{gunners}/developers",
            f"{here}/application-registrations",
        ]
    )


def test_a_plan_from_a_snapshot_is_the_live_one(classic: Bench) -> None:
    assert classic.run("snapshot", "--out", "s.json").code == 0
    live, saved = (classic.run("plan", "-o", "json", *words).json for words in ((), ("--snapshot", "s.json")))
    assert saved["portals"][0]["changes"] == live["portals"][0]["changes"] != []


def test_apply_then_an_empty_plan_and_no_drift(classic: Bench) -> None:
    done = classic.run("apply", "--yes")
    assert done.code == 0, done.err
    assert "Applied: 8 changes confirmed" in done.out
    assert classic.status("john@liverpoolfc.com") == "approved"
    assert classic.status("peter@arsenal.com") == "revoked"
    assert classic.status("mallory@liverpoolfc.com") == "revoked"
    assert classic.status("stranger@nowhere.org") == "pending"
    assert classic.members("reds") == {"john@liverpoolfc.com", "mo@liverpoolfc.com", "guest@agency.example"}
    assert classic.members("gunners") == set()
    assert len([exchange for exchange in classic.sim.log if exchange.method in WRITES]) == 8

    plan = classic.run("plan", "--detailed-exitcode", "-o", "json")
    assert (plan.code, plan.json["portals"][0]["changes"]) == (0, [])


def test_drift_names_what_was_changed_by_hand(classic: Bench) -> None:
    classic.run("apply", "--yes")
    classic.sim.store.set_status(classic.emails["peter@arsenal.com"], "approved")
    done = classic.run("drift", "-o", "json")
    assert done.code == 2
    found = [(finding["kind"], finding["developer"]) for finding in done.json["portals"][0]["findings"]]
    assert ("unexpected_grant", "peter@arsenal.com") in found


def test_what_the_portal_does_by_itself_is_said(classic: Bench) -> None:
    classic.sim.store.set_portal(PORTAL_ID, auto_approve_developers=True, rbac_enabled=False)
    classic.sim.store.set_settings(PORTAL_ID, oidc_auth_enabled=True)
    codes = {notice["code"] for notice in classic.run("plan", "-o", "json").json["portals"][0]["notices"]}
    assert {"auto_approve_developers", "rbac_off", "single_sign_on"} <= codes


def test_team_mapping_by_the_identity_provider_refuses_here_too(classic: Bench) -> None:
    classic.sim.store.set_settings(PORTAL_ID, idp_mapping_enabled=True)
    done = classic.run("apply", "--yes")
    assert done.code == 3
    assert classic.writes == []


def test_the_portal_is_found_by_its_title_among_classic_ones(classic: Bench) -> None:
    rules = HEAD_V2.replace(f"id: {PORTAL_ID}", "title: {}") + "trusted_domains: [liverpoolfc.com]\n"
    manifest = classic.folder / "partners.yaml"
    manifest.write_text(rules.replace("{}", "partners"), encoding="utf-8")
    assert classic.run("plan", "-o", "json").json["portals"][0]["portal_id"] == PORTAL_ID
    manifest.write_text(rules.replace("{}", "modern"), encoding="utf-8")
    done = classic.run("plan")
    assert done.code == 1
    assert f"portals there: partners ({PORTAL_ID})" in done.err
    assert "provider: konnect-v2" in done.err


def test_a_saved_plan_is_carried_out_by_the_api_it_was_made_with(classic: Bench) -> None:
    classic.run("plan", "--out", "plan.json")
    env = {"KONNECT_SERVER_URL": classic.sim.url, "KONNECT_TOKEN": classic.sim.token}
    done = portalctl("apply", "plan.json", "--yes", env=env)
    assert done.code == 0, done.err
    assert "Applied: 8 changes confirmed" in done.out


@pytest.mark.usefixtures("quick")
def test_a_read_that_is_not_complete_writes_nothing(classic: Bench) -> None:
    classic.sim.inject(Fault("lose-row", path="/v2/*/developers"))
    done = classic.run("apply", "--yes")
    assert done.code == 1
    assert "can't be read completely" in done.err
    assert classic.writes == []
