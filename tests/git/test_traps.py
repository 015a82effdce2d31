"""No file of the checkout, no setting of its repository and no variable makes a command run through git."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.conftest import PORTAL_ID, Bench, Done, portalctl
from tests.git.traps import FORGER, SECRET, TRAPS, Ground, Trap

RULES = "trusted_domains: [arsenal.com]\noverrides: [{developer: sam@x.example, status: approved, reason: Pilot}]\n"
AUTHOR = "Ann Lee <ann@arsenal.com>"
NEW = ["--portal", "partners", "--provider", "konnect", "--portal-id", PORTAL_ID]
COMMANDS = {
    "plan": ["plan", "-f", "portals", "--base", "HEAD"],
    "plan of the parent": ["plan", "-f", "portals", "--base", "HEAD~1"],
    "report": ["report", "access", "-f", "portals"],
    "validate": ["validate", "-f", "portals"],
    "drift": ["drift", "-f", "portals"],
    "init": ["init", *NEW, "--ci", "github", "--out", "new"],
    "import": ["import", *NEW, "--out", "imported.yaml"],
    "apply": ["apply", "-f", "portals", "--yes"],
}


@pytest.fixture
def ground(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    bench.people(approved=["ann@arsenal.com", "sam@x.example"])
    bench.manifest(RULES)
    ground = Ground(Path.cwd(), tmp_path_factory.mktemp("outside"))
    ground.prepare()
    return ground


def commands(ground: Ground, names: Iterable[str], bench: Bench) -> dict[str, Done]:
    """Run commands from the top folder of the checkout."""
    env = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token, "PORTALCTL_X": SECRET, **ground.env}
    return {name: portalctl(*COMMANDS[name], env=env) for name in names}


def authors(done: Done) -> set[str]:
    return {row["author"] for row in csv.DictReader(io.StringIO(done.out, newline="")) if row["author"]}


@pytest.mark.wide(1)
@pytest.mark.parametrize("trap", TRAPS.values(), ids=TRAPS)
def test_no_trap_runs_and_the_token_stays(bench: Bench, ground: Ground, trap: Trap) -> None:
    trap.plant(ground)
    ground.fired.unlink(missing_ok=True)
    done = commands(ground, ["plan", "plan of the parent", "report"], bench)
    assert not ground.fired.exists()
    assert done["report"].code == 0, done["report"].err
    assert {done[name].code for name in ("plan", "plan of the parent")} <= {0, 64}, "64: what the trap takes away"
    assert SECRET not in "".join(one.out + one.err for one in done.values())
    trap.control(ground)
    assert SECRET in ground.fired.read_text(), "the trap works"


@pytest.mark.slow
@pytest.mark.parametrize("trap", TRAPS.values(), ids=TRAPS)
def test_no_other_command_walks_into_a_trap(bench: Bench, ground: Ground, trap: Trap) -> None:
    trap.plant(ground)
    ground.fired.unlink(missing_ok=True)
    done = commands(ground, ["validate", "drift", "init", "import", "apply"], bench)
    assert not ground.fired.exists()
    assert {one.code for one in done.values()} == {0}


@pytest.mark.wide(1)
@pytest.mark.parametrize("folder", ["portals", "portals/.git"])
def test_a_planted_repository_forges_nobody(bench: Bench, ground: Ground, folder: str) -> None:
    before = authors(commands(ground, ["report"], bench)["report"])
    assert before == {AUTHOR}
    ground.plant(ground.folder / folder)
    assert "Forged" in ground.git("blame", "partners.yaml", folder="portals"), "plain git is deceived"
    assert authors(commands(ground, ["report"], bench)["report"]) == before


@pytest.mark.slow
def test_from_inside_a_planted_repository_the_one_around_it_counts(
    bench: Bench, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.plant(ground.folder / "portals")
    forged = ground.git("rev-parse", "HEAD", folder="portals").strip()
    ground.fired.unlink(missing_ok=True)
    monkeypatch.chdir("portals")
    env = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    assert portalctl("plan", "-f", ".", "--base", "HEAD", env=env).code == 0
    assert authors(portalctl("report", "access", "-f", ".", env=env)) == {AUTHOR}
    done = portalctl("plan", "-f", ".", "--base", forged, env=env)
    assert (done.code, "not a commit of this repository" in done.err) == (64, True)
    assert not ground.fired.exists()


@pytest.mark.slow
def test_a_mailmap_renames_nobody(bench: Bench, ground: Ground) -> None:
    (ground.folder / ".mailmap").write_text("Forged <forged@arsenal.com> Ann Lee <ann@arsenal.com>\n")
    ground.git("add", ".")
    ground.git("commit", "-qm", "Mailmap")
    assert "Forged" in ground.git("blame", "portals/partners.yaml")
    assert authors(commands(ground, ["report"], bench)["report"]) == {AUTHOR}


@pytest.mark.slow
@pytest.mark.parametrize("how", ["replace", "graft"])
def test_history_is_as_committed(bench: Bench, ground: Ground, how: str) -> None:
    """Neither a replacement of a commit nor a file of grafts forges an author."""
    head, tree = ground.git("rev-parse", "HEAD", "HEAD^{tree}").split()
    forged = ground.git("commit-tree", tree, "-m", "Forged", env=FORGER).strip()
    if how == "replace":
        ground.git("replace", head, forged)
    else:
        (ground.folder / ".git" / "info" / "grafts").write_text(f"{head} {forged}\n")
    assert "Forged" in ground.git("blame", "portals/partners.yaml")
    assert authors(commands(ground, ["report"], bench)["report"]) == {AUTHOR}
