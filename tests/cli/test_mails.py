"""How many e-mails a plan causes: read from the portal, limited for a run, counted again before the first write."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from portalctl.simulator.behaviour import Behaviour
from tests.conftest import PORTAL_ID, Bench, Done

APPROVED, REVOKED = "account-access-approved", "account-access-revoked"
RULES = """trusted_domains: [city.example]
denied_domains: [evil.example]
"""
OTHER = "7c1f2b52-6f4e-4f0a-9d57-2f3c1f2b5e61"


def crowd(bench: Bench) -> Bench:
    """Two to approve, one to revoke."""
    bench.people(pending=["ann@city.example", "bob@city.example"], approved=["eve@evil.example"])
    bench.manifest(RULES)
    return bench


def figure(done: Done) -> int:
    count: int = done.json["portals"][0]["summary"]["mails"]
    return count


def codes(done: Done) -> list[str]:
    return [notice["code"] for notice in done.json["portals"][0]["notices"]]


def apply(bench: Bench, *words: str) -> Done:
    return bench.run("apply", "--yes", "--confirm-timeout", "0.2", *words)


@pytest.mark.parametrize("listed", ["customized", "all"])
@pytest.mark.parametrize(("off", "count"), [((), 3), ((APPROVED,), 1), ((REVOKED,), 2), ((APPROVED, REVOKED), 0)])
def test_the_figure_is_what_the_portal_sends(
    make_bench: Callable[..., Bench], listed: str, off: tuple[str, ...], count: int
) -> None:
    bench = crowd(make_bench(behaviour=Behaviour(email_templates=listed)))  # type: ignore[arg-type]
    for template in off:
        bench.sim.store.set_email_template(PORTAL_ID, template, enabled=False)
    bench.sim.store.set_email_template(PORTAL_ID, "reset-password", enabled=False)
    done = bench.run("plan", "-o", "json")
    assert (figure(done), codes(done)) == (count, [])
    assert f"{count} e-mail" in bench.run("plan").out
    assert f"{count} e-mail" in bench.run("plan", "-o", "markdown").out
    assert apply(bench).code == 0
    assert len(bench.sim.store.mails()) == count


@pytest.mark.parametrize("status", ["403", "404"])
def test_what_cannot_be_read_is_assumed_and_said_once(make_bench: Callable[..., Bench], status: str) -> None:
    bench = crowd(make_bench(behaviour=Behaviour(email_templates=status)))  # type: ignore[arg-type]
    bench.sim.store.set_email_template(PORTAL_ID, APPROVED, enabled=False)
    done = bench.run("plan", "-o", "json")
    assert (figure(done), codes(done)) == (3, ["mails_unread"])
    (notice,) = done.json["portals"][0]["notices"]
    assert f"returned {status} to GET /v3/portals/{PORTAL_ID}/email-templates" in notice["message"]
    assert "kong:trace:" in notice["message"]
    assert apply(bench).code == 0
    assert codes(bench.run("plan", "-o", "json")) == []  # no e-mail, so nothing is assumed


def test_classic_portals_do_not_tell(make_bench: Callable[..., Bench]) -> None:
    bench = crowd(make_bench(classic=True))
    done = bench.run("plan", "-o", "json")
    assert (figure(done), codes(done)) == (3, [])
    assert not [read for read in bench.reads if "email" in read]


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_plan_that_would_send_more_is_refused(bench: Bench, command: str) -> None:
    crowd(bench)
    words = ("--yes", "--confirm-timeout", "0.2") if command == "apply" else ()
    done = bench.run(command, "--no-mail-above", "2", *words)
    assert done.code == 3
    assert "3 e-mails would be sent; this run allows 2 (--no-mail-above)" in done.out
    assert bench.writes == []
    assert bench.run(command, "--no-mail-above", "3", *words).code == 0
    bench.sim.store.set_email_template(PORTAL_ID, APPROVED, enabled=False)
    assert bench.run(command, "--no-mail-above", "1", *words).code == 0


def test_zero_refuses_the_first_e_mail(bench: Bench) -> None:
    crowd(bench)
    bench.sim.store.set_email_template(PORTAL_ID, REVOKED, enabled=False)
    assert apply(bench, "--no-mail-above", "0").code == 3
    bench.sim.store.set_email_template(PORTAL_ID, APPROVED, enabled=False)
    assert apply(bench, "--no-mail-above", "0").code == 0
    assert (bench.status("ann@city.example"), bench.sim.store.mails()) == ("approved", [])


def test_a_number_is_needed(bench: Bench) -> None:
    for text in ("-1", "many"):
        done = crowd(bench).run("plan", "--no-mail-above", text)
        assert (done.code, "--no-mail-above" in done.err) == (64, True)


def test_an_apply_counts_again(bench: Bench) -> None:
    """What the portal sends may change between plan and apply."""
    crowd(bench)
    bench.sim.store.set_email_template(PORTAL_ID, APPROVED, enabled=False)
    assert bench.run("plan", "--no-mail-above", "1", "--out", "plan.json").code == 0
    bench.sim.store.set_email_template(PORTAL_ID, APPROVED, enabled=True)
    done = apply(bench, "plan.json")
    assert (done.code, bench.writes) == (3, [])
    assert "3 e-mails would be sent; this run allows 1 (--no-mail-above), and nothing was written" in done.err
    bench.sim.store.set_email_template(PORTAL_ID, APPROVED, enabled=False)
    done = apply(bench, "plan.json")
    assert (done.code, len(bench.sim.store.mails())) == (0, 1)


def test_a_saved_plan_keeps_its_figure_and_may_be_limited(bench: Bench) -> None:
    crowd(bench)
    bench.sim.store.set_email_template(PORTAL_ID, APPROVED, enabled=False)
    assert bench.run("plan", "--out", "plan.json").code == 0
    saved = Path("plan.json").read_text()
    done = apply(bench, "plan.json", "--no-mail-above", "0")
    assert (done.code, bench.writes) == (3, [])
    assert "1 e-mail would be sent; this run allows 0" in done.out
    portal = json.loads(saved)["portals"][0]
    assert portal["mail_operations"] == [
        "approve_request",
        "create_developer",
        "reject",
        "revoke",
        "revoke_registration",
    ]
    Path("plan.json").write_text(saved.replace('"revoke_registration"', '"approve"'))
    assert "do not match the plan's digest" in apply(bench, "plan.json").err
    Path("plan.json").write_text(saved)
    assert apply(bench, "plan.json", "--no-mail-above", "1").code == 0


def test_the_limit_is_for_all_portals_together(bench: Bench) -> None:
    crowd(bench)
    bench.sim.store.add_portal("staging", id=OTHER)
    bench.sim.store.add_developer(OTHER, "cat@city.example")
    head = f"version: 1\nportal: {{name: staging, provider: konnect, id: {OTHER}}}\n"
    (bench.folder / "staging.yaml").write_text(head + RULES, encoding="utf-8")
    done = bench.run("plan", "--no-mail-above", "3", "-o", "json")
    assert [portal["summary"]["mails"] for portal in done.json["portals"]] == [3, 1]
    said = [refusal["message"] for portal in done.json["portals"] for refusal in portal["refusals"]]
    assert (done.code, said) == (3, ["4 e-mails would be sent; this run allows 3 (--no-mail-above)"] * 2)
    assert bench.run("plan", "--no-mail-above", "4").code == 0
    assert bench.run("plan", "--portal", "partners", "--no-mail-above", "3").code == 0


def test_a_part_of_the_changes_counts_for_itself(bench: Bench) -> None:
    crowd(bench)
    done = apply(bench, "--only", "onboard", "--no-mail-above", "2")
    assert (done.code, len(bench.sim.store.mails())) == (0, 2)
