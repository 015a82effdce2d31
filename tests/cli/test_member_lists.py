"""Teams whose members stand in a CSV file (`members_from`), through the command line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import Bench, portalctl

pytestmark = pytest.mark.usefixtures("quick")

RULES = """
teams:
  - name: reds
    membership: exclusive
    members_from: {file: lists/reds.csv, column: E-Mail}
"""
PEOPLE = [f"p{number}@club.example" for number in range(12)]


def listed(bench: Bench, *people: str) -> None:
    path = bench.folder / "lists/reds.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text("Name;E-Mail\n" + "".join(f"X;{each}\n" for each in people))


@pytest.fixture
def reds(bench: Bench) -> Bench:
    """All are in the team, live and in the list."""
    bench.people(approved=PEOPLE)
    bench.team("reds", *PEOPLE)
    bench.manifest(RULES)
    listed(bench, *PEOPLE)
    return bench


def test_who_is_in_the_list_gets_in_and_who_is_not_goes(reds: Bench) -> None:
    assert reds.run("plan", "--detailed-exitcode").code == 0
    reds.people(approved=["new@club.example"])
    listed(reds, "new@club.example", *PEOPLE[1:])
    plan = reds.run("plan")
    assert "portals/lists/reds.csv:2  member list\n    + new@club.example  joins reds" in plan.out
    assert reds.run("apply", "--yes").code == 0
    assert reds.members("reds") == {"new@club.example", *PEOPLE[1:]}


def test_a_list_that_lost_most_of_its_people_is_stopped_by_the_brake(reds: Bench) -> None:
    listed(reds, *PEOPLE[:5])
    done = reds.run("apply", "--yes")
    assert done.code == 3
    assert "7 of 12" in done.told
    assert reds.writes == []


def test_a_list_without_people_is_an_error_and_takes_nobody_out(reds: Bench) -> None:
    listed(reds)
    done = reds.run("apply", "--yes")
    assert done.code == 65
    assert "portals/lists/reds.csv:1:1: no developer is in this list" in done.err
    assert len(reds.sim.log) == 0


@pytest.mark.slow
def test_a_saved_plan_is_of_the_list_as_it_was(reds: Bench) -> None:
    listed(reds, *PEOPLE[1:])
    before = reds.run("plan", "-o", "json").json["manifest"]
    listed(reds, *PEOPLE[2:])
    after = reds.run("plan", "-o", "json").json["manifest"]
    assert before["files"] == after["files"] == ["portals/lists/reds.csv", "portals/partners.yaml"]
    assert before["digest"] != after["digest"]


def test_explain_names_the_line_of_the_list(reds: Bench) -> None:
    assert "portals/lists/reds.csv:5" in reds.run("explain", PEOPLE[3]).out


def git(*words: str) -> None:
    subprocess.run(["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.com", *words], check=True)


def from_change(bench: Bench, asked: str) -> list[tuple[str, str]]:
    """What a plan against the last commit says, without a warning."""
    env = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    done = portalctl("plan", "-f", asked, "--base", "HEAD", "-o", "json", env=env)
    assert "--base" not in done.err
    return [(change["op"], change["origin"]) for change in done.json["portals"][0]["changes"]]


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["portals", "portals/partners.yaml"])
def test_the_base_of_a_change_has_its_own_list(reds: Bench, asked: str) -> None:
    git("init", "-q")
    git("add", "portals")
    git("commit", "-qm", "Before")
    listed(reds, *PEOPLE[1:])
    assert from_change(reds, asked) == [("remove_member", "change")]
    assert Path("portals/lists/reds.csv").read_text().count("\n") == 12


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["portals", "portals/partners.yaml"])
def test_a_list_of_the_base_may_be_behind_links(reds: Bench, asked: str) -> None:
    Path("portals/lists/reds.csv").rename("portals/lists/reds.txt")
    Path("portals/lists/reds.csv").symlink_to("reds.txt")
    Path("portals/lists").rename("portals/real")
    Path("portals/lists").symlink_to("real")
    git("init", "-q")
    git("add", "portals")
    git("commit", "-qm", "Before")
    listed(reds, *PEOPLE[1:])
    assert from_change(reds, asked) == [("remove_member", "change")]


@pytest.mark.slow
def test_of_the_base_only_the_lists_that_are_named_are_read(reds: Bench) -> None:
    """A clone may lack the others, and nobody knows what they are."""
    Path("portals/lists/other.csv").write_text("Not for us")
    git("init", "-q")
    git("add", "portals")
    git("commit", "-qm", "Before")
    blob = subprocess.run(
        ["git", "rev-parse", "HEAD:portals/lists/other.csv"], check=True, capture_output=True, text=True
    )
    name = blob.stdout.strip()
    Path(".git/objects", name[:2], name[2:]).unlink()
    assert from_change(reds, "portals") == []
