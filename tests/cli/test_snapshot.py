"""`snapshot` and `plan --snapshot`: a plan without token and network, that nobody takes for a live one."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stat import S_IMODE
from typing import Any

import pytest

from portalctl.portals.models import Developer, Scope, Settings, Snapshot, Team
from portalctl.portals.snapshot_file import Declared, SavedPortal, saved_snapshot, to_json
from tests.conftest import HEAD, PORTAL_ID, Bench, Done, portalctl

RULES = """
trusted_domains: [{domain: city.com, teams: [reds]}]
teams: [{name: reds}]
"""
OUT = "overrides: [{developer: eve@x.org, status: revoked, reason: Left}]\n"


@pytest.fixture
def club(bench: Bench) -> Bench:
    """A portal, and a snapshot that was taken of it."""
    bench.people(approved=["ann@city.com", "eve@x.org"], pending=["new@city.com"])
    bench.team("reds", "ann@city.com")
    bench.team("blues", "eve@x.org")
    bench.manifest(RULES)
    assert bench.run("snapshot", "--out", "s.json").code == 0
    bench.sim.clear_log()
    return bench


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: None) -> None:  # noqa: ARG001
    """A manifest and such a snapshot, and no network at all."""
    monkeypatch.chdir(tmp_path)
    Path("portals").mkdir()
    manifest(RULES)
    keep(datetime.now(UTC))


def manifest(rules: str, folder: str = "portals") -> None:
    Path(folder, "partners.yaml").write_text(HEAD + rules)


def keep(when: datetime) -> None:
    """A snapshot of ann and eve, each in a team, and new, who waits."""
    statuses = {"ann@city.com": "approved", "eve@x.org": "approved", "new@city.com": "pending"}
    read = Snapshot(
        portal_id=PORTAL_ID,
        server="https://eu.api.konghq.com",
        settings=Settings(False, True, False, False),
        scope=Scope(frozenset({"reds"}), requests=True, every_team=True),
        developers=tuple(Developer(f"id-{who}", who, status) for who, status in statuses.items()),
        teams=(Team("t-1", "reds"), Team("t-2", "blues")),
        members={"t-1": frozenset({"id-ann@city.com"}), "t-2": frozenset({"id-eve@x.org"})},
        observed_at=when.isoformat(timespec="seconds"),
        roles={"t-1": (), "t-2": ()},
    )
    here = SavedPortal(Declared("partners", "konnect", None, PORTAL_ID, None), read, frozenset(), ())
    saved = saved_snapshot((here,), created_at=read.observed_at, generator="portalctl 0.0")
    Path("s.json").write_text(to_json(saved))


def offline_plan(*words: str) -> Done:
    """With neither server nor token."""
    return portalctl("plan", "-f", "portals", "--snapshot", "s.json", *words)


def without_times(plan: Any) -> Any:
    (portal,) = plan["portals"]
    return [portal[key] for key in ("changes", "refusals", "summary", "developers", "server", "portal_id", "guard")]


@pytest.mark.slow
def test_it_is_private_and_reads_every_team_once(club: Bench) -> None:
    assert S_IMODE(Path("s.json").stat().st_mode) == 0o600
    done = club.run("snapshot", "--out", "s.json")
    assert done.out.startswith("s.json: 1 portal, 3 developers. digest sha256:")
    members = [call for call in club.reads if "/teams/" in call and call.endswith("/developers")]
    assert len(members) == len(set(members)) == 2
    assert club.writes == []


def test_the_plan_is_the_live_one_without_token_or_network(club: Bench) -> None:
    live = club.run("plan", "-o", "json").json
    club.sim.clear_log()
    done = offline_plan("-o", "json")
    assert (done.code, done.err) == (0, "")
    assert without_times(done.json) == without_times(live)
    assert done.json["snapshot"]["digest"].startswith("sha256:")
    assert done.json["digest"] != live["digest"]
    assert live["snapshot"] is None
    assert club.reads == []


@pytest.mark.usefixtures("alone")
def test_a_pull_request_may_speak_of_teams_that_nothing_spoke_of() -> None:
    manifest(RULES.replace("teams: [{name: reds}]", "teams: [{name: reds}, {name: new}, {name: blues, members: []}]"))
    done = offline_plan("-o", "json")
    assert done.code == 0
    assert "create_team:new" in [change["id"] for change in done.json["portals"][0]["changes"]]
    assert any("team blues keeps 1 developer" in each["message"] for each in done.json["portals"][0]["notices"])


@pytest.mark.wide(2)
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("ago", "said", "severity"),
    [
        ({"minutes": 26}, "26 min old", "info"),
        ({"hours": 5}, "5 h old", "info"),
        ({"hours": 25}, "1 day old", "warning"),
    ],
)
def test_its_age_is_shown_and_warned_of_beyond_a_day(ago: dict[str, float], said: str, severity: str) -> None:
    keep(datetime.now(UTC) - timedelta(**ago))
    notices = offline_plan("-o", "json").json["portals"][0]["notices"]
    assert [(each["severity"], said in each["message"]) for each in notices if each["code"] == "snapshot_age"] == [
        (severity, True)
    ]
    assert said in offline_plan().out
    markdown = offline_plan("-o", "markdown").out
    assert said in markdown.replace("`", "")
    assert f"snapshot {said} (20" in markdown


@pytest.mark.usefixtures("alone")
def test_registrations_that_were_not_read_are_told() -> None:
    manifest(RULES + OUT)
    notices = offline_plan("-o", "json").json["portals"][0]["notices"]
    assert [each["developer"] for each in notices if each["code"] == "registrations_unread"] == ["eve@x.org"]


def test_it_cannot_be_applied(club: Bench) -> None:
    assert offline_plan("--out", "plan.json").code == 0
    env = {"KONNECT_SERVER_URL": club.sim.url, "KONNECT_TOKEN": club.sim.token}
    done = portalctl("apply", "plan.json", "-f", "portals", "--yes", env=env)
    assert done.code == 3
    assert "the plan was made from a snapshot, and nothing was written" in done.err


@pytest.mark.usefixtures("alone")
def test_nor_with_its_mark_removed() -> None:
    offline_plan("--out", "plan.json")
    plan = json.loads(Path("plan.json").read_text())
    Path("plan.json").write_text(json.dumps(plan | {"snapshot": None}))
    done = portalctl("apply", "plan.json", "--yes")
    assert done.code == 3
    assert "the contents do not match the plan's digest" in done.err


@pytest.mark.wide(2)
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("rules", "head", "said"),
    [
        (RULES, ("name: partners", "name: others"), "the snapshot has no portal others; it has: partners"),
        (RULES, ("id: 3f51", "id: 4f51"), "the snapshot is of another portal partners than the manifest names"),
        ("teams: [{name: reds, roles: [{role: API Viewer, api: Tickets}]}]\n", ("", ""), "not read: API Tickets"),
    ],
)
def test_what_it_does_not_cover_is_refused_and_nothing_planned(rules: str, head: tuple[str, str], said: str) -> None:
    manifest(rules)
    path = Path("portals", "partners.yaml")
    path.write_text(path.read_text().replace(*head))
    done = offline_plan("-o", "json")
    assert (done.code, done.out) == (3, "")
    assert said in done.err


@pytest.mark.wide(2)
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text.replace('"approved"', '"revoked"', 1), "s.json:1:1: digest: does not match the contents"),
        (lambda text: text[:-20], "s.json:1:"),
        (lambda _: "version: 1", "s.json:1:1: not JSON"),
    ],
)
def test_a_damaged_file_is_told(damage: Callable[[str], str], said: str) -> None:
    path = Path("s.json")
    path.write_text(damage(path.read_text()))
    done = offline_plan()
    assert (done.code, done.out) == (65, "")
    assert said in done.err


def test_a_missing_file_and_a_folder_are_told(club: Bench) -> None:
    Path("s.json").unlink()
    assert "s.json:1:1: cannot read this file: No such file or directory" in offline_plan().err
    assert club.run("snapshot", "--out", "none/s.json").code == 64


def test_nothing_is_kept_of_a_reading_that_failed(club: Bench) -> None:
    Path("s.json").unlink()
    done = club.run("snapshot", "--out", "s.json", KONNECT_TOKEN="kpat_wrong")
    assert done.code == 1
    assert not Path("s.json").exists()


@pytest.mark.usefixtures("alone")
def test_base_and_snapshot_go_together() -> None:
    Path("portals").rename("base")
    Path("portals").mkdir()
    manifest(RULES.replace("city.com", "x.org"))
    done = offline_plan("--base", "base", "-o", "json")
    (portal,) = done.json["portals"]
    assert [change["id"] for change in portal["base"]["prevented"]] == [
        "add_member:new@city.com:reds",
        "approve:new@city.com",
    ]
    assert [change["origin"] for change in portal["changes"]] == ["change"]


@pytest.mark.slow
def test_registrations_of_who_is_kept_out_are_kept_with_it(club: Bench) -> None:
    club.manifest(RULES + OUT)
    club.run("snapshot", "--out", "s.json")
    notices = offline_plan("-o", "json").json["portals"][0]["notices"]
    assert [each for each in notices if each["code"] == "registrations_unread"] == []
