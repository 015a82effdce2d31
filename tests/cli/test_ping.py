"""`ping`: what a run would find, on both vendors, by a few GETs."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from portalctl import flow
from portalctl.cli.ping import ping
from portalctl.http import Server
from portalctl.manifest.load import load
from portalctl.run_context import Run
from portalctl.simulator.api7.server import Api7Behaviour, Api7Simulator
from portalctl.simulator.faults import Fault
from tests.answering import answering, http
from tests.conftest import PORTAL_ID, Bench, Done, portalctl

pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.slow]
RULES = "teams: [{name: city, roles: [{role: API Viewer, api: Tickets}]}]\n"


def slow(*values: object) -> ParameterSet:
    return pytest.param(*values, marks=pytest.mark.slow)


def results(done: Done) -> dict[str, str]:
    (portal,) = done.json["portals"]
    return {check["code"]: check["result"] for check in portal["checks"]}


def remedy(done: Done, code: str) -> str:
    (portal,) = done.json["portals"]
    return next(str(check["remedy"]) for check in portal["checks"] if check["code"] == code)


def test_all_is_well(bench: Bench) -> None:
    bench.people(approved=["ann@x.com"])
    bench.team("city", "ann@x.com")
    bench.sim.store.set_portal(PORTAL_ID, rbac_enabled=True)
    bench.manifest(RULES)
    done = bench.run("ping", "-o", "json")
    assert done.code == 0, done.out
    assert results(done) == {
        **dict.fromkeys(["server", "clock", "token", "portal", "version", "settings", "read_settings"], "ok"),
        **dict.fromkeys([f"read_{what}" for what in ("developers", "teams", "members", "roles", "apis")], "ok"),
        **dict.fromkeys(["read_registrations", "read_applications"], "ok"),
        "write": "unknown",
    }
    assert bench.writes == []
    assert len(bench.reads) <= 11
    assert "✓ developers can be read" in bench.run("ping").out


def test_a_right_that_is_missing_is_named_with_its_remedy(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(faults=[Fault("status", path="*/teams", status=403)])
    bench.manifest(RULES)
    done = bench.run("ping", "-o", "json")
    assert (done.code, results(done)["read_teams"], results(done)["read_developers"]) == (1, "failed", "ok")
    assert "KONNECT_TOKEN" in remedy(done, "read_teams")
    assert "role Admin" in remedy(done, "read_teams")


@pytest.mark.parametrize(
    ("fault", "code", "failed"),
    [
        (Fault("html", path="*/developers"), 1, {"read_developers"}),
        slow(Fault("status", status=500), 1, {"server"}),
        slow(Fault("status", status=302), 1, {"server"}),
        slow(Fault("drop-before"), 1, {"server"}),
        slow(Fault("status", path="*/teams", status=418), 1, {"read_teams"}),
        slow(Fault("truncate", path="*/portals/*"), 1, {"portal"}),
        (Fault("status", path="*/application-registrations", status=405), 0, set()),
        slow(Fault("status", path="*/applications", status=403), 0, set()),
        slow(Fault("status", path="*/applications", status=503), 1, {"read_applications"}),
    ],
)
def test_whatever_is_wrong_has_a_remedy(
    make_bench: Callable[..., Bench], fault: Fault, code: int, failed: set[str]
) -> None:
    bench = make_bench(faults=[fault])
    bench.manifest("teams: [{name: city}]\n")
    done = bench.run("ping", "-o", "json")
    assert (done.code, {name for name, result in results(done).items() if result == "failed"}) == (code, failed)
    checks = done.json["portals"][0]["checks"]
    assert [each["code"] for each in checks if each["result"] != "ok" and not each["remedy"]] == []


def test_a_token_that_is_not_taken(bench: Bench) -> None:
    bench.manifest("")
    done = bench.run("ping", "-o", "json", KONNECT_TOKEN="kpat_other")
    assert (done.code, results(done)) == (1, {"server": "ok", "clock": "ok", "token": "failed"})
    assert "KONNECT_TOKEN" in remedy(done, "token")
    assert "kpat_other" not in done.out


def test_a_server_that_is_no_portal_says_nothing_of_the_token(bench: Bench) -> None:
    """It answers 404 with a page, as web servers do."""
    bench.manifest("")
    page = b"<!DOCTYPE html><html><body>Not found</body></html>"
    with answering(http("404 Not Found", page)) as url:
        done = bench.run("ping", "-o", "json", KONNECT_SERVER_URL=url)
    assert (done.code, results(done)) == (1, {"server": "failed"})
    assert "KONNECT_SERVER_URL" in remedy(done, "server")


def test_a_server_that_is_not_there_does_not_hide_the_other_portal(bench: Bench) -> None:
    bench.manifest("")
    bench.manifest("", "other.yaml")
    other = bench.folder / "other.yaml"
    text = other.read_text().replace("name: partners", "name: closed")
    other.write_text(text.replace(PORTAL_ID, "00000000-0000-4000-8000-000000000000"))
    nowhere = {"PORTALCTL_CLOSED_SERVER": "http://127.0.0.1:1", "PORTALCTL_CLOSED_TOKEN": "kpat_x"}
    done = bench.run("ping", "-o", "json", **nowhere)
    closed, partners = done.json["portals"]
    assert done.code == 1
    assert [(check["code"], check["result"]) for check in closed["checks"]] == [("server", "failed")]
    assert "PORTALCTL_CLOSED_SERVER" in closed["checks"][0]["message"]
    assert "failed" not in {check["result"] for check in partners["checks"]}


def test_a_portal_that_is_not_there(bench: Bench) -> None:
    bench.manifest("")
    path = bench.folder / "partners.yaml"
    path.write_text(path.read_text().replace(PORTAL_ID, "00000000-0000-4000-8000-000000000000"))
    done = bench.run("ping", "-o", "json")
    assert (done.code, results(done)["portal"]) == (1, "failed")
    assert PORTAL_ID in remedy(done, "portal")


def test_settings_that_go_against_the_rules(bench: Bench) -> None:
    bench.manifest("teams: [{name: city}, {name: reds, membership: idp}]\n")
    bench.sim.store.set_portal(PORTAL_ID, auto_approve_developers=True, rbac_enabled=False)
    bench.sim.store.set_settings(PORTAL_ID, idp_mapping_enabled=True, oidc_auth_enabled=True)
    done = bench.run("ping", "-o", "json")
    warned = {code for code, result in results(done).items() if result == "warning"}
    assert (done.code, warned) == (0, {"auto_approve_developers", "single_sign_on", "rbac_off", "team_mapping"})
    assert all(remedy(done, code) for code in warned)
    assert "changes to city are refused" in done.out
    text = bench.run("ping").out
    assert "  ! the portal approves every sign-up by itself" in text
    assert "      turn off the automatic approval of developers" in text


@pytest.mark.parametrize(("seconds", "result"), [(-3600, "warning"), slow(3600, "warning"), slow(20, "ok")])
def test_a_clock_that_differs(bench: Bench, seconds: int, result: str) -> None:
    bench.manifest("")
    run = Run(
        {"partners": Server(bench.sim.url, bench.sim.token)},
        clock=lambda: datetime.now(UTC) + timedelta(seconds=seconds),
    )
    (found,) = flow.ping(load([bench.folder]), run)
    clock = next(check for check in found.checks if check.code == "clock")
    assert clock.result == result
    assert ("behind" in clock.message) == (seconds == -3600)


def test_a_classic_portal(bench: Bench) -> None:
    classic = bench.sim.store.add_portal("classic", classic=True)
    (bench.folder / "p.yaml").write_text(f"version: 1\nportal: {{name: old, provider: konnect-v2, id: {classic}}}\n")
    done = bench.run("ping", "-o", "json")
    assert done.code == 0, done.out


@pytest.mark.parametrize(
    ("behaviour", "version"),
    [
        ({}, "ok"),
        slow({"version": "3.8.4"}, "warning"),
        slow({"version": "dev"}, "unknown"),
        slow({"version": "3.10.0"}, "ok"),
    ],
)
def test_api7_tells_its_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behaviour: dict[str, str], version: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("portal.yaml").write_text("version: 1\nportal: {name: fans, provider: api7, id: portal-1}\n")
    with Api7Simulator(behaviour=replace(Api7Behaviour(), **behaviour)) as sim:  # type: ignore[arg-type]
        sim.store.add_portal("portal-1", "Fans")
        env = {"API7_SERVER": sim.url, "API7_TOKEN": sim.token}
        alone = portalctl("ping", "-o", "json", env=env)
        backed = portalctl("ping", "-o", "json", env=env | backend(sim))
        wrong = portalctl("ping", "-o", "json", env=env | backend(sim) | {"API7_PORTAL_TOKEN": "a7prt-other"})
        assert {exchange.method for exchange in sim.log} == {"GET"}
    assert alone.code == 0, alone.out
    assert (results(alone)["version"], results(alone)["backend"]) == (version, "unknown")
    assert (backed.code, results(backed)["backend"]) == (0, "ok")
    assert (wrong.code, results(wrong)["backend"]) == (1, "failed")
    for done in (alone, wrong):
        assert "API7_PORTAL_TOKEN" in remedy(done, "backend")


def test_api7_a_page_of_a_proxy_is_no_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("portal.yaml").write_text("version: 1\nportal: {name: fans, provider: api7, id: portal-1}\n")
    with Api7Simulator(faults=[Fault("html", path="*/approvals")]) as sim:
        sim.store.add_portal("portal-1", "Fans")
        done = portalctl("ping", "-o", "json", env={"API7_SERVER": sim.url, "API7_TOKEN": sim.token})
    assert (done.code, results(done)["read_approvals"]) == (1, "failed")
    assert "API7_SERVER" in remedy(done, "read_approvals")


def backend(sim: Api7Simulator) -> dict[str, str]:
    return {"API7_PORTAL_SERVER": sim.portal_url, "API7_PORTAL_TOKEN": sim.portal_token}


def test_the_examples_of_its_help(bench: Bench) -> None:
    bench.manifest("")
    assert ping.help is not None
    examples = [shlex.split(line) for line in ping.help.partition("Examples:\n")[2].strip().splitlines()]
    assert len(examples) == 2
    for example in examples:
        env = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
        assert portalctl(*example[1:], env=env).code == 0
