"""`apply PLAN_FILE` carries out exactly the plan that was looked at, or nothing."""

from __future__ import annotations

import copy
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from portalctl.changes.operation import ChangeFields
from portalctl.changes.operations import Change, typed
from portalctl.changes.order import rank
from portalctl.changes.plan import Plan
from portalctl.changes.plan_document import digest_of
from portalctl.manifest.load import load
from portalctl.manifest.schema import manifest_schema
from portalctl.portals.konnect.provider import REGIONS
from tests.conftest import HEAD, PORTAL_ID, Bench, Done, portalctl

pytestmark = pytest.mark.usefixtures("quick")

RULES = """
trusted_domains:
  - {domain: club.example, teams: [reds, blues]}
denied_domains:
  - domain: bad.example
teams:
  - name: reds
    description: The reds
  - name: blues
  - name: gunners
    membership: exclusive
    members: []
overrides:
  - {developer: leaver@club.example, status: revoked, reason: "Left"}
  - {developer: paused@club.example, status: pending, reason: "Paused"}
  - {developer: back@club.example, status: approved, reinstate: true, reason: "Back"}
"""
OPS = {"create_team", "update_team", "approve", "add_member", "reopen", "reject", "revoke", "remove_member"}
OTHER_ID = "00000000-0000-4000-8000-000000000000"
EU = "https://eu.api.konghq.com"


@pytest.fixture
def club(bench: Bench) -> Bench:
    return fill(bench)


def fill(bench: Bench) -> Bench:
    """A portal where the rules want every kind of change."""
    bench.people(
        pending=["Ann@club.example", "bob@club.example", "spam@bad.example"],
        approved=["cid@club.example", "leaver@club.example", "paused@club.example", "x@other.example"],
        revoked=["back@club.example"],
    )
    bench.team("reds", "cid@club.example", description="Reds")
    bench.team("gunners", "leaver@club.example", "x@other.example")
    bench.manifest(RULES)
    return bench


def end_state(bench: Bench) -> object:
    people = {person["email"]: person["status"] for person in bench.sim.store.developers(PORTAL_ID)}
    teams = {
        team["name"]: (team["description"], sorted(each["email"] for each in bench.sim.store.members(team["id"])))
        for team in bench.sim.store.teams(PORTAL_ID)
    }
    return people, teams


def saved(bench: Bench, *words: str, code: int = 0) -> dict[str, Any]:
    """Plan, and keep it in plan.json."""
    done = bench.run("plan", "--out", "plan.json", *words)
    assert done.code == code, done.err
    loaded: dict[str, Any] = json.loads(Path("plan.json").read_text())
    return loaded


def write(document: object) -> None:
    Path("plan.json").write_text(json.dumps(document))


def sealed(document: dict[str, Any]) -> dict[str, Any]:
    """With the digest that fits the contents, as a program would write it that knows how."""
    plan = TypeAdapter(Plan).validate_json(json.dumps(document))
    return document | {"digest": digest_of(plan)}


def apply_file(bench: Bench, *words: str, yes: bool = True, **env: str) -> Done:
    """`portalctl apply plan.json --yes WORDS…`; no manifest is named unless WORDS do."""
    given = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token} | env
    return portalctl("apply", "plan.json", *(["--yes"] if yes else []), *words, env=given)


# --- the round trip


@pytest.mark.slow
def test_a_saved_plan_leads_where_its_manifest_leads(make_bench: Callable[..., Bench]) -> None:
    one, other = fill(make_bench()), fill(make_bench())
    assert one.run("apply", "--yes").code == 0
    plan = saved(other)
    assert {change["op"] for change in plan["portals"][0]["changes"]} == OPS
    done = apply_file(other)
    assert done.code == 0, done.err
    assert end_state(other) == end_state(one)
    assert len(other.writes) == len(plan["portals"][0]["changes"])
    assert f"Digest: {plan['digest']}" in done.out


def test_plan_says_how_to_apply_exactly_what_it_wrote(club: Bench) -> None:
    done = club.run("plan", "--out", "the plan.json")
    assert done.out.endswith("To apply exactly this plan:  portalctl apply 'the plan.json'\n")
    assert done.out.count("portalctl apply") == 1
    assert stat.S_IMODE(Path("the plan.json").stat().st_mode) == 0o600
    assert "portalctl plan -f portals --out plan.json && portalctl apply plan.json" in club.run("plan").out


@pytest.mark.slow
def test_applied_twice_the_second_finds_all_of_it_done(club: Bench) -> None:
    count = len(saved(club)["portals"][0]["changes"])
    assert apply_file(club).code == 0
    sent = len(club.writes)
    again = apply_file(club)
    assert again.code == 0
    assert f"Applied: {count} changes confirmed ({count} already so)." in again.out
    assert len(club.writes) == sent


@pytest.mark.slow
def test_newcomers_are_ignored(club: Bench) -> None:
    saved(club)
    club.people(pending=["new@club.example"], approved=["also@bad.example"])
    club.sim.store.add_member(club.teams["gunners"], club.emails["also@bad.example"])
    assert apply_file(club).code == 0
    assert (club.status("new@club.example"), club.status("also@bad.example")) == ("pending", "approved")
    assert club.members("gunners") == {"also@bad.example"}


@pytest.mark.slow
def test_what_someone_did_meanwhile_as_planned_counts_as_done(club: Bench) -> None:
    saved(club)
    club.sim.store.set_status(club.emails["bob@club.example"], "approved")
    club.sim.store.remove_member(club.teams["gunners"], club.emails["x@other.example"])
    done = apply_file(club)
    assert done.code == 0, done.err
    assert "(2 already so)" in done.out
    assert club.status("leaver@club.example") == "revoked"


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    ("meanwhile", "told"),
    [
        (
            lambda b: b.sim.store.set_status(b.emails["bob@club.example"], "rejected"),
            "bob@club.example: planned from",
        ),
        (
            lambda b: b.sim.store.set_status(b.emails["leaver@club.example"], "pending"),
            "leaver@club.example: planned",
        ),
        (lambda b: b.sim.store.delete_developer(b.emails["Ann@club.example"]), "Ann@club.example: planned from"),
        (
            lambda b: b.sim.store.set_status(b.emails["cid@club.example"], "revoked"),  # who would only join a team
            "cid@club.example: planned from status approved, but it is now status revoked",
        ),
        (
            lambda b: b.sim.store.set_status(b.emails["x@other.example"], "pending"),  # who would only leave one
            "x@other.example: planned from status approved, but it is now status pending",
        ),
        (lambda b: b.sim.store.set_team(b.teams["reds"], description="Ours"), "team reds: planned from"),
        (
            lambda b: b.sim.store.delete_team(b.teams["gunners"]),
            "team gunners: existed when the plan was made, but is now gone",
        ),
        (lambda b: b.sim.store.add_team(PORTAL_ID, "gunners"), "more than one team named gunners"),
        (lambda b: b.sim.store.delete_team(b.teams["reds"]), "team reds: planned from"),
    ],
)
def test_a_change_to_what_the_plan_touches_makes_it_stale(
    club: Bench, meanwhile: Callable[[Bench], None], told: str
) -> None:
    saved(club)
    meanwhile(club)
    before = end_state(club)
    done = apply_file(club)
    assert done.code == 3
    assert "stale" in done.err
    assert told in done.err
    assert club.writes == []
    assert end_state(club) == before


def test_a_plan_of_nothing_does_nothing(bench: Bench) -> None:
    bench.manifest("trusted_domains: []\n")
    saved(bench)
    done = apply_file(bench, yes=False)
    assert done.code == 0
    assert "nothing to do" in done.out


# --- whom it asks, and what goes with it


def test_nobody_to_ask_is_no_consent(club: Bench) -> None:
    saved(club)
    done = apply_file(club, yes=False)
    assert done.code == 3
    assert "no terminal to confirm on" in done.err
    assert "leaver@club.example" in done.out, "the plan is shown before the question"
    assert club.writes == []


def test_a_saved_plan_is_applied_as_it_is(club: Bench) -> None:
    saved(club)
    for option, value in {
        "--portal": "partners",
        "--only": "onboard",
        "--developer": "ann@club.example",
        "--team": "reds",
        "--allow-removals": "0",
    }.items():
        done = apply_file(club, option, value)
        assert done.code == 64
        assert f"{option} cannot be used with a plan file" in done.err
    assert club.writes == []


@pytest.mark.slow
def test_without_a_file_apply_selects_as_plan_does(club: Bench) -> None:
    club.team("blues")
    assert club.run("apply", "--yes", "--developer", "bob@club.example").code == 0
    assert (club.status("bob@club.example"), club.status("Ann@club.example")) == ("approved", "pending")
    assert club.run("apply", "--yes", "--team", "rds").code == 64


# --- which plan


@pytest.mark.wide(1)
@pytest.mark.parametrize("prefix", ["sha256:", ""])
def test_the_expected_digest_lets_through(club: Bench, prefix: str) -> None:
    expected = saved(club)["digest"].removeprefix("sha256:")
    assert apply_file(club, "--expect-digest", prefix + expected).code == 0
    assert club.status("bob@club.example") == "approved"


def test_another_digest_than_expected_is_refused(club: Bench) -> None:
    plan = saved(club)
    for expected in ("", "sha256:", "sha256:" + "0" * 64, plan["digest"][:-1], "\x1b[31m"):
        done = apply_file(club, "--expect-digest", expected)
        assert done.code == 3
        assert "not the expected plan" in done.err
        assert plan["digest"] in done.err
        assert "\x1b" not in done.err
    assert club.writes == []


def test_an_expected_digest_needs_a_plan_file(club: Bench) -> None:
    done = club.run("apply", "--yes", "--expect-digest", "sha256:" + "0" * 64)
    assert done.code == 64
    assert "requires a plan file" in done.err
    assert club.writes == []


Edit = Callable[[dict[str, Any]], object]


def portal_of(plan: dict[str, Any]) -> dict[str, Any]:
    portal: dict[str, Any] = plan["portals"][0]
    return portal


def change_of(plan: dict[str, Any], op: str) -> dict[str, Any]:
    found: dict[str, Any] = next(change for change in portal_of(plan)["changes"] if change["op"] == op)
    return found


BOUND_EDITS: list[Edit] = [
    lambda p: p.update(digest="sha256:" + "0" * 64),
    lambda p: p["manifest"].update(digest="sha256:" + "0" * 64),
    lambda p: p["manifest"].update(files=["other.yaml"]),
    lambda p: p.update(valid_until="2999-01-01T00:00:00Z"),
    lambda p: portal_of(p).update(name="other"),
    lambda p: portal_of(p).update(provider="api7"),
    lambda p: portal_of(p).update(portal_id=OTHER_ID),
    lambda p: portal_of(p).update(server=EU),
    lambda p: portal_of(p)["guard"]["limits"].update(removals=11),
    lambda p: portal_of(p)["guard"].update(protected=["ann@club.example"]),
    lambda p: portal_of(p)["guard"].update(allow_delete=True),
    lambda p: portal_of(p)["guard"].update(allow_removals=100),
    lambda p: portal_of(p)["changes"].pop(),
    lambda p: portal_of(p)["changes"].reverse(),
    lambda p: portal_of(p)["changes"].append(portal_of(p)["changes"][0]),
    lambda p: change_of(p, "approve").update(id="approve:x"),
    lambda p: change_of(p, "approve").update(op="revoke"),
    lambda p: change_of(p, "approve").update({"class": "reinstate"}),
    lambda p: change_of(p, "approve")["developer"].update(id=OTHER_ID),
    lambda p: change_of(p, "approve")["developer"].update(email="eve@club.example"),
    lambda p: change_of(p, "add_member").update(team="gunners"),
    lambda p: change_of(p, "reject").update(before={"status": "approved"}),
    lambda p: change_of(p, "reject").update(after={"status": "approved"}),
    lambda p: change_of(p, "update_team").update(after={"description": "Mine"}),
    lambda p: change_of(p, "reject")["why"][0].update(line=99),
    lambda p: change_of(p, "remove_member").update(developer_status="pending"),
    lambda p: portal_of(p)["refusals"].append(
        {"code": "x", "message": "x", "developer": None, "team": None, "origin": None}
    ),
]


def test_a_plan_edited_by_hand_is_refused(club: Bench) -> None:
    plan = saved(club)
    for number, edit in enumerate(BOUND_EDITS):
        edited = copy.deepcopy(plan)
        edit(edited)
        write(edited)
        done = apply_file(club)
        assert done.code == 3, number
        assert "do not match the plan's digest" in done.err
        assert "edited" in done.err
    assert club.writes == []


@pytest.mark.slow
def test_what_the_digest_leaves_out_may_differ(club: Bench) -> None:
    plan = saved(club)
    portal_of(plan).update(observed_at="then", developers=7, notices=[], later_key={"x": 1})
    write(plan | {"created_at": "then", "generator": "portalctl 9.9.9", "later_key": [1.5]})
    assert apply_file(club).code == 0


def test_counts_of_a_plan_file_are_recomputed(club: Bench) -> None:
    plan = saved(club)
    removals = portal_of(plan)["summary"]["removals"]
    portal_of(plan)["summary"].update(removals=0, mails=0, total=1, approve=99)
    write(plan)
    done = apply_file(club, yes=False)
    assert f" {removals} lose access" in done.out


@pytest.mark.slow
def test_a_plan_is_applied_while_it_is_valid(club: Bench) -> None:
    plan = saved(club)
    for until, code in {
        "2001-01-01T00:00:00Z": 3,
        "2001-01-01T00:00:00+14:00": 3,
        "2999-01-01": 65,
        "2999-01-01T00:00:00": 65,
        "tomorrow": 65,
        "": 65,
    }.items():
        write(sealed(plan | {"valid_until": until}))
        done = apply_file(club)
        assert done.code == code, done.err
        assert (
            "the plan was valid until 2001" if code == 3 else "valid_until: should be a date and time"
        ) in done.err
        assert club.writes == []
    write(sealed(plan | {"valid_until": "2999-01-01T00:00:00Z"}))
    assert apply_file(club).code == 0


FORGED = {
    "limits": (lambda p: portal_of(p)["guard"]["limits"].update(removals=11), "limits are not the manifest's"),
    "protected": (
        lambda p: portal_of(p)["guard"].update(protected=["ann@club.example"]),
        "limits are not the manifest's",
    ),
    "deletion": (lambda p: portal_of(p)["guard"].update(allow_delete=True), "limits are not the manifest's"),
    "address": (lambda p: change_of(p, "approve")["developer"].update(email="anna@club.example"), "has the address"),
}


@pytest.mark.wide(2)
@pytest.mark.parametrize(("edit", "told"), FORGED.values(), ids=FORGED)
def test_a_forged_plan_with_a_digest_that_fits_is_refused(club: Bench, edit: Edit, told: str) -> None:
    plan = saved(club)
    edit(plan)
    write(sealed(plan))
    done = apply_file(club, "-f", "portals")
    assert (done.code, club.writes) == (3, []), done.err
    assert told in done.err


def test_removals_are_counted_again_when_a_plan_is_applied(club: Bench) -> None:
    """Of twenty developers of another domain, a forged plan revokes more than its own guard allows."""
    club.people(approved=[f"p{number:02}@other.example" for number in range(20)])
    plan = saved(club)
    changes = portal_of(plan)["changes"]
    model = change_of(plan, "revoke")
    for number in range(11):
        email = f"p{number:02}@other.example"
        developer = {"email": email, "id": club.emails[email]}
        changes.append(model | {"id": f"revoke:{email}", "developer": developer})
    portal_of(plan)["changes"] = sorted(changes, key=lambda change: rank("konnect")(typed_change(change)))
    write(sealed(plan))
    done = apply_file(club)
    assert (done.code, club.writes) == (3, []), done.err
    assert "policy.limits.removals is 10" in done.err
    portal_of(plan)["guard"]["limits"]["removals"] = 100
    write(sealed(plan))
    done = apply_file(club)
    assert (done.code, club.writes) == (3, []), done.err
    assert "policy.limits.removals_percent is 10" in done.err
    portal_of(plan)["guard"].update(allow_removals=100, protected=["p03@other.example"])
    write(sealed(plan))
    done = apply_file(club)
    assert (done.code, club.writes) == (3, []), done.err
    assert "p03@other.example is protected" in done.err


def typed_change(change: dict[str, Any]) -> Change:
    return typed(TypeAdapter(ChangeFields).validate_python(change))


def test_a_refused_plan_is_shown_and_not_applied(club: Bench) -> None:
    club.manifest(RULES + "policy: {limits: {removals: 0}}\n")
    plan = saved(club, code=3)
    done = apply_file(club)
    assert done.code == 3
    assert "Refused: no changes will be made to partners." in done.out
    portal_of(plan)["refusals"] = []
    write(plan)
    without = apply_file(club)
    assert without.code == 3
    assert "digest" in without.err
    assert club.writes == []


def test_an_allowance_is_part_of_the_plan(club: Bench) -> None:
    club.manifest(RULES + "policy: {limits: {removals: 0}}\n")
    saved(club, "--allow-removals", "3")
    assert apply_file(club).code == 0
    assert club.status("leaver@club.example") == "revoked"


# --- with its manifest


def test_with_the_manifest_it_was_made_from(club: Bench) -> None:
    saved(club)
    done = apply_file(club, "-f", "portals")
    assert done.code == 0, done.err


@pytest.mark.wide(1)
@pytest.mark.parametrize(
    ("rules", "code", "told"),
    [
        (RULES + "# a comment\n", 3, "not the one the plan was made from"),
        (RULES + "teams: 1\n", 65, "portals/partners.yaml"),
    ],
)
def test_another_manifest_is_refused(club: Bench, rules: str, code: int, told: str) -> None:
    saved(club)
    club.manifest(rules)
    done = apply_file(club, "-f", "portals")
    assert done.code == code
    assert told in done.err
    assert club.writes == []


def test_a_manifest_that_cannot_be_carried_out_is_refused_though_its_digest_fits(club: Bench) -> None:
    plan = saved(club)
    classic = HEAD.replace("provider: konnect", "provider: konnect-v2")  # which can't make accounts
    rules = RULES.replace('reason: "Back"', 'reason: "Back", invite: true')
    (club.folder / "partners.yaml").write_text(classic + rules)
    plan["manifest"]["digest"] = load([Path("portals")]).digest
    portal_of(plan)["provider"] = "konnect-v2"
    write(sealed(plan))
    done = apply_file(club, "-f", "portals")
    assert done.code == 65
    assert "portals/partners.yaml" in done.err
    assert club.writes == []


@pytest.mark.slow
def test_a_portal_that_the_manifest_does_not_have_is_refused(club: Bench) -> None:
    plan = saved(club)
    for key in ("name", "portal_id"):
        other = copy.deepcopy(plan)
        portal_of(other)[key] = "others"
        write(sealed(other))
        done = apply_file(club, "-f", "portals")
        assert done.code == 3
        assert "does not have the plan's portals" in done.err
    assert club.writes == []


@pytest.mark.slow
def test_one_of_several_portals_is_enough_of_the_manifest(club: Bench) -> None:
    (club.folder / "other.yaml").write_text("version: 1\nportal: {name: other, provider: api7, id: p1}\n")
    saved(club, "--portal", "partners")
    assert apply_file(club, "-f", "portals").code == 0


# --- where


def test_the_plan_must_be_of_the_server_that_is_found(make_bench: Callable[..., Bench]) -> None:
    one, other = fill(make_bench()), fill(make_bench())
    saved(one)
    done = apply_file(other)
    assert done.code == 3
    assert f"planned at {one.sim.url}, but this run has {other.sim.url}" in done.err
    assert other.reads == other.writes == []


def test_a_plan_points_no_token_anywhere(club: Bench) -> None:
    plan = saved(club)
    called = len(club.sim.log)
    for server in (club.sim.url, "https://evil.example", f"{EU}.evil.example", f"{EU}:8443", f"{EU}/", EU.upper()):
        portal_of(plan)["server"] = server
        write(sealed(plan))
        done = apply_file(club, KONNECT_SERVER_URL="")
        assert done.code == 64, server
        assert "Pass the manifest with -f, or set PORTALCTL_PARTNERS_SERVER or KONNECT_SERVER_URL" in done.err
    assert len(club.sim.log) == called


@pytest.mark.slow
def test_a_region_of_konnect_needs_no_server(club: Bench) -> None:
    plan = saved(club)
    for region in REGIONS:
        portal_of(plan)["server"] = f"https://{region}.api.konghq.com"
        write(sealed(plan))
        done = apply_file(club, yes=False, KONNECT_SERVER_URL="")
        assert "no terminal to confirm on" in done.err, "all that comes before the question is passed"


def test_the_regions_are_those_of_a_manifest() -> None:
    assert str(list(REGIONS)).replace("'", '"') in json.dumps(manifest_schema())


@pytest.mark.slow
def test_with_f_the_region_decides(club: Bench) -> None:
    plan = saved(club)
    text = (
        (club.folder / "partners.yaml")
        .read_text()
        .replace("provider: konnect\n", "provider: konnect\n  region: us\n")
    )
    (club.folder / "partners.yaml").write_text(text)
    plan["manifest"]["digest"] = load([Path("portals")]).digest
    portal_of(plan)["server"] = EU
    write(sealed(plan))
    done = apply_file(club, "-f", "portals", KONNECT_SERVER_URL="")
    assert done.code == 3
    assert f"planned at {EU}, but this run has https://us.api.konghq.com" in done.err


def test_a_named_server_is_only_sent_its_named_token(club: Bench) -> None:
    saved(club)
    done = apply_file(club, KONNECT_SERVER_URL="", PORTALCTL_PARTNERS_SERVER=club.sim.url)
    assert done.code == 64
    assert "no other token is used" in done.err
    assert apply_file(club, KONNECT_TOKEN="", PORTALCTL_PARTNERS_TOKEN=club.sim.token).code == 0


@pytest.mark.slow
def test_a_portal_that_is_not_there_is_an_error(club: Bench) -> None:
    plan = saved(club)
    portal_of(plan)["portal_id"] = OTHER_ID
    write(sealed(plan))
    done = apply_file(club)
    assert done.code == 1
    assert f"no portal with id {OTHER_ID}" in done.err
    assert club.writes == []


@pytest.mark.slow
def test_a_kind_of_portal_that_this_version_cannot_work_with_is_refused(club: Bench) -> None:
    plan = saved(club)
    called = len(club.sim.log)
    for provider in ("konnect-v9", "\x1b\n::error::"):
        portal_of(plan)["provider"] = provider
        write(sealed(plan))
        done = apply_file(club)
        assert done.code == 3
        assert "portal partners: this version cannot work with '" in done.err
        assert "\x1b" not in done.err
        assert "::error" not in done.err
    assert len(club.sim.log) == called


# --- what is no plan


def again(plan: dict[str, Any], op: str, **keys: object) -> None:
    """A further change, right after the first one of that op."""
    changes = portal_of(plan)["changes"]
    first = change_of(plan, op)
    changes.insert(changes.index(first) + 1, {**first, **keys})


NO_PLAN: list[tuple[Edit, str]] = [
    (lambda p: p["portals"].append(portal_of(p)), "portals[1].name: another portal of this plan has the same name"),
    (lambda p: portal_of(p).update(name="Partners"), "portals[0].name: is not a valid portal name"),
    (lambda p: portal_of(p).update(name="x\n::error::"), "portals[0].name: is not a valid portal name"),
    (lambda p: portal_of(p).update(portal_id=".."), "portals[0].portal_id: is no"),
    (lambda p: portal_of(p).update(portal_id="a/b"), "portals[0].portal_id: is no"),
    (lambda p: portal_of(p).update(developers=-1), "portals[0].developers: is not a valid count"),
    (lambda p: portal_of(p)["summary"].update(mails=10**4000), "portals[0].summary.mails: is not a valid count"),
    (lambda p: portal_of(p)["summary"].pop("awaited"), "portals[0].summary.awaited: is missing"),
    (lambda p: again(p, "reject"), "another change has the same id"),
    (lambda p: again(p, "reject", id="x"), "another change is about the same"),
    (lambda p: portal_of(p)["changes"].reverse(), "is not in the order of writing"),
    (lambda p: change_of(p, "create_team").update({"class": "offboard"}), "changes[0].class: should be 'structure'"),
    (lambda p: change_of(p, "remove_member").update({"class": "onboard"}), "class: should be 'expire' or 'offboard'"),
    (lambda p: change_of(p, "approve").update(developer=None), "developer: should be"),
    (lambda p: change_of(p, "add_member").update(developer=None), "developer: should be"),
    (
        lambda p: change_of(p, "create_team").update(developer={"email": None, "id": "1"}),
        "developer: should be",
    ),
    (lambda p: change_of(p, "revoke")["developer"].update(id="../teams"), "developer.id: is not an id"),
    (lambda p: change_of(p, "remove_member").update(team=None), "team: should be"),
    (lambda p: change_of(p, "approve").update(team="reds"), "team: should be"),
    (lambda p: change_of(p, "add_member").update(team=""), "team: a team's name has 1 to 250 characters"),
    (
        lambda p: change_of(p, "approve").update(after={"status": "revoked"}),
        "after.status: should be 'approved'",
    ),
    (lambda p: change_of(p, "revoke").update(after=None), "after: should be"),
    (
        lambda p: change_of(p, "revoke").update(before={"status": "revoked"}),
        "after: equals the state before the change",
    ),
    (lambda p: change_of(p, "revoke").update(before=None), "before: should be"),
    (lambda p: change_of(p, "add_member").update(after={"member": False}), "after"),
    (lambda p: change_of(p, "add_member").update(before={}), "before.member: is missing"),
    (lambda p: change_of(p, "add_member").update(developer_status=None), "developer_status: is missing"),
    (lambda p: change_of(p, "create_team").update(before={}), "before: should be"),
    (
        lambda p: change_of(p, "create_team").update(after={"name": "other"}),
        "after.name: is not the name of the team",
    ),
    (lambda p: change_of(p, "create_team")["after"].update(description=None), "after.description: should be"),
    (
        lambda p: change_of(p, "create_team")["after"].update(rights="all"),
        "after.rights: is not a key that belongs here",
    ),
    (lambda p: change_of(p, "update_team").update(after={"name": "x"}), "after.description: is missing"),
    (lambda p: change_of(p, "update_team").update(after={"description": None}), "after.description: should be"),
    (lambda p: change_of(p, "update_team").update(before=None), "before: should be"),
    (lambda p: change_of(p, "update_team").update(after={}, before={}), "before.description: is missing"),
    (lambda p: change_of(p, "update_team").update(after=change_of(p, "update_team")["before"]), "after"),
    (lambda p: change_of(p, "reject")["why"][0].update(rule="whim"), "why[0].rule: is not a rule of a manifest"),
]


@pytest.mark.slow
def test_what_no_plan_can_say_is_no_plan_whatever_its_digest(club: Bench) -> None:
    plan = saved(club)
    called = len(club.sim.log)
    for edit, told in NO_PLAN:
        edited = copy.deepcopy(plan)
        edit(edited)
        write(sealed(edited))
        done = apply_file(club)
        assert done.code == 65, (told, done.out, done.err)
        assert "plan.json:1:1: portals[" in done.err
        assert told in done.err
        assert "::error" not in done.err
    write(sealed(plan | {"portals": []}))
    assert apply_file(club).code == 65
    assert len(club.sim.log) == called


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "plan.json:1:1: the JSON ends too early"),
        (b"version: 1\nportal: {name: x}\n", "plan.json:1:1: not JSON in UTF-8; to name a manifest, use -f"),
        (b"{}", "plan.json:1:1: kind: is missing"),
        (b'{"version": 2, "kind": "plan"}', "plan.json:1:1: version: should be 1"),
        (b'{"version": 1, "kind": "drift"}', "plan.json:1:1: kind: should be 'plan'"),
        (b'{"version": 1, "kind": "plan", "digest": "kpat_secret"}', "plan.json:1:1: portals: is missing"),
        (b"[" * 1_000_000, "nested too deeply"),
        (b'{"version": ' + b"9" * 1_000_000 + b"}", "out of range"),
        (b"\x00\xff\xfe", "not JSON in UTF-8"),
    ],
)
@pytest.mark.usefixtures("offline")
def test_other_files_are_no_plans(tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "plan.json"
    file.write_bytes(content)
    done = portalctl("apply", str(file), "--yes")
    assert done.code == 65
    assert told in done.err
    assert "kpat_secret" not in done.err


def test_a_file_cut_off_anywhere_is_no_plan(club: Bench) -> None:
    saved(club)
    whole = Path("plan.json").read_bytes().rstrip()
    called = len(club.sim.log)
    for length in range(0, len(whole), len(whole) // 20):
        Path("plan.json").write_bytes(whole[:length])
        assert apply_file(club).code == 65
    assert len(club.sim.log) == called


def test_a_folder_is_no_plan(tmp_path: Path) -> None:
    done = portalctl("apply", str(tmp_path))
    assert done.code == 65
    assert f"{tmp_path}:1:1: this is a folder, not a plan file; pass a manifest with -f" in done.err


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    done = portalctl("apply", str(tmp_path / "plan.json"))
    assert done.code == 64
    assert "plan.json" in done.err


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that nobody can read, not even root")
def test_an_unreadable_file_is_no_plan() -> None:
    done = portalctl("apply", "/proc/self/mem")
    assert done.code == 65
    assert "/proc/self/mem:1:1: cannot read this file" in done.err


def test_a_file_too_large_is_not_read_whole(club: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(club)
    monkeypatch.setattr("portalctl.cli.session.MOST_BYTES", 1024**2)
    with Path("plan.json").open("ab") as file:
        file.truncate(1024**2 + 1)
    done = apply_file(club)
    assert done.code == 65
    assert "too large: a plan file has at most 1 MiB" in done.err


# --- what strangers typed


def test_what_strangers_typed_is_shown_escaped(bench: Bench) -> None:
    bench.people(pending=["\u202e\x1b[31m::error::@bad.example"])
    bench.manifest("policy: {unmatched: {pending: rejected}}\n")
    saved(bench)
    done = apply_file(bench)
    assert done.code == 0, done.err
    assert r"\u202e\x1b[31m" in done.out
    assert not {"\x1b", "\u202e"} & set(done.out + done.err)
    assert "::error" not in done.out + done.err


def test_hostile_files_are_shown_escaped(club: Bench) -> None:
    plan = saved(club)
    hostile = "\x1b]0;x\x07\n::error::\u202e"
    portal_of(plan)["summary"][hostile] = -1
    write(sealed(plan))
    Path("plan.json").rename("\x1b[31mplan.json")
    done = portalctl("apply", "\x1b[31mplan.json", "--yes")
    assert done.code == 65
    assert r"\x1b[31mplan.json:1:1: portals[0].summary.\x1b]0;x\x07\x0a" in done.err
    assert not {"\x1b", "\u202e", "\x07"} & set(done.err)
    assert "::error" not in done.err


@pytest.mark.slow
def test_hostile_words_of_a_whole_plan_are_shown_escaped(club: Bench) -> None:
    plan = saved(club)
    hostile = "\x1b[31m\n::error::\u202e"
    for change in portal_of(plan)["changes"]:
        change["why"][0].update(value=hostile, file=hostile, reason=hostile)
    portal_of(plan)["refusals"] = [
        {"code": hostile, "message": hostile, "developer": hostile, "team": hostile, "origin": None}
    ]
    portal_of(plan)["notices"] = [
        {"code": hostile, "severity": "info", "message": hostile, "developer": hostile, "file": hostile, "line": 1}
    ]
    plan["manifest"]["files"] = [hostile]
    write(sealed(plan) | {"generator": hostile, "created_at": hostile})
    done = apply_file(club)
    assert done.code == 3
    assert r"\x1b[31m" in done.out
    assert not {"\x1b", "\u202e"} & set(done.out + done.err)
    assert "::error" not in done.out + done.err
    assert club.writes == []
