"""`plan --undo`: the inverse of what an apply confirmed, as a plan like any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PORTAL_ID, Bench, Done, portalctl

pytestmark = pytest.mark.usefixtures("quick")
TRUST = """
trusted_domains: [{domain: city.example, teams: [city], reason: "Partner"}]
denied_domains: [{domain: evil.example}]
teams:
  - {name: city}
  - {name: core, membership: exclusive, members: []}
overrides: [{developer: left@x.example, status: revoked, reason: "Left"}]
"""
# What the manifest has after the change that asked for these is reverted.
REVERTED = "teams: [{name: city}, {name: core}]\n"
BEFORE = {
    "ann@city.example": "pending",
    "bob@city.example": "pending",
    "bad@evil.example": "approved",
    "sue@evil.example": "pending",
    "left@x.example": "approved",
}


@pytest.fixture
def portal(bench: Bench) -> Bench:
    """A portal on which an apply made changes of each status, and of memberships."""
    for address, status in BEFORE.items():
        bench.people(**{status: [address]})
    bench.team("city")
    bench.team("core", "left@x.example")
    bench.manifest(TRUST)
    assert bench.run("apply", "--yes", "--report", "report.json").code == 0
    assert statuses(bench) == {
        "ann@city.example": "approved",
        "bob@city.example": "approved",
        "bad@evil.example": "revoked",
        "sue@evil.example": "rejected",
        "left@x.example": "revoked",
    }
    bench.sim.clear_log()
    return bench


def statuses(bench: Bench) -> dict[str, str]:
    return {row["email"]: row["status"] for row in bench.sim.store.developers(PORTAL_ID)}


def undo(bench: Bench, *words: str) -> Done:
    done = bench.run("plan", "--undo", "report.json", *words)
    assert bench.writes == []
    return done


def edit(change: dict[str, Any]) -> None:
    """Change the report: `changes` of its one portal, or any key of it."""
    report = json.loads(Path("report.json").read_text())
    report["portals"][0].update(change)
    Path("report.json").write_text(json.dumps(report))


def test_a_reverted_manifest_takes_nothing_away_and_undo_does(portal: Bench) -> None:
    portal.manifest(REVERTED)
    assert portal.run("plan", "-o", "json").json["portals"][0]["changes"] == []
    done = undo(portal, "--out", "undo.json", "-o", "json")
    assert done.code == 0, done.err
    (planned,) = done.json["portals"]
    assert sorted(change["id"] for change in planned["changes"]) == [
        "add_member:left@x.example:core",
        "approve:bad@evil.example",
        "approve:left@x.example",
        "remove_member:ann@city.example:city",
        "remove_member:bob@city.example:city",
        "reopen:ann@city.example",
        "reopen:bob@city.example",
        "reopen:sue@evil.example",
    ]
    for change in planned["changes"]:
        (why,) = change["why"]
        assert (why["rule"], why["file"], why["line"]) == ("undo", "report.json", 1)
    assert planned["summary"]["removals"] == 2
    assert any(notice["code"] == "undo_mails" for notice in planned["notices"])
    assert portal.run("apply", "undo.json", "--yes", "--report", "undone.json").code == 0, "with -f, too"
    assert statuses(portal) == BEFORE
    assert (portal.members("city"), portal.members("core")) == (set(), {"left@x.example"})
    results = json.loads(Path("undone.json").read_text())["portals"][0]["changes"]
    assert {result["result"] for result in results} == {"confirmed"}
    portal.sim.clear_log()
    text = undo(portal).out
    assert "was changed since" in text, "what is undone is not undone again"
    assert "nothing to do" in text
    again = portal.run("plan", "--undo", "undone.json", "-o", "json").json["portals"][0]
    assert len(again["changes"]) == 8, "an undo can be undone"


def test_what_the_manifest_still_wants_is_refused_with_its_place(portal: Bench) -> None:
    done = undo(portal, "--out", "undo.json")
    assert done.code == 3
    for text in (
        "ann@city.example, bob@city.example: the manifest still wants this, and the next apply would make it again: "
        "pending → approved (trusted_domains city.example, portals/partners.yaml:7)",
        "bad@evil.example: the manifest still wants this, and the next apply would make it again: "
        "approved → revoked (denied_domains evil.example, portals/partners.yaml:8)",
        "leaves core (",
    ):
        assert text in done.out
    assert done.out.count("the manifest still wants this") == 6, "one refusal for each rule and kind of change"
    assert portal.run("apply", "undo.json", "--yes").code == 3
    assert portal.writes == []
    portal.manifest(TRUST.replace("city.example", "other.example"))
    assert undo(portal, "--developer", "ann@city.example").code == 0
    assert undo(portal, "--developer", "bad@evil.example").code == 3
    assert undo(portal, "--developer", "nobody@x.example").code == 64


def test_only_developers_who_are_as_the_apply_left_them(portal: Bench) -> None:
    portal.manifest(REVERTED)
    store = portal.sim.store
    store.set_status(portal.emails["ann@city.example"], "revoked")
    store.remove_member(portal.teams["city"], portal.emails["bob@city.example"])
    store.delete_developer(portal.emails["bad@evil.example"])
    store.add_developer(PORTAL_ID, "bad@evil.example", status="revoked")
    store.set_developer(portal.emails["sue@evil.example"], email="sue@other.example")
    (planned,) = undo(portal, "-o", "json").json["portals"]
    assert {change["developer"]["email"] for change in planned["changes"]} == {"left@x.example"}
    found = {
        notice["developer"]: notice["message"] for notice in planned["notices"] if notice["code"] == "undo_changed"
    }
    assert found.keys() == {"ann@city.example", "bob@city.example", "bad@evil.example", "sue@evil.example"}
    assert "no longer exists" in found["bad@evil.example"]
    assert "another address" in found["sue@evil.example"]


def test_the_limits_and_protected_developers_hold(portal: Bench) -> None:
    limits = "policy: {limits: {removals: 1}}\n"
    portal.manifest(REVERTED + limits)
    done = undo(portal)
    assert done.code == 3
    assert "2 developers would lose access; policy.limits.removals is 1" in done.out
    assert undo(portal, "--allow-removals", "2").code == 0
    portal.manifest(REVERTED + "protected: [ann@city.example]\n")
    done = undo(portal)
    assert done.code == 3
    assert "ann@city.example is protected and would lose access" in done.out


def test_a_saved_undo_is_stale_when_a_developer_was_touched(portal: Bench) -> None:
    portal.manifest(REVERTED)
    assert undo(portal, "--out", "undo.json").code == 0
    portal.sim.store.set_status(portal.emails["ann@city.example"], "rejected")
    done = portal.run("apply", "undo.json", "--yes")
    assert done.code == 3
    assert "ann@city.example" in done.err
    assert portal.writes == []


def test_what_has_no_inverse_is_named(bench: Bench) -> None:
    bench.people(pending=["a@city.example"], approved=["gone@x.example", "b@city.example"])
    bench.manifest("""
trusted_domains: [{domain: city.example, teams: [new]}]
teams: [{name: new, members: [{developer: c@x.example, invite: true}]}]
overrides: [{developer: gone@x.example, status: absent, reason: "Asked for it"}]
policy: {allow_delete: true}
""")
    assert bench.run("apply", "--yes", "--allow-delete", "--report", "report.json").code == 0
    bench.sim.clear_log()
    bench.manifest("teams: [{name: new}]\n")
    (planned,) = undo(bench, "-o", "json").json["portals"]
    assert {change["op"] for change in planned["changes"]} == {"reopen", "remove_member"}
    named = [(n["developer"], n["message"]) for n in planned["notices"] if n["code"] == "undo_impossible"]
    assert ("gone@x.example", "deleted; not undone: this has no inverse") in named
    assert (None, "team new: created; not undone: this has no inverse") in named
    assert any(developer == "c@x.example" for developer, _ in named)


def test_what_was_so_before_is_not_undone(portal: Bench) -> None:
    portal.manifest(REVERTED)
    report = json.loads(Path("report.json").read_text())
    changes = report["portals"][0]["changes"]
    for change in changes:
        if change["developer"]["email"] != "ann@city.example":
            change.update({"result": "unknown"} if change["op"] == "revoke" else {"already": True})
    edit({"changes": changes})
    (planned,) = undo(portal, "-o", "json").json["portals"]
    assert {change["developer"]["email"] for change in planned["changes"]} == {"ann@city.example"}
    assert {"undo_already", "undo_unclear"} <= {notice["code"] for notice in planned["notices"]}


def test_a_file_that_is_no_report_of_this_portal_is_refused(portal: Bench) -> None:
    portal.manifest(REVERTED)
    assert portal.run("plan", "--out", "plan.json").code == 0
    for path, code, text in (
        ("plan.json", 65, "this is a plan, not the report of an apply"),
        ("nowhere.json", 65, "No such file"),
        ("portals/partners.yaml", 65, "not JSON"),
    ):
        done = portal.run("plan", "--undo", path)
        assert (done.code, done.out) == (code, "")
        assert text in done.err
    assert undo(portal, "--base", "portals").code == 64
    whole = Path("report.json").read_text()
    for change, code, text in (
        ({"name": "others"}, 3, "not in the manifest: others"),
        ({"portal_id": "7f51fa25-310a-421d-bd1a-007f859021a3"}, 3, "about another portal"),
        ({"server": "https://eu.api.konghq.com"}, 3, "about another portal"),
        ({"changes": [json.loads(whole)["portals"][0]["changes"][0] | {"before": {"status": "odd"}}]}, 65, "before"),
    ):
        edit(change)
        done = undo(portal)
        assert (done.code, done.out) == (code, "")
        assert text in done.err
        Path("report.json").write_text(whole)
    empty = json.loads(whole) | {"portals": []}
    Path("report.json").write_text(json.dumps(empty))
    done = undo(portal)
    assert done.code == 3
    assert "the report has no changes of partners" in done.err
    Path("report.json").write_text(whole)
    masked = portalctl("show", "report.json", "-o", "json", "--mask-emails").out
    Path("report.json").write_text(masked)
    done = undo(portal)
    assert done.code == 3
    assert "this report is masked" in done.err


def test_the_forms_name_the_report(portal: Bench) -> None:
    portal.manifest(REVERTED)
    started = json.loads(Path("report.json").read_text())["started_at"]
    for form in ("text", "markdown", "html"):
        assert f"undo of the apply of {started}" in undo(portal, "-o", form).out.replace("`", "")
    assert "--undo report.json --out plan.json" in undo(portal).out
