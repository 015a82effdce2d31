"""Answers to sign-up forms, from the portal to the plan: where they may lead, and what they can never do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from portalctl.simulator.server import Behaviour
from tests.conftest import HEAD, PORTAL_ID, Bench, portalctl

DEPARTMENT = {
    "type": "select",
    "mode": "single_select",
    "name": "department",
    "label": "Department",
    "required": True,
    "options": [{"value": name, "label": name.title()} for name in ("payments", "platform", "core")],
}
COMPANY = {"type": "text", "name": "company", "label": "Company"}
RULES = """trusted_domains:
  - domain: city.example
    teams_by: {field: department, map: {payments: [payments], core: [core]}}
teams:
  - {name: payments, self_service: true}
  - {name: core, self_service: true}
"""
ANNA, BOB, EVE = "anna@city.example", "bob@city.example", "eve@evil.example"
LABELLED = pytest.mark.parametrize("shape", ["described", "plain", "rows"])


def asked(bench: Bench, *fields: Any) -> str:
    return bench.sim.store.add_form(PORTAL_ID, fields or (DEPARTMENT, COMPANY))


def signed_up(bench: Bench, email: str, status: str = "pending", **answers: Any) -> None:
    forms = bench.sim.store.forms(PORTAL_ID)
    bench.emails[email] = bench.sim.store.add_developer(PORTAL_ID, email, status=status)
    if answers:
        bench.sim.store.set_answers(bench.emails[email], answers, forms[0]["id"] if forms else None)


def test_the_vendors_how_to_is_a_manifest(bench: Bench) -> None:
    """Kong's "Assign developers to a team with a custom sign-up form", step by step; a manifest does the curl."""
    headers = {"Authorization": f"Bearer {bench.sim.token}"}
    with httpx.Client(base_url=bench.sim.url, headers=headers, trust_env=False) as api:
        base = f"/v3/portals/{PORTAL_ID}"
        for name in ("Payments", "Platform"):
            team = {"name": name, "description": f"The {name} engineering team"}
            assert api.post(f"{base}/teams", json=team).status_code == 201
        assert api.patch(base, json={"auto_approve_developers": False}).status_code == 200
        form = {
            "type": "developer_registration",
            "status": "published",
            "fields": [
                {"type": "text", "name": "full_name", "label": "Full name", "required": True},
                {"type": "email", "name": "email", "label": "Email address", "required": True},
                DEPARTMENT,
                {"type": "submit", "name": "submit", "value": "Create account"},
            ],
        }
        assert api.post(f"{base}/forms", json=form).status_code == 201
        jordan = {"full_name": "Jordan Blake", "email": "jordan.blake@example.com"}
        created = api.post(f"{base}/developers", json=jordan | {"additional_data": {"department": "payments"}})
        assert created.json()["status"] == "pending"
    bench.manifest("""trusted_domains:
  - domain: example.com
    teams_by: {field: department, map: {payments: [Payments], platform: [Platform]}}
teams:
  - {name: Payments, self_service: true}
  - {name: Platform, self_service: true}
""")
    shown = bench.run("plan")
    assert "jordan.blake@example.com  joins Payments" in shown.told
    assert "jordan.blake@example.com  Department: payments" in shown.told
    bench.sim.clear_log()
    assert bench.run("apply", "--yes").code == 0
    assert [write.split("/")[-1] for write in bench.writes] == ["developers", created.json()["id"]]
    assert [write.split()[0] for write in bench.writes] == ["POST", "PATCH"]
    assert (bench.members("Payments"), bench.members("Platform")) == ({"jordan.blake@example.com"}, set())
    assert bench.status("jordan.blake@example.com") == "approved"
    assert "nothing to do" in bench.run("plan").out


@LABELLED
def test_answers_of_every_shape_lead_to_teams(make_bench: Callable[..., Bench], shape: Any) -> None:
    bench = make_bench(behaviour=Behaviour(additional_data=shape))
    asked(bench)
    signed_up(bench, ANNA, department="payments")
    signed_up(bench, BOB, department="platform")
    signed_up(bench, EVE, department="payments")
    bench.manifest(RULES)
    planned = bench.run("plan", "-o", "json")
    [portal] = planned.json["portals"]
    assert [change["id"] for change in portal["changes"] if change["developer"]] == [
        f"add_member:{ANNA}:payments",
        f"approve:{ANNA}",
        f"approve:{BOB}",
    ]
    [why] = next(change["why"] for change in portal["changes"] if change["op"] == "add_member")
    place = {"file": "portals/partners.yaml", "line": 7}
    assert why == why | place | {"rule": "trusted_domains", "field": "department", "answer": "payments"}
    assert bench.run("apply", "--yes").code == 0
    assert (bench.members("payments"), bench.members("core")) == ({ANNA}, set())
    assert bench.status(EVE) == "pending"


@pytest.mark.parametrize("unset", ["absent", "null", "empty"])
def test_no_answer_leads_to_no_team(make_bench: Callable[..., Bench], unset: Any) -> None:
    bench = make_bench(behaviour=Behaviour(answers_unset=unset))
    asked(bench)
    signed_up(bench, ANNA)
    bench.manifest(RULES)
    assert bench.run("apply", "--yes").code == 0
    assert (bench.status(ANNA), bench.members("payments")) == ("approved", set())


@pytest.mark.parametrize(
    ("wrong", "place", "words"),
    [
        ("field: company, map: {payments: [payments]}", "8:23", "its answer is free text (type 'text')"),
        ("field: Department, map: {payments: [payments]}", "8:23", "did you mean 'department'?"),
        ("field: department, map: {paymets: [payments]}", "8:41", "did you mean 'payments'?"),
        ("field: department, map: {Sales: [payments]}", "8:41", "its options: 'payments', 'platform', 'core'"),
    ],
)
def test_a_mapping_is_checked_against_the_form(bench: Bench, wrong: str, place: str, words: str) -> None:
    asked(bench)
    signed_up(bench, ANNA, department="payments", company="payments")
    before = "field: department, map: {payments: [payments], core: [core]}"
    bench.manifest(RULES.replace(before, wrong))
    assert bench.run("validate").code == 0
    for command in ("plan", "drift", "apply"):
        done = bench.run(command, *(["--yes"] if command == "apply" else []))
        assert done.code == 65
        assert f"portals/partners.yaml:{place}: " in done.err
        assert words in done.err
    assert bench.writes == []


def test_an_unpublished_form_asks_nothing(bench: Bench) -> None:
    bench.sim.store.add_form(PORTAL_ID, [DEPARTMENT], status="unpublished")
    bench.manifest(RULES)
    done = bench.run("plan")
    assert done.code == 65
    assert "no published sign-up form of its own" in done.err


@pytest.mark.parametrize("status", ["403", "404"])
def test_a_form_that_cannot_be_read_takes_nothing(make_bench: Callable[..., Bench], status: Any) -> None:
    bench = make_bench(behaviour=Behaviour(forms=status))
    signed_up(bench, ANNA, "approved")
    bench.team("payments", ANNA)
    bench.manifest(RULES.replace("self_service: true}", "self_service: true, membership: exclusive}"))
    for command in (("plan",), ("apply", "--yes"), ("drift",), ("report",)):
        done = bench.run(*command) if command != ("report",) else access(bench)
        assert done.code == 1, done.err
        assert f"returned {status} to GET /v3/portals/{PORTAL_ID}/forms" in done.err
        assert "kong:trace:" in done.err
    assert bench.writes == []
    bench.manifest("trusted_domains: [city.example]\n")
    assert bench.run("plan").code == 0


def access(bench: Bench, *words: str) -> Any:
    env = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    return portalctl("report", "access", "-f", "portals", *words, env=env)


def test_removals_by_an_answer_are_limited_like_any_other(bench: Bench) -> None:
    asked(bench)
    people = [f"p{number}@city.example" for number in range(12)]
    for one in people:
        signed_up(bench, one, "approved", department="platform")
    bench.team("payments", *people)
    bench.manifest(RULES.replace("self_service: true}", "self_service: true, membership: exclusive}"))
    refused = bench.run("plan")
    assert refused.code == 3
    assert bench.run("apply", "--yes").code == 3
    assert bench.members("payments") == set(people)
    bench.manifest(RULES)
    assert "no developer gains or loses access" in bench.run("plan").out or bench.run("plan").code == 0
    assert bench.run("apply", "--yes").code == 0
    assert bench.members("payments") == set(people)


def test_an_answer_leads_to_a_team_of_the_root_file_only(bench: Bench) -> None:
    bench.manifest(RULES.replace("core, self_service: true", "core"))
    done = bench.run("validate")
    assert done.code == 65
    assert "portals/partners.yaml:8:70: 'core': developers choose their answer themselves" in done.err
    assert "(line 11)" in done.err


@pytest.mark.parametrize(
    ("grant", "fragment", "words"),
    [
        (
            "{teams: [payments], domains: [city.example]}",
            "teams:\n  - {name: payments, self_service: true}\n",
            "`self_service` is never granted to another file",
        ),
        (
            "{all: true}",
            "teams:\n  - {name: payments, self_service: true}\n",
            "`self_service` is never granted to another file",
        ),
        (
            "{teams: [core], domains: [city.example]}",
            "trusted_domains:\n  - {domain: city.example, teams_by: {field: department, map: {core: [payments]}}}\n",
            "'payments': team not granted to this file",
        ),
        (
            "{teams: [payments], domains: [city.example]}",
            "trusted_domains:\n"
            "  - {domain: city.example, teams_by: {field: department, map: {core: [payments]}, otherwise: [core]}}\n",
            "'core': team not granted to this file",
        ),
    ],
)
def test_a_fragment_gives_itself_no_team(bench: Bench, grant: str, fragment: str, words: str) -> None:
    teams = "teams:\n  - {name: payments, self_service: true}\n  - {name: core, self_service: true}\n"
    bench.manifest(f"{teams}delegate:\n  city.yaml: {grant}\n")
    (bench.folder / "city.yaml").write_text(f"version: 1\nportal: partners\n{fragment}")
    done = bench.run("validate")
    assert done.code == 65
    assert words in done.err
    fine = "trusted_domains:\n  - {domain: city.example, teams_by: {field: department, map: {core: [payments]}}}\n"
    bench.manifest(f"{teams}delegate:\n  city.yaml: {{teams: [payments], domains: [city.example]}}\n")
    (bench.folder / "city.yaml").write_text(f"version: 1\nportal: partners\n{fine}")
    assert bench.run("validate").code == 0


@pytest.mark.parametrize("provider", ["provider: konnect-v2", "provider: api7"])
def test_portals_without_forms(bench: Bench, provider: str) -> None:
    bench.manifest(RULES)
    path = bench.folder / "partners.yaml"
    head = HEAD.replace("provider: konnect", provider)
    path.write_text(path.read_text().replace(HEAD, head))
    done = bench.run("plan")
    assert done.code == 65
    assert ("has no sign-up forms with choices" in done.err) == (provider == "provider: konnect-v2")
    assert bench.reads == []


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("{field: department}", "the key 'map' is missing here"),
        ("{field: department, map: {}}", "expected at least one entry"),
        ("{field: department, map: {payments: payments}}", "expected a list, found text ('payments')"),
        ("{field: department, map: {payments: [payments]}, else: []}", "unknown key 'else'"),
        ("{field: department, map: {payments: [paymnts]}}", "did you mean 'payments'"),
        ("{field: department, map: {payments: [payments, payments]}}", "this team is listed twice"),
        ("{field: 3, map: {payments: [payments]}}", "expected text, found a number (3); put it in quotes"),
        ("department", "expected a mapping, found text ('department')"),
        ("{field: department, map: [payments]}", "expected a mapping, found a list"),
    ],
)
def test_what_a_mapping_cannot_be(bench: Bench, written: str, words: str) -> None:
    bench.manifest(RULES.replace("{field: department, map: {payments: [payments], core: [core]}}", written))
    done = bench.run("validate")
    assert done.code == 65
    assert words in done.err


def test_a_snapshot_has_the_form_and_the_answers(bench: Bench, tmp_path: Path) -> None:
    asked(bench)
    signed_up(bench, ANNA, department="payments")
    bench.manifest(RULES)
    saved = str(tmp_path / "portal.json")
    assert bench.run("snapshot", "--out", saved).code == 0
    live = bench.run("plan", "-o", "json").json["portals"]
    bench.sim.clear_log()
    planned = bench.run("plan", "--snapshot", saved, "-o", "json").json["portals"]
    assert (planned[0]["changes"], planned[0]["submitted_forms"]) == (live[0]["changes"], live[0]["submitted_forms"])
    assert bench.reads == []
    bench.manifest(RULES.replace("payments: [payments]", "paymnts: [payments]"))
    assert bench.run("plan", "--snapshot", saved).code == 65


def test_a_snapshot_of_a_portal_without_forms_is_taken(make_bench: Callable[..., Bench], tmp_path: Path) -> None:
    bench = make_bench(behaviour=Behaviour(forms="403"))
    signed_up(bench, ANNA)
    bench.manifest("trusted_domains: [city.example]\n")
    saved = str(tmp_path / "portal.json")
    assert bench.run("snapshot", "--out", saved).code == 0
    assert bench.run("plan", "--snapshot", saved).code == 0
    bench.manifest(RULES)
    done = bench.run("plan", "--snapshot", saved)
    assert done.code == 1
    assert "returned 403" in done.err


TRICKS = "\x1b[31m <b>x</b> |@here ::error::x `code` joe@secret.example"


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json"])
@pytest.mark.parametrize("command", [("plan",), ("drift",), ("explain", EVE), ("report", "access")])
def test_answers_are_shown_inert_and_masked(bench: Bench, command: tuple[str, ...], form: str) -> None:
    asked(bench)
    signed_up(bench, EVE, department="core", company=TRICKS)
    bench.manifest(RULES)
    env = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    done = portalctl(*command, "-f", "portals", "-o", form, env=env)
    assert "Company" in done.out
    assert "secret.example" in done.out
    tricks = {"html": ["<b>x</b>"], "markdown": ["|@here", "::error::"], "text": ["::error::"], "json": []}[form]
    assert [trick for trick in ("\x1b", *tricks) if trick in done.out] == []
    masked = portalctl(*command, "-f", "portals", "-o", form, "--mask-emails", env=env)
    assert "core" in masked.out
    assert "(masked)" in masked.out
    assert "secret.example" not in masked.out
    assert "@here" not in masked.out


def test_a_request_shows_what_was_answered_with_it(bench: Bench) -> None:
    store = bench.sim.store
    signed_up(bench, ANNA, "approved")
    api = store.add_api("Orders")
    form = store.add_form(
        PORTAL_ID,
        [{"type": "textarea", "name": "why", "label": "Why do you need access?"}],
        type="api_registration",
        name="access",
    )
    application = store.add_application(PORTAL_ID, "Booking", bench.emails[ANNA])
    request = store.add_registration(application, "Orders", "pending", api_id=api)
    store.set_answers(request, {"why": "We show departures"}, form)
    bench.manifest(
        "trusted_domains: [city.example]\n"
        "access_requests:\n  - {products: [Orders], domains: [city.example], status: approved}\n"
    )
    shown = bench.run("plan")
    assert f"{ANNA}  asks for Orders (Booking): Why do you need access?: We show departures" in shown.told


def test_import_lists_the_fields_of_the_form(bench: Bench, tmp_path: Path) -> None:
    asked(bench, DEPARTMENT, COMPANY | {"name": "company", "label": "Evil\n# label"})
    out = tmp_path / "imported.yaml"
    words = ("--portal", "partners", "--provider", "konnect", "--region", "eu", "--portal-id", PORTAL_ID)
    env = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    done = portalctl("import", *words, "--out", str(out), env=env)
    assert done.code == 0, done.err
    text = out.read_text()
    assert "#   department (select, required): payments, platform, core\n" in text
    assert "#   company (text)\n" in text
    assert portalctl("validate", "-f", str(out)).code == 0
    assert portalctl("fmt", "--check", "-f", str(out)).code == 0


def test_fmt_keeps_a_mapping(bench: Bench) -> None:
    written = "{map: {payments: [payments], core: [core]}, field: department}"
    bench.manifest(RULES.replace("{field: department, map: {payments: [payments], core: [core]}}", written))
    assert bench.run("fmt").code == 0
    assert (
        "{field: department, map: {payments: [payments], core: [core]}}"
        in (bench.folder / "partners.yaml").read_text()
    )


def test_explain_tells_which_answer_leads_where(bench: Bench) -> None:
    asked(bench)
    signed_up(bench, ANNA, department="core")
    bench.manifest(RULES)
    told = bench.run("explain", ANNA).told
    assert "by the answer to department: in payments for payments; in core for core" in told
    assert "answered Department: core" in told
    team = bench.run("explain", "payments", "--as", "team").told
    assert "developers at city.example who answered payments to department belong to it" in team
    offline = bench.run("explain", "city.example", "--offline")
    assert "by the answer to department" in offline.told


def test_ping_checks_that_forms_can_be_read(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(behaviour=Behaviour(forms="403"))
    bench.manifest(RULES)
    done = bench.run("ping")
    assert done.code == 1
    assert "forms" in done.out
    bench.manifest("trusted_domains: [city.example]\n")
    assert bench.run("ping").code == 0


def test_a_saved_plan_with_answers_is_applied(bench: Bench, tmp_path: Path) -> None:
    asked(bench)
    signed_up(bench, ANNA, department="payments", company="Acme")
    bench.manifest(RULES)
    out = tmp_path / "plan.json"
    assert bench.run("plan", "--out", str(out)).code == 0
    plan = json.loads(out.read_text())
    env = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    plan["portals"][0]["submitted_forms"] = []
    out.write_text(json.dumps(plan))
    assert portalctl("apply", str(out), "--yes", env=env).code == 0
    assert bench.members("payments") == {ANNA}


def test_access_tests_try_answers(bench: Bench) -> None:
    bench.manifest(RULES)
    entries = (
        "{developer: anna@city.example, teams: [payments], not_teams: [core], answers: {department: payments}}",
        "{developer: anna@city.example, teams: [payments, core], answers: {department: [payments, core]}}",
        "{developer: anna@city.example, teams: [], answers: {department: sales}}",
        "{domain: city.example, teams: [core], answers: {department: core}}",
        "{domain: city.example, is: approved, teams: []}",
        "{domain: evil.example, is: unmatched, teams: [], answers: {department: core}}",
    )
    file = bench.folder / "answers.test.yaml"
    file.write_text("version: 1\nexpectations:\n" + "".join(f"  - {entry}\n" for entry in entries))
    passed = bench.run("test")
    assert (passed.code, passed.out) == (0, "6 expectations: 6 passed, 0 failed.\n")
    assert bench.reads == []
    file.write_text(file.read_text().replace("teams: [core], answers: {department: core}", "teams: [core]"))
    failed = bench.run("test")
    assert failed.code == 2
    assert "expected in core, found in no team" in failed.out
    file.write_text(
        "version: 1\nexpectations:\n  - {domain: city.example, is: approved, answers: {departmen: core}}\n"
    )
    wrong = bench.run("test")
    assert wrong.code == 65
    assert "answers.test.yaml:3:52: 'departmen': no `teams_by` maps this field; did you mean" in wrong.err


def test_the_vendors_review_of_partner_requests_is_a_manifest(bench: Bench) -> None:
    """Kong's "Review partner API access requests with Dev Portal custom forms", step by step."""
    api_id = bench.sim.store.add_api("Flights")
    headers, base = {"Authorization": f"Bearer {bench.sim.token}"}, f"/v3/portals/{PORTAL_ID}"
    submit = {"type": "submit", "name": "submit", "value": "Request access"}
    sign_up = [
        {"type": "text", "name": "full_name", "label": "Full name", "required": True},
        {"type": "email", "name": "email", "label": "Email address", "required": True},
        {"type": "text", "name": "company_name", "label": "Company name", "required": True},
        submit,
    ]
    reason = [
        {"type": "text", "name": "api_id", "label": "API"},
        {"type": "textarea", "name": "business_justification", "label": "Why do you need access?", "required": True},
        submit,
    ]
    with httpx.Client(base_url=bench.sim.url, headers=headers, trust_env=False) as api:
        form = {"type": "developer_registration", "status": "published", "fields": sign_up}
        assert api.post(f"{base}/forms", json=form).status_code == 201
        form = {"type": "api_registration", "name": "api-registration", "status": "published", "fields": reason}
        form_id = api.post(f"{base}/forms", json=form).json()["id"]
        linked = api.put(f"/v3/apis/{api_id}/publications/{PORTAL_ID}", json={"form_id": form_id})
        assert linked.status_code == 200
        raina = {"full_name": "Raina Sovani", "email": "raina.sovani@example.com"}
        answers = {"company_name": "Example Air"}
        owner = api.post(f"{base}/developers", json=raina | {"additional_data": answers}).json()["id"]
        booking = {"name": "Integration", "owner": {"id": owner, "type": "developer"}}
        application = api.post(f"{base}/applications", json=booking).json()["id"]
        request = {"api_id": api_id, "additional_data": {"business_justification": "Showing departures"}}
        path = f"{base}/applications/{application}/registrations"
        assert api.post(path, json=request).json()["status"] == "pending"
    rules = "access_requests:\n  - {products: [Flights], domains: [example.com], status: approved}\n"
    bench.manifest(rules)
    shown = bench.run("plan")
    assert "raina.sovani@example.com  Company name: Example Air" in shown.told
    assert "asks for Flights (Integration): Why do you need access?: Showing departures" in shown.told
    masked = bench.run("plan", "--mask-emails")
    assert "Example Air" not in masked.out
    assert "departures" not in masked.out
    assert bench.writes[-1].startswith("POST")  # of the steps above: nothing was written since
    bench.manifest(f"trusted_domains: [example.com]\n{rules}")
    assert bench.run("apply", "--yes").code == 0
    assert bench.status("raina.sovani@example.com") == "approved"
    [registration] = bench.sim.store.registrations(PORTAL_ID)
    assert registration["status"] == "approved"
