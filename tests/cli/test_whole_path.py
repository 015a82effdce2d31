"""Sign-ups on a Konnect portal, let in from a manifest: plan, apply, plan again, drift."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.conftest import PORTAL_ID, Bench, portalctl

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
    membership: exclusive
    members: []
overrides:
  - developer: peter@arsenal.com
    status: revoked
    reason: "Left the club"
"""


@pytest.fixture
def club(bench: Bench) -> Bench:
    bench.people(
        pending=["john@liverpoolfc.com", "stranger@nowhere.org", "early@agency.example"],
        approved=["mo@liverpoolfc.com", "peter@arsenal.com", "guest@agency.example", "old@nowhere.org"],
        revoked=["mallory@liverpoolfc.com"],
    )
    bench.team("gunners", "peter@arsenal.com")
    bench.manifest(RULES)
    return bench


def test_plan_says_who_what_and_why(club: Bench) -> None:
    done = club.run("plan", "-o", "json")
    assert done.code == 0
    (portal,) = done.json["portals"]
    file = "portals/partners.yaml"
    assert [(c["id"], c["class"], c["before"], c["after"]) for c in portal["changes"]] == [
        ("create_team:reds", "structure", None, {"name": "reds", "description": "Liverpool FC"}),
        ("add_member:guest@agency.example:reds", "onboard", {"member": False}, {"member": True}),
        ("add_member:john@liverpoolfc.com:reds", "onboard", {"member": False}, {"member": True}),
        ("add_member:mo@liverpoolfc.com:reds", "onboard", {"member": False}, {"member": True}),
        ("approve:john@liverpoolfc.com", "onboard", {"status": "pending"}, {"status": "approved"}),
        ("revoke:peter@arsenal.com", "offboard", {"status": "approved"}, {"status": "revoked"}),
        ("remove_member:peter@arsenal.com:gunners", "offboard", {"member": True}, {"member": False}),
    ]
    guest, approve, revoke = portal["changes"][1], portal["changes"][4], portal["changes"][5]
    assert approve["why"] == [
        {"rule": "trusted_domains", "value": "liverpoolfc.com", "file": file, "line": 8, "reason": None}
    ]
    assert guest["why"][0]["rule"] == "members"
    assert guest["why"][0]["line"] == 14
    assert (revoke["why"][0]["line"], revoke["why"][0]["reason"]) == (19, "Left the club")
    assert approve["developer"] == {"email": "john@liverpoolfc.com", "id": club.emails["john@liverpoolfc.com"]}
    assert portal["summary"] == {
        "create_team": 1, "approve": 1, "add_member": 3, "revoke": 1, "remove_member": 1,
        "total": 7, "removals": 1, "mails": 2, "unmanaged": 3, "awaited": 0,
    }  # fmt: skip
    assert [(n["code"], n["developer"]) for n in portal["notices"]] == [("withheld", "mallory@liverpoolfc.com")]
    assert portal["portal_id"] == PORTAL_ID
    assert portal["server"] == club.sim.url


def test_plan_sends_nothing_but_get_and_no_more_than_it_must(club: Bench) -> None:
    club.run("plan")
    assert club.writes == []
    gunners = club.teams["gunners"]
    teams = ["GET /teams", "GET /teams"]  # again, for those that may own applications of the one who has left
    assert sorted(club.reads) == sorted(
        [
            "GET ",
            "GET /authentication-settings",
            "GET /email-templates",
            "GET /identity-providers",
            *teams,
            "GET /developers",
            f"GET /teams/{gunners}/developers",
            "GET /application-registrations",
        ]
    )


def test_apply_writes_each_change_once_and_the_next_plan_is_empty(club: Bench) -> None:
    done = club.run("apply", "--yes")
    assert done.code == 0, done.err
    assert "Applied: 7 changes confirmed" in done.out
    assert club.status("john@liverpoolfc.com") == "approved"
    assert club.status("peter@arsenal.com") == "revoked"
    assert club.status("mallory@liverpoolfc.com") == "revoked"
    assert club.status("stranger@nowhere.org") == "pending"
    assert club.members("reds") == {"john@liverpoolfc.com", "mo@liverpoolfc.com", "guest@agency.example"}
    assert club.members("gunners") == set()
    assert len(club.writes) == 7
    assert [mail["email"] for mail in club.sim.store.mails()] == ["john@liverpoolfc.com", "peter@arsenal.com"]

    club.sim.clear_log()
    again = club.run("apply", "--yes")
    assert (again.code, club.writes) == (0, [])
    plan = club.run("plan", "--detailed-exitcode", "-o", "json")
    assert (plan.code, plan.json["portals"][0]["changes"]) == (0, [])


@pytest.mark.slow
def test_membership_comes_before_approval_and_grants_before_removals(club: Bench) -> None:
    club.run("apply", "--yes")
    john, peter = club.emails["john@liverpoolfc.com"], club.emails["peter@arsenal.com"]
    order = [
        (e.method, e.path.rsplit("/", 1)[1], (e.body or {}).get("id")) for e in club.sim.log if e.method != "GET"
    ]
    assert order[0][:2] == ("POST", "teams")
    approved = order.index(("PATCH", john, None))
    joined = order.index(("POST", "developers", john))
    revoked = order.index(("PATCH", peter, None))
    left = order.index(("DELETE", peter, None))
    assert joined < approved < revoked < left


@pytest.mark.slow
def test_drift_tells_hand_made_changes_from_waiting_people(club: Bench) -> None:
    club.run("apply", "--yes")
    club.sim.store.set_status(club.emails["peter@arsenal.com"], "approved")
    club.sim.store.set_status(club.emails["mallory@liverpoolfc.com"], "approved")
    reds = next(team["id"] for team in club.sim.store.teams(PORTAL_ID) if team["name"] == "reds")
    club.sim.store.remove_member(reds, club.emails["john@liverpoolfc.com"])
    club.people(pending=["new@liverpoolfc.com"])
    club.sim.clear_log()

    done = club.run("drift", "-o", "json")
    assert done.code == 2
    assert [(f["kind"], f["developer"], f["team"]) for f in done.json["portals"][0]["findings"]] == [
        ("unexpected_grant", "peter@arsenal.com", None),
        ("unruled_grant", "old@nowhere.org", None),
        ("missing_grant", "john@liverpoolfc.com", "reds"),
        ("missing_grant", "mallory@liverpoolfc.com", "reds"),
        ("backlog", "new@liverpoolfc.com", None),
        ("backlog", "new@liverpoolfc.com", "reds"),
    ]
    assert club.writes == []
    assert club.run("drift", "--fail-on", "setting").code == 0
    assert club.run("drift", "--fail-on", "backlog,setting").code == 2


def test_no_drift_is_exit_0_and_one_line(bench: Bench) -> None:
    bench.manifest("trusted_domains: [liverpoolfc.com]\n")
    bench.people(pending=["john@liverpoolfc.com"])
    done = bench.run("drift")
    assert done.code == 0
    assert done.out == "partners: no drift; 1 sign-up pending\n"


def test_nothing_to_do_is_one_line(bench: Bench) -> None:
    bench.manifest("trusted_domains: [liverpoolfc.com]\n")
    bench.people(approved=["john@liverpoolfc.com"], pending=["x@nowhere.org"])
    host = bench.sim.url.removeprefix("http://")
    done = bench.run("plan", "--detailed-exitcode")
    assert done.code == 0
    assert done.out == f"partners  konnect · {host} · 2 developers: nothing to do (1 matches no rule)\n"


@pytest.mark.slow
def test_detailed_exitcode_is_2_when_something_would_change(club: Bench) -> None:
    assert club.run("plan", "--detailed-exitcode").code == 2
    assert club.run("plan").code == 0


@pytest.mark.slow
def test_only_leaves_out_what_depends_on_what_is_left_out(club: Bench) -> None:
    done = club.run("plan", "--only", "onboard", "-o", "json")
    (portal,) = done.json["portals"]
    assert portal["changes"] == []  # the team is not created, so john is not approved without it
    assert "selection_dropped" in [n["code"] for n in portal["notices"]]
    assert portal["summary"]["removals"] == 0
    both = club.run("plan", "--only", "structure,onboard", "-o", "json")
    assert {c["class"] for c in both.json["portals"][0]["changes"]} == {"structure", "onboard"}
    assert len(both.json["portals"][0]["changes"]) == 5


def test_apply_only_sends_only_that(club: Bench) -> None:
    assert club.run("apply", "--yes", "--only", "offboard").code == 0
    assert [write.split()[0] for write in club.writes] == ["PATCH", "DELETE"]
    assert club.status("john@liverpoolfc.com") == "pending"


def test_out_writes_the_plan_readable_by_its_owner_only(club: Bench, tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    out.write_text("old")
    out.chmod(0o644)
    done = club.run("plan", "--out", str(out), "-o", "json")
    assert out.read_text() == done.out
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".plan")] == []


def test_out_that_cannot_be_written_says_so(club: Bench, tmp_path: Path) -> None:
    done = club.run("plan", "--out", str(tmp_path / "no" / "plan.json"))
    assert done.code == 64
    assert "No such file or directory" in done.err


@pytest.mark.slow
def test_equal_input_gives_equal_bytes_times_aside(club: Bench) -> None:
    def plan() -> str:
        document = club.run("plan", "-o", "json").json
        del document["created_at"], document["portals"][0]["observed_at"]
        return json.dumps(document)

    assert plan() == plan()


def test_json_is_the_whole_of_stdout_and_progress_is_on_stderr(club: Bench) -> None:
    done = club.run("plan", "-o", "json")
    assert done.json["kind"] == "plan"
    assert "read 8 developers" in done.err


def test_without_a_terminal_and_yes_nothing_is_written(club: Bench) -> None:
    done = club.run("apply")
    assert done.code == 3
    assert "--yes" in done.err
    assert club.writes == []


def test_portal_chooses_one_of_several_and_needs_only_its_token(club: Bench) -> None:
    other = club.folder / "other.yaml"
    other.write_text(
        "version: 1\nportal: {name: other, provider: konnect, region: eu, title: Other}\ntrusted_domains: [x.com]\n"
    )
    env = {"PORTALCTL_PARTNERS_TOKEN": club.sim.token, "PORTALCTL_PARTNERS_SERVER": club.sim.url}
    one = portalctl("plan", "-f", str(club.folder), "--portal", "partners", "-o", "json", env=env)
    assert (one.code, [p["name"] for p in one.json["portals"]]) == (0, ["partners"])
    typo = portalctl("plan", "-f", str(club.folder), "--portal", "partner", env=env)
    assert typo.code == 64
    assert "did you mean 'partners'" in typo.err
    both = portalctl("plan", "-f", str(club.folder), env=env)
    assert both.code == 64
    assert "portal other: no token" in both.err


def test_two_portals_in_one_run(club: Bench) -> None:
    second = club.sim.store.add_portal("second")
    club.sim.store.add_developer(second, "kim@x.com", status="pending")
    (club.folder / "second.yaml").write_text(
        "version: 1\nportal: {name: second, provider: konnect, title: second}\ntrusted_domains: [x.com]\n"
    )
    done = club.run("apply", "--yes")
    assert done.code == 0, done.err
    assert [person["status"] for person in club.sim.store.developers(second)] == ["approved"]
    assert "Applied: 8 changes confirmed" in done.out


def test_one_unreadable_portal_stops_all_before_any_write(club: Bench) -> None:
    (club.folder / "second.yaml").write_text(
        "version: 1\nportal: {name: second, provider: konnect, title: second}\ntrusted_domains: [x.com]\n"
    )
    done = club.run("apply", "--yes")
    assert done.code == 1
    assert "no portal titled 'second'" in done.err
    assert "partners (" + PORTAL_ID + ")" in done.err
    assert club.writes == []


def test_a_mistyped_command_is_told_what_was_meant() -> None:
    done = portalctl("plann")
    assert done.code == 64
    assert "no such command 'plann'; did you mean 'plan'?" in done.err
