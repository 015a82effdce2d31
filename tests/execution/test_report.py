"""`apply --report`: who did what, and what came of it."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from portalctl.output.apply_report import RunUser, run_user
from portalctl.output.documents import schema
from portalctl.simulator.faults import Fault
from tests.conftest import PORTAL_ID, Bench

pytestmark = pytest.mark.usefixtures("quick")

RULES = """
trusted_domains:
  - {domain: club.example, teams: [reds]}
teams:
  - name: reds
"""


def read(path: str = "report.json") -> Any:
    document = json.loads(Path(path).read_text(encoding="ascii"))
    jsonschema.Draft202012Validator(schema("report")).validate(document)
    return document


@pytest.fixture
def club(bench: Bench) -> Bench:
    bench.people(pending=["ann@club.example", "bob@club.example"])
    bench.team("reds")
    bench.manifest(RULES)
    return bench


def test_the_report_tells_who_what_why_and_what_came_of_it(club: Bench) -> None:
    club.sim.inject(Fault("status", method="PATCH", path=f"*/{club.emails['bob@club.example']}", status=400))
    plan = club.run("plan", "-o", "json").json
    words = ["--yes", "--report", "report.json"]
    assert club.run("apply", *words, GITHUB_ACTOR="octocat", GITHUB_SHA="4f2c").code == 4
    report = read()
    assert report["who"] == {"actor": "octocat", "commit": "4f2c"}
    assert (report["plan"], report["manifest"]) == (plan["digest"], plan["manifest"])
    assert not report["interrupted"]
    (portal,) = report["portals"]
    assert portal["summary"] == {"confirmed": 3, "failed": 1, "skipped": 0, "unknown": 0, "total": 4}
    planned = plan["portals"][0]["changes"]
    of_the_plan = planned[0].keys() - {"origin", "developer_status"}  # which are for whoever reviews or applies it
    assert [{key: change[key] for key in of_the_plan} for change in portal["changes"]] == [
        {key: change[key] for key in of_the_plan} for change in planned
    ]
    done, joined, approved, failed = portal["changes"]
    results = done["result"], joined["result"], approved["result"], failed["result"]
    assert results == ("confirmed", "confirmed", "confirmed", "failed")
    assert report["started_at"] <= done["sent_at"] <= done["answered_at"] <= done["settled_at"] <= report["ended_at"]
    assert failed["trace"].startswith("kong:trace:")
    assert "the portal returned 400" in failed["detail"]
    assert stat.S_IMODE(Path("report.json").stat().st_mode) == 0o600
    assert club.sim.token not in Path("report.json").read_text()


@pytest.mark.slow
def test_nothing_to_do_is_reported_as_that(club: Bench) -> None:
    assert club.run("apply", "--yes").code == 0
    assert club.run("apply", "--yes", "--report", "report.json").code == 0
    assert read()["portals"] == []


@pytest.mark.slow
def test_what_somebody_else_did_meanwhile_is_marked(club: Bench) -> None:
    def hook(request: object) -> None:
        if "filter" in str(getattr(request, "target", "")):
            club.sim.store.set_status(club.emails["ann@club.example"], "approved")

    club.sim.on_request(hook)
    assert club.run("apply", "--yes", "--report", "report.json").code == 0
    changes = read()["portals"][0]["changes"]
    assert [(change["already"], change["sent_at"] is None) for change in changes[2:]] == [
        (True, True),
        (False, False),
    ]


def test_a_report_that_could_not_be_written_is_found_out_before_any_write(club: Bench) -> None:
    done = club.run("apply", "--yes", "--report", "nowhere/report.json")
    assert done.code == 64
    assert "--report nowhere/report.json" in done.err
    assert club.writes == []


def test_one_journal_is_for_one_portal(club: Bench) -> None:
    club.manifest(RULES.replace("reds", "blues"), "other.yaml")
    other = club.folder / "other.yaml"
    text = other.read_text().replace("name: partners", "name: others")
    other.write_text(text.replace(PORTAL_ID, club.sim.store.add_portal("others")))
    done = club.run("apply", "--yes", "--journal", "j.jsonl")
    assert done.code == 64
    assert "Choose the portal with --portal NAME" in done.err
    assert club.run("apply", "--yes", "--journal", "j.jsonl", "--portal", "partners").code == 0


@pytest.mark.parametrize(
    ("env", "user"),
    [
        ({"GITHUB_ACTOR": "octocat", "GITHUB_SHA": "4f2c"}, RunUser("octocat", "4f2c")),
        ({"GITLAB_USER_LOGIN": "tanuki", "CI_COMMIT_SHA": "9a1b"}, RunUser("tanuki", "9a1b")),
        ({"GITLAB_USER_LOGIN": "tanuki"}, RunUser("tanuki", None)),
        ({"GITHUB_ACTOR": "", "GITHUB_SHA": "4f2c"}, RunUser("ops")),
        ({}, RunUser("ops")),
    ],
)
def test_the_user_of_a_run(env: dict[str, str], user: RunUser) -> None:
    assert run_user(env, "ops") == user
