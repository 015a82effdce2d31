"""The API in front of the real loop, on a simulated portal: what users and other systems cause there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Bench
from tests.controller.api_world import LINES, TOKENS
from tests.controller.running import until

RULES = """
trusted_domains:
  - {domain: example.com, teams: [city]}
teams:
  - {name: city}
"""
DENIED = "denied_domains:\n  - {domain: evil.example, reason: Left the programme}\n"
pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.slow]  # starts servers


def test_a_signed_event_leads_to_an_approval(bench: Bench, serve: Any) -> None:
    bench.manifest(RULES)
    served = serve("onboard")
    bench.people(pending=["ann@example.com"])
    assert served.world.event({"type": "developer.registered", "data": {"email": "ann@example.com"}}).status == 202
    until(lambda: bench.status("ann@example.com") == "approved")
    assert bench.members("city") == {"ann@example.com"}
    until(lambda: served.portal["state"] == "in_sync")
    runs = served.world.call("viewer", "GET", "/v1/portals/partners/runs").json["runs"]
    assert "event" in {run["trigger"] for run in runs}
    assert (
        'portalctl_requests_total{kind="events",result="ok"} 1.0'
        in served.world.send("GET", "/metrics").body.decode()
    )


def test_a_forged_event_wakes_nothing(bench: Bench, serve: Any) -> None:
    bench.manifest(RULES)
    served = serve("onboard")
    before = served.running.runs()
    bench.people(pending=["ann@example.com"])
    assert served.world.send("POST", "/v1/portals/partners/events", b"{}").status == 401
    assert served.world.event(secret="whsec_" + "A" * 43 + "=").status == 401
    assert (served.running.runs(), bench.status("ann@example.com")) == (before, "pending")


def test_a_held_removal_is_approved_from_the_command_line(bench: Bench, serve: Any) -> None:
    bench.people(approved=["eve@evil.example", "ann@example.com"])
    bench.team("city", "ann@example.com")
    bench.manifest(RULES + DENIED)
    served = serve("full")
    portal = served.portal
    assert (portal["state"], bench.status("eve@evil.example")) == ("held", "approved")
    digest = portal["held"]["digest"]
    shown = served.world.call("viewer", "GET", f"/v1/plans/{digest}")
    assert (shown.status, b"eve@" in shown.body) == (200, False)
    for role in ("viewer", "operator", "registrar"):
        assert served.call("approve", digest, role=role).code == 1
    assert bench.status("eve@evil.example") == "approved"
    done = served.call("approve", digest)
    assert (done.code, bench.status("eve@evil.example")) == (0, "revoked"), done
    assert "succeeded: 1 confirmed, 0 failed, 0 skipped, 0 unknown" in done.out
    again = served.call("approve", digest)
    assert (again.code, "it is applied, decided by approver" in again.err) == (3, True)
    history = served.call("history", "--server", f"http://127.0.0.1:{served.world.port}", "-o", "json").json
    assert [change["approver"] for change in history["changes"]] == ["approver"]


def test_a_plan_that_changed_meanwhile_is_stale(bench: Bench, serve: Any) -> None:
    bench.people(approved=["eve@evil.example", *(f"dev-{number}@other.example" for number in range(30))])
    bench.manifest(RULES + DENIED)
    served = serve("full")
    digest = served.portal["held"]["digest"]
    bench.sim.store.set_status(bench.emails["eve@evil.example"], "revoked")
    done = served.call("approve", digest)
    assert done.code == 3, done
    assert not any(write.startswith("PATCH") for write in bench.writes)
    assert "The plan is stale" in done.err


def test_a_rejected_plan_is_not_carried_out(bench: Bench, serve: Any) -> None:
    bench.people(approved=["eve@evil.example"])
    bench.manifest(RULES + DENIED)
    served = serve("full")
    digest = served.portal["held"]["digest"]
    assert served.call("reject", digest).code == 0
    served.running.run_again()
    assert bench.status("eve@evil.example") == "approved"
    until(lambda: served.portal["held"] is None)


def test_a_suspended_portal_is_not_written_to_until_it_is_resumed(bench: Bench, serve: Any) -> None:
    bench.manifest(RULES)
    served = serve("onboard")
    assert served.call("suspend", "partners", "--reason", "audit", role="operator").code == 0
    until(lambda: served.portal["state"] == "suspended")
    assert served.portal["suspension"]["reason"] == "audit"
    bench.people(pending=["ann@example.com"])
    assert served.call("reconcile", "partners", role="operator").code == 0
    served.running.run_again()
    assert bench.status("ann@example.com") == "pending"
    assert served.call("resume", "partners", role="operator").code == 0
    until(lambda: bench.status("ann@example.com") == "approved")


def test_a_decision_shows_no_reason_and_no_place(bench: Bench, serve: Any) -> None:
    bench.people(approved=["eve@evil.example"])
    bench.manifest(RULES + DENIED)
    served = serve("observe")
    ann = served.world.call("registrar", "GET", "/v1/portals/partners/decisions/ann@example.com").json
    assert (ann["status"], ann["why"]) == (None, "trusted_domains: example.com")
    eve = served.world.call("registrar", "GET", "/v1/portals/partners/decisions/eve@evil.example")
    assert eve.json["status"] == "approved"
    assert eve.json["why"] == "denied_domains: evil.example"
    assert b"programme" not in eve.body
    assert b".yaml" not in eve.body


def test_a_registration_creates_and_approves_the_account(bench: Bench, serve: Any) -> None:
    bench.manifest(RULES + DENIED)
    served = serve("onboard")
    got = served.world.register(id="one")
    assert (got.status, got.json) == (201, {"status": "approved", "teams": ["city"]})
    assert bench.status("ann@example.com") == "approved"
    writes = list(bench.writes)
    assert served.world.register(id="one").body == got.body
    assert served.world.register(id="two").status == 200
    denied = served.world.register({"email": "eve@evil.example", "full_name": "Eve", "email_verified": True})
    assert denied.status == 403
    assert bench.writes == writes


def test_a_registration_of_a_developer_who_is_out_writes_nothing(bench: Bench, serve: Any) -> None:
    out = ["ann@city.example", "bob@city.example"]
    bench.people(revoked=out[:1], rejected=out[1:], approved=["eve@city.example"])
    bench.manifest(RULES.replace("example.com", "city.example"))
    served = serve("onboard")
    before = list(bench.writes)
    for address in out:
        got = served.world.register({"email": address, "full_name": "Ann", "email_verified": True})
        assert (got.status, got.json) == (403, {"status": "denied", "teams": []}), address
    assert bench.writes == before
    states = {run["state"] for run in served.world.call("viewer", "GET", "/v1/portals/partners/runs").json["runs"]}
    assert states == {"succeeded"}


def test_an_apply_takes_the_lease_of_the_real_controller(bench: Bench, serve: Any, tmp_path: Path) -> None:
    bench.manifest(RULES)
    served = serve("observe")
    bench.people(pending=["ann@example.com"])
    url = f"http://127.0.0.1:{served.world.port}"
    env = {"PORTALCTL_CONTROLLER_URL": url, "PORTALCTL_CONTROLLER_TOKEN": TOKENS["operator"]}
    done = bench.run("apply", "--yes", "--report", str(tmp_path / "report.json"), **env)
    assert (done.code, bench.status("ann@example.com")) == (0, "approved"), done
    report = json.loads((tmp_path / "report.json").read_text())
    runs = served.world.call("viewer", "GET", "/v1/portals/partners/runs").json["runs"]
    (run,) = [run for run in runs if run["trigger"] == "report"]
    assert run["confirmed"] == len(report["portals"][0]["changes"])


@pytest.mark.parametrize(
    ("words", "env", "message"),
    [
        (["--listen", "0.0.0.0:8350"], {}, "which needs tokens"),
        (["--listen", "8350"], {}, "is not a valid address"),
        (["--tokens", "missing"], {}, "--tokens missing cannot be read"),
        (["--tokens", "portals/tokens"], {}, "is in the manifest"),
        (["--tls-certificate", "x"], {}, "--tls-certificate needs --tls-key"),
        (["--trusted-proxy", "127.0.0.1"], {}, "--trusted-proxy needs --tokens"),
        (
            [],
            {"PORTALCTL_WEBHOOK_SECRET": "whsec_c2hvcnQ="},
            "PORTALCTL_WEBHOOK_SECRET: the webhook secret is too short",
        ),
        ([], {"PORTALCTL_GITHUB_WEBHOOK_SECRET": "short"}, "the secret is too short"),
        ([], {"PORTALCTL_MASK_KEY": "short"}, "PORTALCTL_MASK_KEY"),
    ],
)
def test_unsafe_settings_end_the_start(words: list[str], env: dict[str, str], message: str, bench: Bench) -> None:
    bench.manifest(RULES)
    (bench.folder / "tokens").write_text("\n".join(LINES))
    done = bench.run("run", *words, **env)
    assert (done.code, done.out, bench.reads) == (64, "", [])
    assert message in done.err


def test_a_registration_is_refused_while_nothing_may_be_written(bench: Bench, serve: Any) -> None:
    bench.manifest(RULES)
    assert serve("observe").world.register().status == 503
    assert bench.writes == []
