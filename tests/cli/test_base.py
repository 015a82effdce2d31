"""`plan --base`: what comes from the change under review, against a folder or a commit."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import HEAD, PORTAL_ID, Bench, portalctl

BEFORE = """
trusted_domains:
  - {domain: old.com, teams: [reds]}
  - city.com
teams: [{name: reds}]
"""
AFTER = """
trusted_domains:
  - city.com
  - new.com
teams: [{name: reds}]
"""


@pytest.fixture
def club(bench: Bench) -> Bench:
    bench.people(approved=["bob@old.com"], pending=["ann@city.com", "joe@new.com", "eve@old.com"])
    bench.team("reds", "bob@old.com")
    return bench


@pytest.fixture
def folder(club: Bench) -> Bench:
    """The base is in `base`, the head in `portals`."""
    club.manifest(BEFORE)
    shutil.copytree(club.folder, "base")
    club.manifest(AFTER)
    return club


def git(*words: str) -> str:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *who, *words], env=env, check=True, capture_output=True, text=True).stdout


def commit(*more: str) -> None:
    git("init", "-q")
    git("add", "portals", *more)
    git("commit", "-qm", "Before")


def test_changes_are_told_apart_in_json(folder: Bench) -> None:
    done = folder.run("plan", "--base", "base", "-o", "json")
    assert done.code == 0
    (portal,) = done.json["portals"]
    assert {change["id"]: change["origin"] for change in portal["changes"]} == {
        "approve:ann@city.com": "pending",
        "approve:joe@new.com": "change",
    }
    assert (portal["summary"]["from_change"], portal["summary"]["already_pending"]) == (1, 1)
    assert [change["id"] for change in portal["base"]["prevented"]] == [
        "add_member:eve@old.com:reds",
        "approve:eve@old.com",
    ]
    assert [(each["developer"]["email"], each["team"]) for each in portal["base"]["unruled"]] == [
        ("bob@old.com", None),
        ("bob@old.com", "reds"),
    ]
    assert portal["base"]["unruled"][0]["why"][0]["line"] == 8


def test_without_a_base_nothing_is_said_of_one_and_the_digest_is_the_same(folder: Bench) -> None:
    alone = folder.run("plan", "-o", "json").json
    assert alone["portals"][0]["base"] is None
    assert {change["origin"] for change in alone["portals"][0]["changes"]} == {None}
    assert alone["digest"] == folder.run("plan", "--base", "base", "-o", "json").json["digest"]


@pytest.mark.slow
def test_text_and_markdown_list_them_open(folder: Bench) -> None:
    text = folder.run("plan", "--base", "base").out
    markdown = folder.run("plan", "--base", "base", "-o", "markdown").out
    assert "1 from this change, 1 not from this change" in text
    assert "\nFrom this change: 1 developer gains access · Not from this change: 1 developer" in markdown
    for shown in (text, markdown.split("<details>")[0]):
        assert "bob@old.com" in shown
        assert "Prevented by this change" in shown
        assert "eve@old.com" in shown
    assert "pending → approved (from this change)" in text
    assert "pending → approved (not from this change)" in text
    assert "<summary>Grants from this change: 1 developer (pending → approved)</summary>" in markdown
    assert "<summary>Grants not from this change: 1 developer (pending → approved)</summary>" in markdown


@pytest.mark.wide(1)
@pytest.mark.parametrize("form", ["json", "markdown", "text"])
def test_masked_addresses_are_masked_in_what_it_adds(folder: Bench, form: str) -> None:
    done = folder.run("plan", "--base", "base", "--mask-emails", "-o", form)
    assert "bob@" not in done.out
    assert "eve@" not in done.out


def test_one_reading_serves_both(folder: Bench) -> None:
    folder.manifest("teams: [{name: reds}]\n")
    assert folder.run("plan", "--base", "base").code == 0
    members = [call for call in folder.reads if call.endswith("/developers") and "/teams/" in call]
    assert len(members) == 1  # which the head alone would not need
    assert len([call for call in folder.reads if call == "GET /developers"]) == 1


def test_a_refusal_of_before_does_not_fail_the_change_and_one_of_its_own_does(club: Bench) -> None:
    blocked = (
        "policy: {limits: {removals: 0}}\noverrides: [{developer: bob@old.com, status: revoked, reason: Left}]\n"
    )
    club.manifest(blocked)
    shutil.copytree(club.folder, "base")
    club.manifest(blocked + "trusted_domains: [city.com]\n")
    done = club.run("plan", "--base", "base")
    assert done.code == 0
    assert "policy.limits.removals is 0 (not from this change)" in done.out
    club.manifest(blocked + "protected: [bob@old.com]\n")
    done = club.run("plan", "--base", "base", "-o", "json")
    assert done.code == 3
    assert [(each["code"], each["origin"]) for each in done.json["portals"][0]["refusals"]] == [
        ("protected", "change"),
        ("removals", "pending"),
    ]
    assert club.run("plan").code == 3


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "trusted_domain: []\n", "its manifest has errors: base/partners.yaml:6:1: unknown key"),
        (None, "its manifest has errors: base:1:1: no *.yaml or *.yml file in this folder"),
    ],
)
def test_a_broken_base_is_a_warning_and_everything_counts_as_from_this_change(
    folder: Bench, text: str | None, said: str
) -> None:
    base = Path("base", "partners.yaml")
    base.unlink() if text is None else base.write_text(text)
    done = folder.run("plan", "--base", "base", "-o", "json")
    assert done.code == 0
    assert said in done.err
    (portal,) = done.json["portals"]
    assert {change["origin"] for change in portal["changes"]} == {"change"}
    assert any(notice["code"] == "no_base" and said in notice["message"] for notice in portal["notices"])


@pytest.mark.slow
def test_a_portal_that_the_change_removes_is_told(folder: Bench) -> None:
    other = HEAD.replace("partners", "second").replace("3f51fa25", "4f51fa25")
    Path("base", "second.yaml").write_text(other)
    said = "portal second is in the base only: no plan is made for it, and no developer loses access there"
    assert said in folder.run("plan", "--base", "base", "-o", "markdown").out.split("<details>")[0]
    assert said in folder.run("plan", "--base", "base").out
    assert "second" not in folder.run("plan", "--base", "base", "--portal", "partners").out


def test_a_portal_under_a_new_handle_is_the_same_portal(folder: Bench) -> None:
    expected = folder.run("plan", "--base", "base", "-o", "json").json["portals"][0]
    (folder.folder / "partners.yaml").write_text(HEAD.replace("partners", "friends") + AFTER)
    done = folder.run("plan", "--base", "base", "-o", "json")
    (portal,) = done.json["portals"]
    for told in ("summary", "changes"):
        assert portal[told] == expected[told]
    assert len(portal["base"]["unruled"]) == len(expected["base"]["unruled"]) == 2
    assert "is in the base only" not in done.out


def test_another_portal_under_the_old_handle_is_told(folder: Bench) -> None:
    other = "4f51fa25-310a-421d-bd1a-007f859021a3"
    folder.sim.store.add_portal(id=other, name="other")
    (folder.folder / "partners.yaml").write_text(HEAD.replace("3f51fa25", "4f51fa25") + AFTER)
    said = f"portal partners is another portal in the base ({PORTAL_ID}), where access now stays, unmanaged"
    for more in ((), ("--portal", "partners")):
        done = folder.run("plan", "--base", "base", *more, COLUMNS="200")
        assert done.code == 0
        assert said in done.out


def test_a_commit_is_read_and_the_work_tree_left_alone(club: Bench) -> None:
    club.manifest(BEFORE)
    commit()
    club.manifest(AFTER)
    (club.folder / "extra.yaml").write_text("portal: partners\nversion: 1\nteams: []\n")
    before = git("status", "--porcelain")
    done = club.run("plan", "--base", "main", "-o", "json")
    assert done.code == 0
    (portal,) = done.json["portals"]
    assert (portal["summary"]["from_change"], portal["summary"]["already_pending"]) == (1, 1)
    assert portal["base"]["unruled"][0]["why"][0]["file"] == "portals/partners.yaml"
    assert git("status", "--porcelain") == before


@pytest.mark.slow
def test_a_base_that_has_gone_on_is_told(club: Bench) -> None:
    """What main gained since the branch began is not what the branch takes away."""
    club.manifest(BEFORE)
    commit()
    git("checkout", "-qb", "feature")
    git("commit", "-q", "--allow-empty", "-m", "Here")
    assert "not here" not in club.run("plan", "--base", "main").err
    git("checkout", "-q", "main")
    git("commit", "-q", "--allow-empty", "-m", "There")
    git("checkout", "-q", "feature")
    done = club.run("plan", "--base", "main")
    assert done.code == 0
    assert "--base main has 1 commit that HEAD does not have; the plan shows" in done.err
    assert '--base "$(git merge-base main HEAD)"' in done.err
    began = git("merge-base", "main", "HEAD").strip()
    assert "not here" not in club.run("plan", "--base", began).err


@pytest.mark.slow
def test_from_a_subfolder_and_by_any_name_of_a_commit(club: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    club.manifest(BEFORE)
    commit()
    club.manifest(AFTER)
    expected = club.run("plan", "--base", "HEAD", "-o", "json").json["portals"][0]["changes"]
    for name in ("main", "HEAD~0", git("rev-parse", "HEAD").strip()):
        assert club.run("plan", "--base", name, "-o", "json").json["portals"][0]["changes"] == expected
    Path("below").mkdir()
    monkeypatch.chdir("below")
    env = {"KONNECT_SERVER_URL": club.sim.url, "KONNECT_TOKEN": club.sim.token}
    done = portalctl("plan", "-f", "../portals", "--base", "main", "-o", "json", env=env)
    (portal,) = done.json["portals"]
    assert [change["origin"] for change in portal["changes"]] == [change["origin"] for change in expected]
    assert portal["base"]["unruled"][0]["why"][0]["file"] == "../portals/partners.yaml"


@pytest.mark.slow
def test_a_commit_without_the_files_makes_everything_new(club: Bench) -> None:
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "Empty")
    club.manifest(AFTER)
    done = club.run("plan", "--base", "main", "-o", "json")
    assert "it contains no manifest file" in done.err
    assert done.json["portals"][0]["summary"]["already_pending"] == 0


@pytest.mark.slow
def test_a_repository_runs_nothing_of_its_own(club: Bench, tmp_path: Path) -> None:
    """Hooks, filters and monitors are whoever's the repository is."""
    club.manifest(BEFORE)
    Path(".gitattributes").write_text("*.yaml filter=evil\n")
    commit(".gitattributes")
    trap = tmp_path / "ran"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {trap}\ncat\n")
    script.chmod(0o755)
    git("config", "core.fsmonitor", str(script))
    git("config", "filter.evil.smudge", str(script))
    git("config", "filter.evil.required", "true")
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        (Path(".git", "hooks") / hook).write_text(script.read_text())
        (Path(".git", "hooks") / hook).chmod(0o755)
    club.manifest(AFTER)
    done = club.run("plan", "--base", "main", "-o", "json")
    assert done.json["portals"][0]["summary"]["already_pending"] == 1
    assert not trap.exists()


@pytest.mark.slow
def test_no_such_commit_is_told_with_what_to_do(club: Bench) -> None:
    club.manifest(AFTER)
    git("init", "-q")
    for name in ("main", "--all", "--output=x", "a..b", "", "\x1b[31m", "é\udce9", "--"):
        done = club.run("plan", f"--base={name}")
        assert done.code == 64, name
        assert "': not a folder, and not a commit of this repository\n" in done.err
        assert "\x1b" not in done.err
    assert not Path("x").exists()
    assert "--base '--output=x'" in club.run("plan", "--base=--output=x").err
    assert club.reads == []


@pytest.mark.slow
def test_no_repository_and_no_git_are_told(club: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    club.manifest(AFTER)
    done = club.run("plan", "--base", "main")
    assert done.code == 64
    assert "the working folder is not in a Git repository" in done.err
    git("init", "-q")
    monkeypatch.setenv("PATH", "")
    done = club.run("plan", "--base", "main")
    assert done.code == 64
    assert "git not found on PATH" in done.err


@pytest.mark.slow
def test_links_in_a_commit_lead_nowhere_else(club: Bench, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside: Callable[[str], Path] = tmp_path_factory.mktemp
    secret = outside("outside") / "secret.yaml"
    secret.write_text(HEAD)
    club.manifest(BEFORE)
    (club.folder / "link.yaml").symlink_to(secret)
    commit()
    (club.folder / "link.yaml").unlink()
    club.manifest(AFTER)
    done = club.run("plan", "--base", "main")
    assert ": its manifest has errors: portals/link.yaml:1:1: this link leads out of the folder" in done.err
