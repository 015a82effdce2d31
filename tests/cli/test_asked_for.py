"""A confused gateway: what answers must be the portal, the developer, the team … that was asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portalctl.simulator.faults import Fault
from tests.cli.test_api7 import PORTAL as API7_PORTAL
from tests.cli.test_api7 import Bench as Api7Bench
from tests.cli.test_api7 import make as make  # noqa: PLC0414 (a fixture)
from tests.conftest import PORTAL_ID, Bench, Done, portalctl

OTHER = "00000000-0000-4000-8000-0000000000ff"
RULES = """
policy: {limits: {removals: 100, removals_percent: 100}}
trusted_domains: [{domain: city.example, teams: [reds]}]
teams:
  - {name: reds, membership: exclusive, description: Reds}
  - {name: blues, roles: [{role: API Viewer, api: 0a6f2c0e-0000-4000-8000-00000000000b}]}
  - {name: greens}
overrides:
  - {developer: gone@city.example, status: revoked, reason: "Left", on_revoke: revoke_registrations}
"""
BAD_IDS = ["", ".", "..", "../portals", "a/b", "a%2fb", "a?b", "a#b", "a\nb", "a\x00b", "ä", "x" * 10_000]
pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.slow]  # many cases, each with a simulator of its own


def fill(bench: Bench) -> None:
    bench.people(pending=["ann@city.example", "bob@city.example"], approved=["gone@city.example", "out@x.example"])
    bench.team("reds", "out@x.example", description="old")
    bench.team("blues")
    app = bench.sim.store.add_application(PORTAL_ID, "App", bench.emails["gone@city.example"])
    bench.sim.store.add_registration(app, api_name="Weather")
    other = bench.sim.store.add_portal("production", id=OTHER, classic=bench.classic)
    for address in ("gone@city.example", "new@city.example"):
        bench.sim.store.add_developer(other, address, status="pending")
    bench.manifest(RULES)


@pytest.fixture(params=["konnect", "konnect-v2"])
def club(request: pytest.FixtureRequest, make_bench: Callable[..., Bench]) -> Bench:
    bench = make_bench(classic=request.param == "konnect-v2")
    fill(bench)
    return bench


def clear(done: Done, *words: str) -> None:
    """Exit 1 with one clear error, which has these words."""
    assert done.code == 1, done.out + done.err
    (line,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    for word in words:
        assert word in line
    assert len(done.err) < 3_000
    assert "internal error" not in done.err


@pytest.mark.wide(3)
@pytest.mark.parametrize("command", ["plan", "apply", "drift", "snapshot", "explain", "ping"])
def test_nothing_is_read_from_another_portal(club: Bench, command: str) -> None:
    club.sim.inject(Fault("misroute", path=f"*/portals/{PORTAL_ID}*"))
    words = {"apply": ["--yes"], "snapshot": ["--out", "s.json"], "explain": ["ann@city.example"]}.get(command, [])
    done = club.run(command, *words)
    told = done.out if command == "ping" else done.err
    assert done.code == 1
    path = f"GET /v{2 if club.classic else 3}/portals/{PORTAL_ID} returned another portal than the one asked for"
    assert path in told
    assert f"asked for '{PORTAL_ID}', returned '{OTHER}'" in told
    assert club.writes == []
    assert not Path("s.json").exists()
    if command != "ping":
        clear(done, "(14334")  # with the trace


def test_a_saved_plan_is_not_applied_through_a_confused_gateway(club: Bench) -> None:
    assert club.run("plan", "--out", "plan.json").code == 0
    club.sim.inject(Fault("misroute", path=f"*/portals/{PORTAL_ID}*"))
    env = {"KONNECT_SERVER_URL": club.sim.url, "KONNECT_TOKEN": club.sim.token}
    clear(portalctl("apply", "plan.json", "--yes", env=env), "returned another portal")
    assert club.writes == []


def test_uuids_are_compared_without_letter_case(club: Bench) -> None:
    club.sim.inject(Fault("set", path=f"*/portals/{PORTAL_ID}", field="id", value=PORTAL_ID.upper(), times=1))
    assert club.run("plan").code in {0, 1}
    assert "another portal" not in club.run("plan").err


def test_a_title_is_the_name_or_the_display_name_and_nothing_else(bench: Bench) -> None:
    for title, code in (("partners", 0), ("Partners", 0), ("PARTNERS", 1), ("partner", 1), ("", 65)):
        manifest = bench.folder / "partners.yaml"
        manifest.write_text(f"version: 1\nportal: {{name: partners, provider: konnect, title: '{title}'}}\n")
        assert bench.run("plan").code == code, title
    bench.sim.store.add_portal("Partners")
    manifest.write_text("version: 1\nportal: {name: partners, provider: konnect, title: Partners}\n")
    clear(bench.run("plan"), "more than one portal titled 'Partners'")


def test_the_portals_that_are_there_are_not_all_printed(bench: Bench) -> None:
    for number in range(150):
        bench.sim.store.add_portal(f"portal {number} {'x' * 200}")
    (bench.folder / "partners.yaml").write_text("version: 1\nportal: {name: partners, provider: konnect, title: x}\n")
    done = bench.run("plan")
    clear(done, "no portal titled 'x'")
    assert "and 141 more" in done.err


# Rows


@pytest.mark.wide(5)
@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("*/developers", "data.*.portal_id"),
        ("*/teams", "data.*.portal_id"),
        ("*/teams/*/developers", "data.*.portal_id"),
        ("*/application-registrations", "data.*.portal_id"),
        ("*/applications", "data.*.portal.id"),
    ],
)
@pytest.mark.parametrize("value", [OTHER, '["x"]', "7"])
def test_rows_of_another_portal_are_an_error(club: Bench, path: str, field: str, value: str) -> None:
    club.sim.inject(Fault("set", method="GET", path=f"*/portals/{PORTAL_ID}{path[1:]}", field=field, value=value))
    done = club.run("apply", "--yes")
    if path == "*/applications" and club.classic:
        assert done.code == 0, "v2 tells whose a registration is, so nobody asks"
        return
    clear(done, "returned another portal than the one asked for", f"asked for '{PORTAL_ID}'")
    assert club.writes == []


@pytest.mark.wide(1)
@pytest.mark.parametrize("value", ["", PORTAL_ID, PORTAL_ID.upper(), "null"])
def test_rows_that_name_this_portal_or_none_are_read(club: Bench, value: str) -> None:
    club.sim.inject(Fault("set", method="GET", path="*/developers", field="data.*.portal_id", value=value))
    assert club.run("plan").code == 0


@pytest.mark.wide(4)
@pytest.mark.parametrize("bad", BAD_IDS, ids=lambda bad: ascii(bad[:12]))
@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("*/developers", "data.*.id"),
        ("*/teams", "data.*.id"),
        ("*/teams/*/developers", "data.*.id"),
        ("*/application-registrations", "data.*.id"),
        ("*/application-registrations", "data.*.application.id"),
    ],
)
def test_an_id_that_cannot_stand_in_a_path_is_an_error(club: Bench, path: str, field: str, bad: str) -> None:
    club.sim.inject(Fault("set", method="GET", path=path, field=field, value=json.dumps(bad)))
    done = club.run("apply", "--yes")
    clear(done, "should match pattern" if "application.id" in field else "is not a valid id")
    assert club.writes == []
    assert all("/../" not in read and "%" not in read for read in club.reads)


def test_an_id_that_is_the_token_is_not_shown(club: Bench) -> None:
    club.sim.inject(Fault("set", method="GET", path=f"*/portals/{PORTAL_ID}", field="id", value=club.sim.token))
    done = club.run("plan")
    clear(done, "'[token]'")
    assert club.sim.token not in done.err + done.out


# Writes

WRITES: list[tuple[str, str, str, str]] = [
    # change, method, path, field of the answer
    ("approve:ann@city.example", "PATCH", "*/developers/*", "id"),
    ("create_team:greens", "POST", "*/teams", "name"),
    ("update_team:reds", "PATCH", "*/teams/*", "id"),
    ("revoke_registration:gone@city.example", "PATCH", "*/registrations/*", "id"),
    ("revoke_registration:gone@city.example", "PATCH", "*/registrations/*", "application.id"),
    ("revoke_registration:gone@city.example", "PATCH", "*/registrations/*", "portal_id"),
    ("assign_role:blues", "POST", "*/assigned-roles", "role_name"),
    ("assign_role:blues", "POST", "*/assigned-roles", "entity_id"),
    ("approve:ann@city.example", "PATCH", "*/developers/*", "portal_id"),
]


def results() -> dict[str, Any]:
    """The changes of the report, by id."""
    (portal,) = json.loads(Path("report.json").read_text())["portals"]
    return {change["id"]: change for change in portal["changes"]}


@pytest.mark.wide(6)
@pytest.mark.parametrize(("change", "method", "path", "field"), WRITES)
def test_after_a_write_an_answer_about_another_thing_is_unknown_and_ends_the_writing(
    club: Bench, change: str, method: str, path: str, field: str
) -> None:
    club.sim.inject(Fault("set", method=method, path=path, field=field, value=OTHER))
    done = club.run("apply", "--yes", "--report", "report.json", "--confirm-timeout", "0.2")
    assert done.code == 4, done.out + done.err
    told = results()
    found = [each for key, each in told.items() if key.startswith(change)]
    assert [each["result"] for each in found] == ["unknown"] * len(found)
    assert any("than the one asked for" in each["detail"] for each in found)
    assert all(f"returned '{OTHER}'" in each["detail"] for each in found if "returned" in each["detail"])
    later = "revoke:gone@city.example" if "registrations" in path else "remove_member:out@x.example:reds"
    assert told[later]["result"] == "skipped", "what would have come next is not sent any more"
    assert "the portal returned another object than the one requested" in told[later]["detail"]


def test_what_was_made_on_another_portal_is_never_confirmed(club: Bench) -> None:
    club.sim.inject(Fault("misroute", method="POST", path="*/teams"))
    done = club.run("apply", "--yes", "--report", "report.json", "--confirm-timeout", "0.2")
    assert done.code == 4
    assert results()["create_team:greens"]["result"] == "unknown"


@pytest.mark.parametrize("value", ["null", '""'])
def test_an_answer_without_the_id_is_taken(club: Bench, value: str) -> None:
    club.sim.inject(Fault("set", method="PATCH", path="*/developers/*", field="id", value="null"))
    club.sim.inject(Fault("set", method="PATCH", path="*/developers/*", field="portal_id", value=value))
    done = club.run("apply", "--yes", "--report", "report.json")
    assert done.code == 0, done.out
    assert {each["result"] for each in results().values()} == {"confirmed"}


@pytest.mark.wide(1)
@pytest.mark.parametrize("bad", ["../x", "", "a?b"])
def test_a_new_team_with_an_unusable_id_is_looked_up_by_its_name(club: Bench, bad: str) -> None:
    club.sim.inject(Fault("set", method="POST", path="*/teams", field="id", value=json.dumps(bad)))
    done = club.run("apply", "--yes", "--report", "report.json")
    assert done.code == 0, done.out
    assert results()["create_team:greens"]["result"] == "confirmed"


def test_a_new_team_with_the_id_of_another_team_gets_nobody(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    bench.people(approved=["ann@city.example"])
    bench.team("admins")
    bench.manifest("trusted_domains: [{domain: city.example, teams: [reds]}]\nteams: [{name: reds}]\n")
    bench.sim.inject(Fault("set", method="POST", path="*/teams", field="id", value=bench.teams["admins"]))
    done = bench.run("apply", "--yes", "--report", "report.json", "--confirm-timeout", "0.2")
    assert done.code == 4
    assert bench.members("admins") == set()
    assert {key: each["result"] for key, each in results().items()} == {
        "create_team:reds": "unknown",
        "add_member:ann@city.example:reds": "skipped",
    }


def test_an_invitation_answered_with_another_address_gives_that_account_nothing(bench: Bench) -> None:
    bench.manifest(
        "teams: [{name: reds}]\noverrides: [{developer: guest@a.example, status: approved, teams: [reds], "
        'reason: "Pilot", invite: true}]\n'
    )
    bench.sim.inject(Fault("set", method="POST", path="*/developers", field="email", value="eve@evil.example"))
    done = bench.run("apply", "--yes", "--report", "report.json", "--confirm-timeout", "0.2")
    assert done.code == 4
    told = results()
    assert told["create_developer:guest@a.example"]["result"] == "unknown"
    assert told["add_member:guest@a.example:reds"]["result"] == "skipped"


def test_reads_between_writes_are_held_to_it_too(club: Bench) -> None:
    club.sim.inject(Fault("set", method="GET", path="*/developers/*", field="id", value=OTHER))
    assert club.run("plan", "--out", "plan.json").code == 0
    env = {"KONNECT_SERVER_URL": club.sim.url, "KONNECT_TOKEN": club.sim.token}
    club.sim.store.set_developer(club.emails["bob@city.example"], email="robert@city.example")
    clear(portalctl("apply", "plan.json", "--yes", env=env), "another developer than the one asked for")
    assert club.writes == []


# API7

API7_RULES = """
policy: {allow_delete: true}
trusted_domains: [club.example]
overrides: [{developer: gone@club.example, status: absent, reason: "Left"}]
"""


@pytest.fixture
def dashboard(make: Callable[..., Api7Bench]) -> Api7Bench:
    bench = make()
    bench.sign_up("ann@club.example")
    bench.sign_up("bob@club.example")
    bench.sign_up("gone@club.example")
    bench.store.add_portal("portal-2", "Production")
    bench.manifest(API7_RULES)
    return bench


@pytest.mark.wide(1)
@pytest.mark.parametrize("command", ["plan", "drift", "snapshot", "explain"])
def test_developers_of_another_portal_are_an_error_on_api7(dashboard: Api7Bench, command: str) -> None:
    words = {"snapshot": ["--out", "s.json"], "explain": ["ann@club.example"]}.get(command, [])
    dashboard.sim.inject(Fault("set", path="/api/developers", field="list.*.portal_id", value="portal-2"))
    clear(dashboard.run(command, *words), f"asked for '{API7_PORTAL}', returned 'portal-2'")
    assert dashboard.writes == []


@pytest.mark.wide(3)
@pytest.mark.parametrize("bad", ["../x", "", "a?b", "x" * 10_000, "a\r\nX-Evil: 1"])
@pytest.mark.parametrize("path", ["/api/portals", "/api/developers", "/api/approvals"])
def test_an_id_that_cannot_stand_in_a_path_is_an_error_on_api7(dashboard: Api7Bench, path: str, bad: str) -> None:
    dashboard.sim.inject(Fault("set", path=path, field="list.*.id", value=json.dumps(bad)))
    clear(dashboard.run("plan"))


@pytest.mark.wide(1)
@pytest.mark.parametrize("field", ["value.id", "value.portal_id", "value.portal.id"])
def test_an_approval_answered_with_another_is_unknown_on_api7(dashboard: Api7Bench, field: str) -> None:
    dashboard.sim.inject(Fault("set", method="POST", path="/api/approvals/*", field=field, value="another"))
    done = dashboard.run("apply", "--yes", "--allow-delete", "--report", "report.json", "--confirm-timeout", "0.2")
    assert done.code == 4, done.out + done.err
    told = {key: each["result"] for key, each in results().items()}
    assert "confirmed" not in told.values()
    assert "unknown" in told.values()
    assert not [write for write in dashboard.writes if write.startswith("DELETE")]


def test_a_deletion_answered_with_another_developer_is_unknown_on_api7(make: Callable[..., Api7Bench]) -> None:
    bench = make()
    bench.sign_up("gone@club.example")
    bench.manifest("trusted_domains: [club.example]\n")
    assert bench.run("apply", "--yes").code == 0
    bench.manifest(API7_RULES)
    bench.sim.inject(Fault("set", method="DELETE", path="/api/developers/*", field="value.developer_id", value="x"))
    done = bench.run("apply", "--yes", "--allow-delete", "--report", "report.json", "--confirm-timeout", "0.2")
    assert done.code == 4, done.out + done.err
    assert [each["result"] for each in results().values()] == ["unknown"]


def test_an_account_made_under_another_id_is_unknown_on_api7(make: Callable[..., Api7Bench]) -> None:
    bench = make()
    bench.manifest('overrides: [{developer: org_new, status: approved, reason: "Known"}]\n')
    bench.sim.inject(Fault("set", method="POST", path="/api/developers", field="developer_id", value="org_else"))
    done = bench.run("apply", "--yes", "--report", "report.json", "--confirm-timeout", "0.2")
    assert done.code == 4, done.out + done.err
    assert [each["result"] for each in results().values()] == ["unknown"]
