"""Who changed what by hand: read from the organisation's audit log, named by drift and explain, never acted on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from portalctl.simulator.behaviour import Behaviour
from tests.conftest import PORTAL_ID, Bench, Done

BASE = f"/v3/portals/{PORTAL_ID}"
ANN, BOB = "ann@city.example", "bob@city.example"
RULES = """trusted_domains: [city.example]
teams: [{name: city, members: [ann@city.example]}]
"""
ALICE, ROBOT = "kpat_alice", "spat_robot"  # tokens of a person and of a system account

pytestmark = pytest.mark.usefixtures("quick")


def by_hand(bench: Bench, token: str, method: str, path: str, body: Any = None) -> None:
    """Send a write to the portal, as an administrator's browser or script does."""
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.request(method, f"{bench.sim.url}{BASE}{path}", json=body, headers=headers, trust_env=False)
    assert answer.is_success, answer.text


def club(bench: Bench) -> Bench:
    """A portal that agrees with its manifest, two principals, and writes of portalctl in the log."""
    bench.sim.store.add_principal("Alice Admin", ALICE)
    bench.sim.store.add_principal("night script", ROBOT, kind="system_account")
    bench.people(pending=[ANN, BOB])
    bench.team("city")
    bench.manifest(RULES)
    done = bench.run("apply", "--yes", "--confirm-timeout", "0.2")
    assert done.code == 0, done.err
    return bench


def drift(bench: Bench) -> Any:
    return bench.run("drift", "-o", "json").json


def changed(bench: Bench) -> list[tuple[str, str | None, list[tuple[str, str | None]]]]:
    """Return each finding of drift with the principals that led to it: kind and name."""
    return [
        (
            found["kind"],
            found["developer"],
            [(each["principal"]["kind"], each["principal"]["name"]) for each in found["changed"]],
        )
        for found in drift(bench)["portals"][0]["findings"]
    ]


def codes(document: Any) -> list[str]:
    return [notice["code"] for notice in document["notices"]]


@pytest.mark.parametrize("paging", ["numbers", "cursors"])
def test_drift_names_who_revoked_a_developer(make_bench: Callable[..., Bench], paging: Any) -> None:
    bench = club(make_bench(behaviour=Behaviour(audit_log=paging)))
    assert (drift(bench)["portals"][0]["findings"], codes(drift(bench))) == ([], [])
    by_hand(bench, ROBOT, "PATCH", f"/developers/{bench.emails[BOB]}", {"status": "pending"})
    by_hand(bench, ALICE, "PATCH", f"/developers/{bench.emails[BOB]}", {"status": "revoked"})
    assert changed(bench) == [("withheld", BOB, [("user", "Alice Admin")])]
    document = drift(bench)
    assert [each["principal"]["kind"] for each in document["portals"][0]["recorded"]] == ["user", "system_account"]
    assert codes(document) == ["manual_changes"]
    shown = bench.run("drift", COLUMNS="400").out
    assert "changed by Alice Admin (user), 20" in shown
    assert "partners: 2 manual changes of the last 7 days (1 by users, 1 by system accounts)" in shown
    for form in ("markdown", "html"):
        assert "Alice Admin" in bench.run("drift", "-o", form).out


def test_memberships_name_one_who_may_have_added_them(bench: Bench) -> None:
    club(bench)
    city = f"/teams/{bench.teams['city']}/developers"
    by_hand(bench, ALICE, "POST", city, {"id": bench.emails[BOB]})
    assert changed(bench) == [("unruled_grant", BOB, [("user", "Alice Admin")])]
    by_hand(bench, ROBOT, "DELETE", f"{city}/{bench.emails[ANN]}")
    by_hand(bench, ROBOT, "DELETE", f"{city}/{bench.emails[BOB]}")
    assert changed(bench) == [("missing_grant", ANN, [("system_account", "night script")])]
    by_hand(bench, ROBOT, "POST", city, {"id": bench.emails[BOB]})
    found = {developer: who for _, developer, who in changed(bench)}
    assert found[BOB] == [("system_account", "night script")]  # Alice added him before he was removed
    by_hand(bench, ALICE, "POST", city, {"id": bench.sim.store.add_developer(PORTAL_ID, "cid@x.example")})
    found = {developer: who for _, developer, who in changed(bench)}
    assert found[BOB] == [("user", "Alice Admin"), ("system_account", "night script")]
    assert "changed by one of Alice Admin (user), 20" in bench.run("drift", COLUMNS="400").out


def test_what_portalctl_changed_last_is_nobody_elses(bench: Bench) -> None:
    club(bench)
    by_hand(bench, ALICE, "PATCH", f"/developers/{bench.emails[BOB]}", {"status": "pending"})
    assert bench.run("apply", "--yes", "--confirm-timeout", "0.2").code == 0
    bench.sim.store.set_status(bench.emails[BOB], "revoked")  # not in the log
    assert changed(bench) == [("withheld", BOB, [])]
    assert len(drift(bench)["portals"][0]["recorded"]) == 1


def test_other_commands_do_not_read_the_log(bench: Bench) -> None:
    club(bench)
    by_hand(bench, ALICE, "PATCH", f"/developers/{bench.emails[BOB]}", {"status": "revoked"})
    bench.sim.clear_log()
    bench.manifest(RULES + "acknowledgements: known.yaml\n")
    assert bench.run("acknowledge", "--all", "--reason", "known", "--expires", "2099-01-31").code == 0
    assert not [read for read in bench.reads if "audit" in read]


def test_writes_of_portalctl_are_not_by_hand(bench: Bench) -> None:
    """They are known by the journal: a change with the same token that is not in it is one by hand."""
    club(bench)
    by_hand(bench, bench.sim.token, "PATCH", f"/developers/{bench.emails[BOB]}", {"status": "rejected"})
    assert changed(bench) == [("withheld", BOB, [("system_account", "automation")])]
    assert len(drift(bench)["portals"][0]["recorded"]) == 1
    Path(".portalctl/partners.jsonl").unlink()
    assert len(drift(bench)["portals"][0]["recorded"]) == 4


def test_the_journal_is_no_pipe_and_no_link(bench: Bench) -> None:
    club(bench)
    journal = Path(".portalctl/partners.jsonl")
    journal.rename("elsewhere.jsonl")
    journal.symlink_to(Path("elsewhere.jsonl").resolve())
    assert len(drift(bench)["portals"][0]["recorded"]) == 3


@pytest.mark.parametrize("status", ["401", "403", "404"])
def test_without_the_right_there_is_one_notice(make_bench: Callable[..., Bench], status: Any) -> None:
    bench = club(make_bench(behaviour=Behaviour(audit_log=status)))
    by_hand(bench, ALICE, "PATCH", f"/developers/{bench.emails[BOB]}", {"status": "revoked"})
    done = bench.run("drift", "-o", "json")
    assert (done.code, codes(done.json)) == (2, ["change_log_unread"])
    assert f"returned {status} to GET /v3/audit-logs" in done.json["notices"][0]["message"]
    assert done.json["portals"][0]["findings"][0]["changed"] == []
    explained = bench.run("explain", BOB, "-o", "json")
    told = [notice["code"] for notice in explained.json["portals"][0]["standings"][0]["notices"]]
    assert (explained.code, told.count("change_log_unread")) == (0, 1)
    assert "portalctl_manual_changes" not in metrics(bench)


def metrics(bench: Bench) -> str:
    bench.run("drift", "--metrics", "drift.prom")
    return Path("drift.prom").read_text()


def test_metrics_count_changes_by_kind_of_principal(bench: Bench) -> None:
    club(bench)
    for token in (ALICE, ALICE, ROBOT):
        by_hand(bench, token, "PATCH", f"/developers/{bench.emails[BOB]}", {"status": "approved"})
    entry(bench, principal_id="11111111-1111-4111-8111-111111111111")
    text = metrics(bench)
    for kind, count in (("user", 2), ("system_account", 1), ("unknown", 1)):
        assert f'portalctl_manual_changes{{portal="partners",principal="{kind}"}} {count}.0' in text


def entry(bench: Bench, **fields: Any) -> None:
    """Put an entry into the log that no request of ours led to."""
    usual = {
        "ts": datetime.now(UTC).isoformat(),
        "method": "PATCH",
        "uri": f"{BASE}/developers/{bench.emails[BOB]}",
        "status_code": 200,
        "principal_id": "22222222-2222-4222-8222-222222222222",
        "trace_id": "77",
    }
    bench.sim.store.add_log_entry(**usual | fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"method": "GET"},
        {"status_code": 403},
        {"uri": "/v3/portals/7c1f2b52-6f4e-4f0a-9d57-2f3c1f2b5e61/developers/x"},
        {"uri": "/v2/control-planes/1"},
        {"uri": None},
        {"status_code": None},
        {"ts": (datetime.now(UTC) - timedelta(days=8)).isoformat()},
    ],
)
def test_other_entries_do_not_count(bench: Bench, fields: Any) -> None:
    club(bench)
    entry(bench, **fields)
    assert drift(bench)["portals"][0]["recorded"] == []


def test_the_path_may_have_another_prefix(bench: Bench) -> None:
    club(bench)
    entry(bench, uri=f"/konnect-api/api/portals/{PORTAL_ID.upper()}/developers/{bench.emails[BOB]}?x=1")
    (change,) = drift(bench)["portals"][0]["recorded"]
    assert (change["developer_id"], change["path"]) == (bench.emails[BOB], f"/developers/{bench.emails[BOB]}")


def test_what_the_log_has_stays_inert(bench: Bench) -> None:
    club(bench)
    evil = bench.sim.store.add_principal("\x1b[31m::error::<script>" + "x" * 500, "kpat_evil")
    by_hand(bench, "kpat_evil", "PATCH", f"/developers/{bench.emails[BOB]}", {"status": "revoked"})
    entry(bench, principal_id=evil + "\x1b]0;", uri=f"{BASE}/{'y' * 900}", trace_id="z" * 5000)
    for form in ("text", "markdown", "html"):
        said = bench.run("drift", "-o", form, COLUMNS="400").out
        assert "\x1b" not in said
        assert "x" * 201 not in said
        assert form != "html" or "<script>xxx" not in said
    assert all(len(change["path"]) <= 200 for change in drift(bench)["portals"][0]["recorded"])


def test_principals_that_cannot_be_looked_up_stay_ids(make_bench: Callable[..., Bench]) -> None:
    bench = club(make_bench(behaviour=Behaviour(principals="403")))
    by_hand(bench, ALICE, "PATCH", f"/developers/{bench.emails[BOB]}", {"status": "revoked"})
    assert changed(bench) == [("withheld", BOB, [("unknown", None)])]
    assert "(unknown principal), 20" in bench.run("drift", COLUMNS="400").out


def test_each_principal_is_looked_up_once(bench: Bench) -> None:
    club(bench)
    for status in ("pending", "approved", "revoked"):
        by_hand(bench, ALICE, "PATCH", f"/developers/{bench.emails[BOB]}", {"status": status})
    bench.sim.clear_log()
    bench.run("drift")
    looked_up = [read for read in bench.reads if "/users/" in read or "/system-accounts/" in read]
    assert len(looked_up) == 3  # Alice; and the simulator's own token, which is no user but a system account
    assert len([read for read in bench.reads if "audit-logs" in read]) == 1


def test_explain_shows_the_last_changes_of_a_developer(bench: Bench) -> None:
    club(bench)
    by_hand(bench, ALICE, "PATCH", f"/developers/{bench.emails[BOB]}", {"status": "revoked"})
    done = bench.run("explain", BOB, COLUMNS="400")
    lines = [line for line in done.out.splitlines() if "PATCH /developers/" in line]
    assert len(lines) == 2
    assert "by Alice Admin (user)" in lines[0]
    assert "by portalctl, automation (system account)" in lines[1]
    for form in ("markdown", "html", "json"):
        assert "Alice Admin (user)" in bench.run("explain", BOB, "-o", form).out
    assert "PATCH" not in bench.run("explain", "city.example").out
    assert "PATCH" not in bench.run("explain", BOB, "--offline").out


def test_masked_runs_name_nobody(bench: Bench) -> None:
    club(bench)
    by_hand(bench, ALICE, "PATCH", f"/developers/{bench.emails[BOB]}", {"status": "revoked"})
    for words in (("drift", "-o", "json"), ("drift",), ("explain", BOB)):
        done = bench.run(*words, "--mask-emails", COLUMNS="400", PORTALCTL_MASK_KEY="a" * 40)
        assert "Alice" not in done.out
        assert bench.emails[BOB] not in done.out


def test_it_is_never_a_reason_to_write(bench: Bench) -> None:
    club(bench)
    by_hand(bench, ALICE, "PATCH", f"/developers/{bench.emails[BOB]}", {"status": "approved"})
    bench.sim.clear_log()
    assert bench.run("plan", "--detailed-exitcode").code == 0
    assert not [read for read in bench.reads if "audit" in read]
    assert bench.run("drift").code == 0
    assert bench.writes == []


def test_classic_portals_have_no_log(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(classic=True)
    bench.people(approved=[ANN])
    bench.manifest("trusted_domains: [city.example]\n")
    done: Done = bench.run("drift", "-o", "json")
    assert (done.code, codes(done.json), done.json["portals"][0]["recorded"]) == (0, [], [])
    assert not [read for read in bench.reads if "audit" in read]
