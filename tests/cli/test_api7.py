"""An API7 Enterprise portal through the command line: the same manifest language, and what it cannot express."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from portalctl.simulator.api7.records import SimulatedDeveloper
from portalctl.simulator.api7.server import Api7Behaviour, Api7Simulator
from portalctl.simulator.server import Simulator
from tests.conftest import PORTAL_ID, Done, portalctl

pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.slow]  # many cases, each with a simulator of its own
PORTAL = "portal-1"
HEAD = f"""version: 1
portal: {{name: partners, provider: api7, id: {PORTAL}}}
"""
RULES = """
trusted_domains: [club.example]
denied_domains: [bad.example]
overrides:
  - {developer: guest@agency.example, status: approved, reason: "Pilot"}
  - {developer: org_named, status: approved, reason: "Known by id"}
  - {developer: held@club.example, status: pending, reason: "Contract is not signed"}
"""
GONE = """
policy: {allow_delete: true}
overrides:
  - {developer: gone@club.example, status: absent, reason: "Left"}
"""


class Bench:
    def __init__(self, sim: Api7Simulator, folder: Path) -> None:
        self.sim, self.store, self.folder = sim, sim.store, folder
        self.store.add_portal(PORTAL, "Partners")

    def sign_up(self, address: str | None, **more: Any) -> SimulatedDeveloper:
        name = more.pop("name", (address or "").partition("@")[0])
        return self.store.sign_up(PORTAL, address, name, developer_id=more.pop("id", f"org_{name}"), **more)

    def manifest(self, rules: str) -> None:
        (self.folder / "partners.yaml").write_text(HEAD + rules, encoding="utf-8")

    def run(self, command: str, *words: str, backend: bool = True, env: dict[str, str] | None = None) -> Done:
        given = {"API7_SERVER": self.sim.url, "API7_TOKEN": self.sim.token}
        if backend:
            given |= {"API7_PORTAL_SERVER": self.sim.portal_url, "API7_PORTAL_TOKEN": self.sim.portal_token}
        return portalctl(command, "-f", "portals", *words, env=given | (env or {}))

    def plan(self, *words: str) -> Any:
        (portal,) = self.run("plan", "-o", "json", *words).json["portals"]
        return portal

    def ids(self, *words: str) -> list[str]:
        return [change["id"] for change in self.plan(*words)["changes"]]

    @property
    def states(self) -> dict[str, str]:
        return {person.developer_id: person.state for person in self.store.developers(PORTAL)}

    @property
    def writes(self) -> list[str]:
        return [f"{exchange.method} {exchange.path}" for exchange in self.sim.log if exchange.method != "GET"]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Bench]]:
    folder = tmp_path / "portals"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        yield lambda tls=False, **behaviour: Bench(
            stack.enter_context(Api7Simulator(behaviour=Api7Behaviour(**behaviour), tls=tls)), folder
        )


@pytest.fixture
def bench(make: Callable[..., Bench]) -> Bench:
    return make()


def fill(bench: Bench) -> None:
    bench.sign_up("ann@club.example")
    bench.sign_up("unverified@club.example", verified=False)
    bench.sign_up("sso@club.example", provider="sso", verified=False)
    bench.sign_up("held@club.example")
    bench.sign_up("mallory@bad.example")
    bench.sign_up("guest@agency.example", verified=False)
    bench.sign_up(None, name="named")
    bench.sign_up("stranger@nowhere.example")
    bench.manifest(RULES)


def test_registrations_are_approved_through_their_approvals(bench: Bench) -> None:
    fill(bench)
    portal = bench.plan()
    assert [(change["op"], change["developer"]["id"]) for change in portal["changes"]] == [
        ("approve", "org_named"),
        ("approve", "org_ann"),
        ("approve", "org_guest"),
        ("approve", "org_sso"),
    ]
    assert portal["changes"][0]["developer"]["email"] is None
    assert [why["value"] for why in portal["changes"][3]["why"]] == ["club.example", "require_verified_email"]
    assert portal["changes"][3]["why"][1]["reason"] == "single sign-on verifies it"
    assert [(n["code"], n["developer"]) for n in portal["notices"]] == [
        ("unverified_address", "unverified@club.example")
    ]
    done = bench.run("apply", "--yes", backend=False, env={"API7_PORTAL_TOKEN": "a7prt-half-of-it"})
    assert done.code == 0, done.err + done.out
    assert {write.rpartition("/")[2] for write in bench.writes} == {"accept"}
    assert len(bench.writes) == 4
    assert {name for name, state in bench.states.items() if state == "Active"} == {
        "org_ann",
        "org_guest",
        "org_sso",
        "org_named",
    }
    assert bench.ids() == []
    assert bench.run("drift").code == 0


def test_without_require_verified_email_the_domain_is_enough(bench: Bench) -> None:
    bench.sign_up("unverified@club.example", verified=False)
    bench.manifest("policy: {require_verified_email: false}\ntrusted_domains: [club.example]\n")
    assert bench.ids() == ["approve:unverified@club.example"]


def test_whoever_is_denied_and_in_is_drift_with_the_remedy_and_never_written(bench: Bench) -> None:
    bench.sign_up("in@bad.example", state="Active")
    bench.manifest("denied_domains: [bad.example]\n")
    assert bench.ids() == []
    done = bench.run("drift", "-o", "json")
    assert done.code == 2
    (finding,) = done.json["portals"][0]["findings"]
    assert (finding["kind"], finding["wanted"]) == ("unexpected_grant", "override with status: absent")
    assert "override with `status: absent`" in bench.run("plan").out
    text = bench.run("drift").out
    assert "delete:" in text
    assert '- {developer: in@bad.example, status: absent, reason: "…"}' in text
    assert bench.writes == []


def test_only_of_who_is_to_be_deleted_is_the_backend_asked(bench: Bench) -> None:
    for state in ("Active", "Pending"):  # as many as like to sign up
        bench.sign_up(f"{state.lower()}@bad.example", state=state)
    bench.manifest(RULES.partition("overrides")[0])
    bench.run("plan")
    assert {exchange.service for exchange in bench.sim.log} == {"dashboard"}


def test_calls_to_both_services_are_counted(bench: Bench) -> None:
    bench.sign_up("gone@club.example", state="Active")
    bench.manifest(GONE)
    done = bench.run("drift", "--metrics", "m.prom")
    assert "approved; expected: no account" in done.out
    (calls,) = [line for line in Path("m.prom").read_text().splitlines() if line.startswith("portalctl_api_calls{")]
    assert float(calls.split()[-1]) == len(bench.sim.log)
    assert f"({len(bench.sim.log)} requests, " in done.err
    assert any(exchange.path == "/api/applications" for exchange in bench.sim.log)


@pytest.mark.parametrize(("state", "sent"), [("Pending", "reject"), ("Active", "DELETE")])
def test_absent_rejects_who_waits_and_deletes_who_is_in(bench: Bench, state: Any, sent: str) -> None:
    person = bench.sign_up("gone@club.example", state=state)
    application = bench.store.add_application(person, "Scores")
    bench.store.add_subscription(application, bench.store.add_product(PORTAL, "Weather"), status="subscribed")
    bench.manifest(GONE)
    assert bench.run("apply", "--yes").code == 3
    portal = bench.plan("--allow-delete")
    assert [change["op"] for change in portal["changes"]] == ["delete_developer"]
    assert portal["summary"]["removals"] == 1
    assert [notice["code"] for notice in portal["notices"]] == ["deleted_with_account", "deletion"]
    done = bench.run("apply", "--yes", "--allow-delete")
    assert done.code == 0, done.err + done.out
    assert [sent in write for write in bench.writes] == [True]
    assert bench.states == {}


def test_advice_on_taking_access_away_is_what_api7_can_do(bench: Bench) -> None:
    bench.sign_up("in@club.example", state="Active")
    bench.manifest("trusted_domains: [club.example]\n")
    shutil.copytree(bench.folder, "base")
    bench.manifest("trusted_domains: [other.example]\n")
    for form in ("markdown", "html"):
        told = bench.run("plan", "--base", "base", "-o", form).out
        assert "status: absent" in told
        assert "status: revoked" not in told


def test_what_api7_cannot_express_is_an_error_offline(bench: Bench) -> None:
    bench.manifest(
        "teams: [{name: reds}]\noverrides: [{developer: a@b.example, status: revoked, reason: x}]\n"
        "trusted_domains: [{domain: club.example, teams: [blues]}]\n"
    )
    done = portalctl("validate", "-f", "portals")
    assert done.code == 65
    assert "partners.yaml:5:19: API7 Enterprise has no teams; leave them out" in done.err
    assert "declares this team" not in done.err
    assert "partners.yaml:3:9: API7 Enterprise has no teams; leave them out" in done.err
    assert "partners.yaml:4:13: API7 Enterprise has no status revoked; write status: absent" in done.err


def test_an_account_for_a_developer_id_is_made_by_the_backend(bench: Bench) -> None:
    bench.manifest('overrides: [{developer: acme-dev, status: approved, reason: "Machine account"}]\n')
    assert bench.ids() == ["create_developer:acme-dev"]
    assert "+ acme-dev  new account, approved" in bench.run("explain", "acme-dev").out
    done = bench.run("apply", "--yes", backend=False)
    assert done.code == 64
    assert "PORTALCTL_PARTNERS_BACKEND_SERVER and PORTALCTL_PARTNERS_BACKEND_TOKEN" in done.err
    half = bench.run("apply", "--yes", backend=False, env={"API7_PORTAL_SERVER": bench.sim.portal_url})
    assert half.code == 64
    assert "create_developer needs the portal backend; API7_PORTAL_SERVER alone is not enough" in half.err
    assert bench.writes == []
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.err + done.out
    assert bench.writes == ["POST /api/developers"]
    assert bench.states == {"acme-dev": "Active"}
    assert bench.ids() == []


def test_what_cannot_be_tied_is_told_and_never_accepted(make: Callable[..., Bench]) -> None:
    bench = make(applicant_id="absent", resource_id="absent", applicant_name="name", resource_name="name")
    bench.sign_up("ann@club.example", name="Ann")
    bench.sign_up("ann@bad.example", name="Ann", id="org_other")
    bench.manifest("trusted_domains: [club.example]\n")
    portal = bench.plan()
    assert portal["changes"] == []
    codes = {notice["code"] for notice in portal["notices"]}
    assert {"untied_approval", "untied_registration"} == codes
    assert "Ann" in bench.run("plan").out
    assert "Ann" not in bench.run("plan", "--mask-emails", "-o", "markdown").out
    assert bench.run("apply", "--yes").code == 0
    assert bench.writes == []


def test_a_deletion_that_would_need_an_approval_that_cannot_be_tied_is_not_planned(
    make: Callable[..., Bench],
) -> None:
    bench = make(approval_portal="absent")
    bench.sign_up("gone@club.example")
    bench.manifest(GONE)
    portal = bench.plan("--allow-delete")
    assert portal["changes"] == []
    assert ("untied_registration", "gone@club.example") in [(n["code"], n["developer"]) for n in portal["notices"]]
    assert bench.run("apply", "--yes", "--allow-delete").code == 0
    assert bench.writes == []


def test_one_registration_that_cannot_be_tied_holds_back_nobody_s_removal(make: Callable[..., Bench]) -> None:
    bench = make(created_state="Pending", approval_portal="absent")
    bench.sign_up("gone@club.example", state="Active")
    bench.manifest(GONE + "  - {developer: org_new, status: approved, reason: Ours}\n")
    done = bench.run("apply", "--yes", "--allow-delete")
    assert done.code == 4
    assert "the account was created and is pending: no pending approval provably belongs to org_new" in done.out
    assert bench.states == {"org_new": "Pending"}


def test_whoever_is_protected_by_developer_id_is_not_deleted(bench: Bench) -> None:
    bench.sign_up("gone@club.example", state="Active")
    bench.manifest(GONE + "protected: [org_gone]\n")
    (refusal,) = bench.plan("--allow-delete")["refusals"]
    assert refusal["code"] == "protected"
    assert bench.run("apply", "--yes", "--allow-delete").code == 3
    assert bench.writes == []


def test_a_grant_by_developer_id_that_has_ended_is_expired_drift(bench: Bench) -> None:
    bench.sign_up(None, name="named", state="Active")
    override = "{developer: org_named, status: approved, reason: Pilot, expires: 2020-01-31}"
    bench.manifest(f"overrides: [{override}]\n")
    (finding,) = bench.run("drift", "-o", "json").json["portals"][0]["findings"]
    assert (finding["kind"], finding["wanted"]) == ("expired", "override with status: absent")
    assert bench.ids() == []


@pytest.mark.parametrize(("expires", "planned"), [("2020-01-31", []), ("2999-01-31", ["approve:ann@club.example"])])
def test_an_address_of_two_people_is_told_apart_by_developer_id_alone(
    bench: Bench, expires: str, planned: list[str]
) -> None:
    bench.sign_up("ann@club.example", id="org_one")
    bench.sign_up("ANN@club.example", id="org_two", name="other")
    override = f"{{developer: org_one, status: approved, reason: Known, expires: {expires}}}"
    bench.manifest(f"trusted_domains: [club.example]\noverrides: [{override}]\n")
    assert bench.ids() == planned


def test_the_backend_of_one_portal_is_not_that_of_another(bench: Bench) -> None:
    bench.manifest(RULES)
    other = HEAD.replace("name: partners", "name: others").replace(PORTAL, "portal-2")
    (bench.folder / "others.yaml").write_text(other, encoding="utf-8")
    done = bench.run("plan")
    assert done.code == 64
    assert "API7_PORTAL_SERVER and API7_PORTAL_TOKEN cannot be used for 2 portals" in done.err


def test_a_portal_that_lets_everybody_in_by_itself_is_told(make: Callable[..., Bench]) -> None:
    bench = make(login_options="shown", warning="The licence ends soon")
    bench.store.set_portal(PORTAL, auto_approve=True)
    bench.sign_up("eve@bad.example")
    bench.manifest(RULES)
    done = bench.run("plan")
    assert done.code == 0
    assert "the portal approves every sign-up by itself, regardless of the rules" in done.out
    assert "eve@bad.example: approved on the portal, but denied by the rules" in done.out
    assert done.err.count("The licence ends soon") == 1
    assert bench.run("drift").code == 2


@pytest.mark.parametrize("missing", ["API7_SERVER", "API7_TOKEN"])
def test_a_missing_variable_is_named(bench: Bench, missing: str) -> None:
    bench.manifest(RULES)
    done = bench.run("plan", env={missing: ""})
    assert done.code == 64
    assert missing in done.err


def test_a_wrong_token_is_named_by_its_variable_and_never_shown(bench: Bench) -> None:
    bench.manifest(RULES)
    done = bench.run("plan", env={"API7_TOKEN": "a7ee-wrong"})
    assert done.code == 1
    assert "API7_TOKEN" in done.err
    assert "a7ee-wrong" not in done.err + done.out


def test_a_self_signed_dashboard_is_the_users_to_trust(make: Callable[..., Bench]) -> None:
    bench = make(tls=True)
    fill(bench)
    done = bench.run("plan")
    assert done.code == 1
    assert "--ca-file" in done.err
    assert "--insecure-skip-tls-verify" in done.err
    assert bench.run("plan", "--ca-file", str(bench.sim.ca_file)).code == 0
    done = bench.run("plan", "--insecure-skip-tls-verify")
    assert done.code == 0
    assert "certificates are not verified" in done.err


def test_two_vendors_in_one_plan(bench: Bench) -> None:
    fill(bench)
    seed = {"portals": [{"id": PORTAL_ID, "name": "konnect", "display_name": "K"}]}
    text = (
        f"version: 1\nportal: {{name: west, provider: konnect, id: {PORTAL_ID}}}\ntrusted_domains: [club.example]\n"
    )
    (bench.folder / "west.yaml").write_text(text, encoding="utf-8")
    with Simulator(seed=seed) as konnect:
        konnect.store.add_developer(PORTAL_ID, "kim@club.example", status="pending")
        env = {"KONNECT_SERVER_URL": konnect.url, "KONNECT_TOKEN": konnect.token}
        done = bench.run("apply", "--yes", "--report", "report.json", env=env)
        assert done.code == 0, done.err + done.out
        assert "Applied: 5 changes confirmed" in done.out
    report = json.loads(Path("report.json").read_text())
    assert [portal["provider"] for portal in report["portals"]] == ["api7", "konnect"]


def test_a_saved_plan_is_stale_when_a_human_decided_meanwhile(bench: Bench) -> None:
    fill(bench)
    assert bench.run("plan", "--out", "plan.json").code == 0
    ann = next(person for person in bench.store.developers(PORTAL) if person.developer_id == "org_ann")
    bench.store.reject(bench.store.approval_of(ann))
    env = {"API7_SERVER": bench.sim.url, "API7_TOKEN": bench.sim.token}
    done = portalctl("apply", "plan.json", "--yes", env=env)
    assert done.code == 3
    assert "ann@club.example: planned from status pending, email verified, but it is now gone" in done.err
    assert bench.writes == []


def swapped(bench: Bench, address: str | None, state: Any) -> Callable[[], None]:
    """The account goes, and another one of the same developer_id comes."""

    def swap() -> None:
        (ann,) = bench.store.developers(PORTAL)
        bench.store.delete_developer(ann)
        bench.sign_up(address, name="ann", state=state)

    return swap


@pytest.mark.wide(3)
@pytest.mark.parametrize("address", ["mallory@bad.example", None])
@pytest.mark.parametrize("state", ["Pending", "Active"])
@pytest.mark.parametrize("rule", ["approved", "absent"])
@pytest.mark.parametrize("saved", [True, False])
def test_a_developer_id_that_is_somebody_else_s_by_now_gets_nobody_in_or_out(
    bench: Bench, rule: str, state: Any, address: str | None, *, saved: bool
) -> None:
    """Whoever signs up chooses it, and may choose one that was used before."""
    given = "trusted_domains: [club.example]\n" if rule == "approved" else GONE.replace("gone@", "ann@")
    bench.manifest(given)
    bench.sign_up("ann@club.example", state="Pending" if rule == "approved" else state)
    swap, words = swapped(bench, address, state), ("--yes", "--allow-delete", "--allow-removals", "9")
    if saved:
        assert bench.run("plan", "--out", "plan.json", "--allow-delete", "--allow-removals", "9").code == 0
        swap()
        done = bench.run("apply", "plan.json", "--yes")
    else:
        bench.run("plan", *words[1:])
        reading = sum(exchange.path == "/api/developers" for exchange in bench.sim.log)
        lists = itertools.count()
        bench.sim.once(lambda r: r.path == "/api/developers" and next(lists) == reading, swap)
        done = bench.run("apply", *words)
    assert bench.states == {"org_ann": state}
    assert bench.writes == []
    assert done.code in ({3, 4} if rule == "approved" else {0})
    assert "confirmed" not in done.out or "already so" in done.out


def test_an_account_whose_address_is_verified_no_more_is_not_the_one_that_was_planned(bench: Bench) -> None:
    bench.manifest("trusted_domains: [club.example]\n")
    bench.sign_up("ann@club.example", state="Pending")
    assert bench.run("plan", "--out", "plan.json").code == 0
    bench.store.delete_developer(bench.store.developers(PORTAL)[0])
    bench.sign_up("ann@club.example", state="Pending", verified=False)
    done = bench.run("apply", "plan.json", "--yes")
    assert (done.code, bench.writes) == (3, [])
    said = "planned from status pending, email verified, but it is now status pending, not email verified"
    assert said in done.err.replace("\n  ", " ")


def test_requests_for_products_are_approved_by_rule(bench: Bench) -> None:
    ann = bench.sign_up("ann@club.example", state="Active")
    stranger = bench.sign_up("stranger@nowhere.example", state="Active")
    weather = bench.store.add_product(PORTAL, "Weather")
    for person in (ann, stranger):
        bench.store.add_subscription(bench.store.add_application(person, "App"), weather)
    rule = "{products: [Weather], domains: [club.example, nowhere.example], status: approved}"
    bench.manifest(f"trusted_domains: [club.example]\naccess_requests: [{rule}]\n")
    (asked,) = bench.plan()["changes"]
    assert (asked["op"], asked["developer"]["id"]) == ("approve_request", "org_ann")
    done = bench.run("apply", "--yes", backend=False)
    assert done.code == 0, done.err + done.out
    assert bench.ids() == []
    assert [each.status for each in bench.store.subscriptions(PORTAL)].count("subscribed") == 1


NAMED_ONLY = {"applicant_id": "absent", "resource_id": "absent", "applicant_name": "name"}
WEATHER = "access_requests: [{products: [Weather], domains: [club.example], status: approved}]\n"


def test_a_request_by_name_is_that_of_the_only_one_of_that_name(make: Callable[..., Bench]) -> None:
    bench = make(**NAMED_ONLY)
    ann = bench.sign_up("ann@club.example", state="Active")
    bench.store.add_subscription(bench.store.add_application(ann, "App"), bench.store.add_product(PORTAL, "Weather"))
    bench.manifest("trusted_domains: [club.example]\n" + WEATHER)
    (asked,) = bench.plan()["changes"]
    assert (asked["op"], asked["developer"]["id"]) == ("approve_request", "org_ann")
    bench.sign_up("stranger@nowhere.example", name="ann", id="org_other")  # waits, and calls themselves Ann too
    portal = bench.plan()
    assert portal["changes"] == []
    assert "unowned_request" in {notice["code"] for notice in portal["notices"]}


def test_a_request_is_approved_without_a_word_to_the_backend(bench: Bench) -> None:
    ann = bench.sign_up("ann@club.example", state="Active")
    bench.store.add_subscription(bench.store.add_application(ann, "App"), bench.store.add_product(PORTAL, "Weather"))
    bench.manifest("trusted_domains: [club.example]\n" + WEATHER)
    done = bench.run("apply", "--yes", env={"API7_PORTAL_TOKEN": "a7prt-of-another-portal"})
    assert done.code == 0, done.err + done.out


def test_a_plan_from_a_snapshot_is_the_live_one(bench: Bench) -> None:
    bench.sign_up("ann@club.example", verified=True)
    bench.sign_up("eve@bad.example")
    bench.manifest(RULES)
    assert bench.run("snapshot", "--out", "s.json").code == 0
    live = bench.plan()
    done = portalctl("plan", "-f", "portals", "--snapshot", "s.json", "-o", "json")
    (portal,) = done.json["portals"]
    assert done.err == ""
    assert portal["changes"] == live["changes"] != []
    assert bench.writes == []


def test_of_two_accounts_with_one_address_an_id_decides(bench: Bench) -> None:
    bench.sign_up("anna@club.example", id="org_anna")
    bench.sign_up("Anna@Club.example", name="stranger", id="org_stranger")
    bench.sign_up("bob@club.example")
    bench.manifest("trusted_domains: [club.example]\n")
    assert bench.ids() == ["approve:bob@club.example"]
    told = {each["developer"]: each["message"] for each in bench.plan()["notices"]}
    line = told["anna@club.example"].rpartition("add to `overrides`: ")[2]
    assert line == '- {developer: anna@club.example, id: org_anna, status: approved, reason: "…"}'
    for override in (line, '- {developer: org_anna, status: approved, reason: "Known"}'):
        bench.manifest(f"trusted_domains: [club.example]\noverrides:\n  {override}\n")
        assert bench.ids() == ["approve:anna@club.example", "approve:bob@club.example"]
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.out
    assert bench.states == {"org_anna": "Active", "org_bob": "Active", "org_stranger": "Pending"}
