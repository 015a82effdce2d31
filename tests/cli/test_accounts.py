"""Accounts that are made and deleted, and what people who are kept out can still use."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from portalctl.simulator.behaviour import Behaviour
from portalctl.simulator.faults import Fault
from portalctl.simulator.message import Request
from tests.conftest import PORTAL_ID, Bench, portalctl

pytestmark = pytest.mark.slow  # many cases, each with a simulator of its own

DELETES = """
policy: {allow_delete: true}
overrides:
  - {developer: gone@club.example, status: absent, reason: "Asked to be forgotten"}
"""
OUT = """
overrides:
  - {developer: leaver@club.example, status: revoked, reason: "Left", on_revoke: revoke_registrations}
  - {developer: other@club.example, status: revoked, reason: "Left"}
"""
INVITES = """
trusted_domains: [club.example]
denied_domains: [bad.example]
teams:
  - name: reds
    members:
      - {developer: new@club.example, invite: true}
      - {developer: waits@agency.example, invite: true, full_name: Wai Ting}
      - {developer: no@bad.example, invite: true}
      - never@asked.example
overrides:
  - {developer: guest@agency.example, status: approved, teams: [reds], reason: "Pilot", invite: true,
     send_invitation_email: true, full_name: "Guest Account"}
"""


def register(bench: Bench, address: str, name: str = "Scores", api: str = "Weather", **more: str) -> str:
    """A live registration of an application of this person's."""
    app = bench.sim.store.add_application(PORTAL_ID, name, bench.emails[address])
    return bench.sim.store.add_registration(app, api_name=api, **more)


def ops(bench: Bench, *words: str) -> list[tuple[str, str]]:
    (portal,) = bench.run("plan", "-o", "json", *words).json["portals"]
    return [(change["op"], change["class"]) for change in portal["changes"]]


def statuses(bench: Bench) -> dict[str, str]:
    """Of registrations, as the portal lists them."""
    path = f"{bench.sim.url}/v3/portals/{PORTAL_ID}/application-registrations?page%5Bsize%5D=100"
    answer = httpx.get(path, headers={"Authorization": f"Bearer {bench.sim.token}"})
    return {row["id"]: row["status"] for row in answer.json()["data"]}


# Deleting


@pytest.mark.wide(2)
@pytest.mark.parametrize("status", ["pending", "approved", "revoked", "rejected"])
def test_who_is_to_be_absent_is_deleted_when_that_is_allowed_twice(bench: Bench, status: str) -> None:
    bench.people(**{status: ["gone@club.example"]})
    bench.manifest(DELETES)
    refused = bench.run("apply", "--yes")
    assert refused.code == 3
    assert "1 account would be deleted; policy.allow_delete and --allow-delete are both needed" in refused.out
    done = bench.run("apply", "--yes", "--allow-delete")
    assert done.code == 0, done.err
    assert "✓ gone@club.example  deleted" in done.told
    assert bench.writes == [f"DELETE /developers/{bench.emails['gone@club.example']}"]
    assert ops(bench) == []


def test_without_the_policy_the_flag_deletes_nothing(bench: Bench) -> None:
    bench.people(approved=["gone@club.example"])
    bench.manifest(DELETES.replace("allow_delete: true", "allow_delete: false"))
    done = bench.run("plan", "-o", "json", "--allow-delete")
    assert done.code == 3
    (portal,) = done.json["portals"]
    assert portal["guard"]["allow_delete"] is False
    assert [(r["code"], r["message"]) for r in portal["refusals"]] == [
        ("delete", "1 account would be deleted; policy.allow_delete and --allow-delete are both needed")
    ]


def test_deleting_counts_as_a_removal_whoever_waits(bench: Bench) -> None:
    bench.people(pending=["gone@club.example"])
    bench.manifest(DELETES.replace("true}", "true, limits: {removals: 0}}"))
    done = bench.run("plan", "-o", "json", "--allow-delete")
    assert [refusal["code"] for refusal in done.json["portals"][0]["refusals"]] == ["removals"]


def test_what_goes_with_an_account_is_listed_and_its_memberships_are_not_written(bench: Bench) -> None:
    bench.people(approved=["gone@club.example"])
    bench.team("reds", "gone@club.example")
    register(bench, "gone@club.example")
    bench.manifest(DELETES + "teams: [{name: reds, membership: exclusive, members: []}]\n")
    done = bench.run("plan", "--allow-delete")
    assert "application Scores and access to Weather are deleted too" in done.out
    assert ops(bench, "--allow-delete") == [("delete_developer", "offboard")]


@pytest.mark.usefixtures("quick")
def test_after_a_lost_answer_a_deletion_is_looked_for_and_not_repeated(bench: Bench) -> None:
    bench.people(approved=["gone@club.example"])
    bench.manifest(DELETES)
    bench.sim.inject(Fault("drop-after", method="DELETE", times=1))
    done = bench.run("apply", "--yes", "--allow-delete")
    assert done.code == 0, done.err
    assert len(bench.writes) == 1


# Registrations


def test_live_registrations_of_who_is_kept_out_are_shown_or_revoked(bench: Bench) -> None:
    bench.people(approved=["leaver@club.example", "other@club.example"])
    bench.manifest(OUT)
    ours, theirs = register(bench, "leaver@club.example"), register(bench, "other@club.example", "Maps", "Places")
    ended = register(bench, "leaver@club.example", "Old", status="revoked")
    (portal,) = bench.run("plan", "-o", "json").json["portals"]
    assert [change["op"] for change in portal["changes"]] == ["revoke_registration", "revoke", "revoke"]
    assert portal["summary"]["removals"] == 2
    assert portal["changes"][0]["before"]["registration_id"] == ours
    assert [(n["code"], n["developer"], n["message"]) for n in portal["notices"]] == [
        (
            "live_registration",
            "other@club.example",
            "application Maps keeps access to Places (on_revoke: report)",
        )
    ]
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.err
    assert statuses(bench) == {ours: "revoked", theirs: "approved", ended: "revoked"}
    sent = [write.split()[1] for write in bench.writes]
    person = f"/developers/{bench.emails['leaver@club.example']}"
    assert next(i for i, path in enumerate(sent) if ours in path) < sent.index(person)


def test_a_registration_that_comes_back_is_revoked_again(bench: Bench) -> None:
    bench.people(revoked=["leaver@club.example"])
    bench.manifest(OUT)
    assert ops(bench) == []
    register(bench, "leaver@club.example", status="pending")
    assert ops(bench) == [("revoke_registration", "offboard")]
    assert bench.run("drift").code == 2
    assert bench.run("apply", "--yes").code == 0
    assert (ops(bench), bench.run("drift").code) == ([], 0)


def test_an_application_of_a_team_is_named_and_never_touched(bench: Bench) -> None:
    bench.people(approved=["leaver@club.example"])
    team = bench.sim.store.add_team(PORTAL_ID, "reds", can_own_applications=True)
    bench.sim.store.add_member(team, bench.emails["leaver@club.example"])
    app = bench.sim.store.add_application(PORTAL_ID, "Shared", team, owner_type="team")
    bench.sim.store.add_registration(app, api_name="Weather")
    bench.manifest(OUT)
    assert ops(bench) == [("revoke", "offboard")]
    assert "application Shared of team reds keeps access to Weather" in bench.run("plan").out


def test_registrations_are_read_for_those_who_are_kept_out_only(bench: Bench) -> None:
    bench.people(approved=["ann@club.example"], pending=["bob@club.example"])
    bench.manifest("trusted_domains: [club.example]\n")
    bench.run("plan")
    assert not [read for read in bench.reads if "registration" in read]


@pytest.mark.wide(2)
@pytest.mark.parametrize("status", [403, 404])
def test_registrations_that_cannot_be_read_keep_nobody_in(bench: Bench, status: int) -> None:
    bench.people(approved=["leaver@club.example", "other@club.example"])
    bench.manifest(OUT.replace(", on_revoke: revoke_registrations", ""))
    bench.sim.inject(Fault("status", status=status, path="*/application-registrations"))
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.err
    assert "registrations could not be read" in done.out
    assert bench.status("leaver@club.example") == "revoked"
    bench.manifest(OUT)
    assert bench.run("plan").code == 1


def test_drift_names_each_live_registration_of_somebody_who_is_kept_out(bench: Bench) -> None:
    bench.people(revoked=["leaver@club.example"])
    for api in ("Weather", "Tides"):
        register(bench, "leaver@club.example", api=api)
    bench.manifest(OUT)
    drift = bench.run("drift")
    assert drift.code == 2
    for api in ("Weather", "Tides"):
        assert f"leaver@club.example  registration of Scores for {api}: approved; expected: revoked" in drift.told
    found = bench.run("drift", "-o", "json").json["portals"][0]["findings"]
    assert len({each["fingerprint"] for each in found}) == 2


def test_what_expires_takes_the_registrations_too(bench: Bench) -> None:
    bench.people(approved=["ann@club.example"])
    register(bench, "ann@club.example")
    rule = '{developer: ann@club.example, status: approved, expires: 2020-01-31, reason: "Pilot"}'
    bench.manifest(f"policy: {{on_revoke: revoke_registrations}}\noverrides: [{rule}]\n")
    assert ops(bench) == [("revoke_registration", "expire"), ("revoke", "expire")]


# Inviting


def test_invited_people_get_accounts_and_their_teams_in_one_run(bench: Bench) -> None:
    bench.people(approved=["ann@club.example"])
    bench.manifest(INVITES)
    (portal,) = bench.run("plan", "-o", "json").json["portals"]
    assert [(c["id"], c["developer"] and c["developer"]["id"], c["class"]) for c in portal["changes"]] == [
        ("create_team:reds", None, "structure"),
        ("create_developer:guest@agency.example", None, "onboard"),
        ("create_developer:new@club.example", None, "onboard"),
        ("create_developer:waits@agency.example", None, "onboard"),
        ("add_member:guest@agency.example:reds", None, "onboard"),
        ("add_member:new@club.example:reds", None, "onboard"),
    ]
    assert (portal["summary"]["mails"], portal["summary"]["awaited"]) == (1, 2)
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.err + done.out
    bodies = [exchange.body for exchange in bench.sim.log if exchange.path.endswith("/developers")]
    sent = {body["email"]: body for body in bodies if body and "email" in body}
    assert list(map(sent.get, sorted(sent))) == [
        {
            "email": "guest@agency.example",
            "full_name": "Guest Account",
            "status": "approved",
            "send_invitation_email": True,
        },
        {"email": "new@club.example", "full_name": "new@club.example", "status": "approved"},
        {"email": "waits@agency.example", "full_name": "Wai Ting", "status": "pending"},
    ]
    assert bench.members("reds") == {"guest@agency.example", "new@club.example"}
    assert ops(bench) == []


@pytest.mark.usefixtures("quick")
def test_the_answer_to_an_invitation_may_be_lost(bench: Bench) -> None:
    bench.manifest(INVITES)
    bench.sim.inject(Fault("drop-after", method="POST", path="*/developers", times=1))
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.err + done.out
    assert len([write for write in bench.writes if write == "POST /developers"]) == 3
    assert bench.members("reds") == {"guest@agency.example", "new@club.example"}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("status", "code"), [("approved", 0), ("pending", 4)])
def test_whoever_has_an_account_by_the_time_of_the_invitation_is_told_by_what_it_is(
    bench: Bench, status: str, code: int
) -> None:
    bench.manifest(INVITES)

    def hook(request: Request) -> None:
        if b'"new@club.example"' in request.body and "new@club.example" not in bench.emails:
            bench.people(**{status: ["new@club.example"]})

    bench.sim.on_request(hook)
    done = bench.run("apply", "--yes", "--confirm-timeout", "0")
    assert done.code == code, done.out
    assert ("new@club.example" in bench.members("reds")) == (status == "approved")
    assert (
        code == 0 or "Skipped (1): the approval has yet to come\n  ✗ new@club.example  not joined reds" in done.told
    )
    assert bench.run("apply", "--yes").code == 0
    assert "new@club.example" in bench.members("reds")


def test_a_saved_invitation_to_someone_who_signed_up_meanwhile_is_stale(bench: Bench) -> None:
    bench.manifest(INVITES)
    assert bench.run("plan", "--out", "plan.json").code == 0
    bench.people(pending=["guest@agency.example"])
    env = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    done = portalctl("apply", "plan.json", "-f", "portals", "--yes", env=env)
    assert done.code == 3
    assert "guest@agency.example: planned from gone, but it is now status pending" in done.err
    assert bench.writes == []


def test_a_pin_invites_nobody(bench: Bench) -> None:
    pinned = "id: 5b0c0b5e-0000-4000-8000-000000000000, invite: true"
    bench.manifest(f'overrides: [{{developer: a@b.example, status: approved, reason: "x", {pinned}}}]\n')
    assert ops(bench) == []


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (
            '{developer: a@b.example, status: revoked, reason: "x", invite: true}',
            "`invite` has no effect",
        ),
        ('{developer: a@b.example, status: approved, reason: "x", full_name: "A"}', "only with `invite: true`"),
    ],
)
def test_an_invitation_that_makes_no_sense_is_refused(bench: Bench, rules: str, said: str) -> None:
    bench.manifest(f"overrides: [{rules}]\n")
    done = bench.run("plan")
    assert done.code == 65
    assert said in done.err


# Roles

ROLES = """
teams:
  - name: reds
    roles: [{role: API Viewer, api: Weather}, {role: API Consumer, api: 0a6f2c0e-0000-4000-8000-00000000000b}]
"""


def test_roles_are_given_and_taken_by_the_list(bench: Bench) -> None:
    weather = bench.sim.store.add_api("Weather")
    bench.sim.store.add_api("Weather 2")
    bench.team("reds")
    old = bench.sim.store.add_role(bench.teams["reds"], "API Viewer")
    bench.manifest(ROLES)
    (portal,) = bench.run("plan", "-o", "json").json["portals"]
    assert [(c["op"], c["class"], c["team"]) for c in portal["changes"]] == [
        ("assign_role", "structure", "reds"),
        ("assign_role", "structure", "reds"),
        ("unassign_role", "offboard", "reds"),
    ]
    assert portal["changes"][1]["after"] == {
        "role": "API Viewer",
        "api": "Weather",
        "api_id": weather,
        "region": "*",
    }
    assert portal["changes"][2]["before"]["assignment_id"] == old
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.err + done.out
    assert {(r["role_name"], r["entity_id"]) for r in bench.sim.store.roles(bench.teams["reds"])} == {
        ("API Viewer", weather),
        ("API Consumer", "0a6f2c0e-0000-4000-8000-00000000000b"),
    }
    assert ops(bench) == []


def test_a_new_team_gets_its_roles_in_the_same_run(bench: Bench) -> None:
    bench.sim.store.add_api("Weather")
    bench.manifest(ROLES)
    assert bench.run("apply", "--yes").code == 0
    assert ops(bench) == []


def test_absent_roles_are_not_read_and_not_managed(bench: Bench) -> None:
    bench.team("reds")
    bench.sim.store.add_role(bench.teams["reds"])
    bench.manifest("teams: [{name: reds}]\n")
    assert ops(bench) == []
    assert not [read for read in bench.reads if "roles" in read]
    bench.manifest("teams: [{name: reds, roles: []}]\n")
    assert ops(bench) == [("unassign_role", "offboard")]
    assert bench.run("drift", "-o", "json").json["portals"][0]["findings"][0]["kind"] == "setting"


@pytest.mark.wide(2)
@pytest.mark.parametrize(("there", "code"), [(0, "unknown_api"), (2, "ambiguous_api")])
def test_a_name_must_be_that_of_one_api(bench: Bench, there: int, code: str) -> None:
    for _ in range(there):
        bench.sim.store.add_api("Weather")
    bench.team("reds")
    bench.sim.store.add_role(bench.teams["reds"])
    bench.manifest(ROLES)
    done = bench.run("plan", "-o", "json")
    (portal,) = done.json["portals"]
    assert (done.code, portal["changes"]) == (3, [])
    (refusal,) = portal["refusals"]
    assert (refusal["code"], refusal["team"]) == (code, "reds")
    assert "portals/partners.yaml:9:13" in refusal["message"]


def test_a_portal_that_does_not_list_apis_is_an_error_that_says_what_to_write(bench: Bench) -> None:
    bench.sim.inject(Fault("status", status=403, path="/v3/apis"))
    bench.manifest(ROLES)
    done = bench.run("plan")
    assert done.code == 1
    assert "write their ids under `roles:`" in done.err


def test_what_a_classic_portal_cannot_do_is_found_offline(bench: Bench) -> None:
    bench.manifest(ROLES + 'overrides: [{developer: a@b.example, status: approved, reason: "x", invite: true}]\n')
    path = bench.folder / "partners.yaml"
    path.write_text(path.read_text().replace("provider: konnect", "provider: konnect-v2"))
    done = bench.run("validate")
    assert done.code == 65
    assert "partners.yaml:9:13: Kong Konnect (v2, classic) does not report the names of APIs" in done.err
    assert "partners.yaml:10:13: Kong Konnect (v2, classic) creates no account for an address" in done.err


# Requests for access

REQUESTS = """
trusted_domains: [club.example]
denied_domains: [bad.example]
teams: [{name: reds, members: [sam@agency.example]}]
access_requests:
  - {products: [Weather], domains: [club.example, bad.example], status: approved, reason: "Public data"}
  - {products: [Scores], teams: [reds], status: approved}
"""


def ask(bench: Bench, address: str, api: str, **more: str) -> str:
    return register(bench, address, "App", api, status="pending", **more)


def test_requests_of_people_who_are_let_in_are_approved_and_no_others(bench: Bench) -> None:
    bench.people(
        pending=["new@club.example"],
        approved=["ann@club.example", "sam@agency.example", "x@bad.example", "y@else.example"],
        revoked=["out@club.example"],
    )
    wanted = {
        ask(bench, "new@club.example", "Weather"),
        ask(bench, "ann@club.example", "Weather"),
        ask(bench, "sam@agency.example", "Scores"),
    }
    for address in ("x@bad.example", "y@else.example", "out@club.example"):
        ask(bench, address, "Weather")
    ask(bench, "ann@club.example", "Scores")
    ask(bench, "sam@agency.example", "Weather")
    bench.manifest(REQUESTS)
    (portal,) = bench.run("plan", "-o", "json").json["portals"]
    asked = [change for change in portal["changes"] if change["op"] == "approve_request"]
    assert {change["before"]["request_id"] for change in asked} == wanted
    assert {(change["class"], change["why"][0]["rule"]) for change in asked} == {("onboard", "access_requests")}
    before = statuses(bench)
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.err + done.out
    after = statuses(bench)
    assert {key for key in after if after[key] != before[key]} == wanted
    assert not [op for op, _ in ops(bench) if op == "approve_request"]
    assert bench.run("drift", "-o", "json").json["portals"][0]["findings"][0]["kind"] != "backlog"


def test_a_request_needs_the_approval_of_its_person(bench: Bench) -> None:
    bench.people(pending=["new@club.example"])
    ask(bench, "new@club.example", "Weather")
    bench.manifest(REQUESTS)
    bench.sim.inject(Fault("status", status=400, method="PATCH", path="*/developers/*"))
    done = bench.run("apply", "--yes")
    assert done.code == 4
    assert not [write for write in bench.writes if "registrations" in write]


def test_a_request_that_shows_late_as_approved_is_not_approved_twice(bench: Bench) -> None:
    """The second approval would send a second e-mail."""
    bench.people(approved=["ann@club.example"])
    asked = ask(bench, "ann@club.example", "Weather")
    bench.manifest(REQUESTS)
    before = len(bench.writes)
    late = [False]

    def lag(request: Request) -> None:
        """Let the first look after the write show what was before it."""
        if request.method == "PATCH" and "registrations" in request.path and not late[0]:
            late[0] = True
            for path, field in (("*/registrations/*", "status"), ("*registrations", "data.*.status")):
                bench.sim.inject(Fault("set", method="GET", path=path, field=field, value="pending", times=1))

    bench.sim.on_request(lag)
    bench.sim.inject(Fault("drop-after", method="PATCH", path="*/registrations/*", times=1))
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.out
    assert sum(asked in write for write in bench.writes[before:]) == 1
    assert statuses(bench)[asked] == "approved"


def test_requests_are_read_only_where_a_rule_speaks_of_them(bench: Bench) -> None:
    bench.people(approved=["ann@club.example"])
    ask(bench, "ann@club.example", "Weather")
    bench.manifest("trusted_domains: [club.example]\n")
    bench.run("plan")
    assert not [read for read in bench.reads if "registrations" in read]


def test_whose_application_nobody_tells_waits(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(behaviour=Behaviour(application_owner=False))
    bench.people(approved=["ann@club.example"])
    ask(bench, "ann@club.example", "Weather")
    bench.manifest(REQUESTS)
    done = bench.run("plan", "-o", "json")
    (portal,) = done.json["portals"]
    assert "approve_request" not in {change["op"] for change in portal["changes"]}
    assert "unowned_request" in {notice["code"] for notice in portal["notices"]}


def test_an_access_rule_says_whose_requests(bench: Bench) -> None:
    bench.manifest("access_requests: [{products: [Weather], status: approved}]\n")
    done = bench.run("plan")
    assert done.code == 65
    assert "write `domains` or `teams`" in done.err
