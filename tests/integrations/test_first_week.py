"""The first week: a portal of 900 developers → files → CI → pull request → apply → drift, without a finding."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from portalctl.cli.init_files import ACTION
from portalctl.simulator.api7.server import Api7Simulator
from portalctl.simulator.server import Simulator
from tests.conftest import PORTAL_ID, Done, portalctl
from tests.integrations.runner import Runner
from tests.integrations.stand_in import GitHub

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick")]

CLUBS = ("arsenal", "burnley", "chelsea", "everton", "fulham", "leeds", "united", "wolves")
APPROVED = [f"dev{number}@{CLUBS[number % 8]}.example" for number in range(800)]
PENDING = [f"new{number}@{CLUBS[number % 8]}.example" for number in range(50)]
OUT = [f"out{number}@elsewhere{number % 3}.example" for number in range(50)]
TRUSTED = "everton.example"
JOIN = sum(address.endswith(f"@{TRUSTED}") for address in PENDING)


@dataclass(frozen=True)
class Portal:
    """A live portal: how `import` names it, and what CI and a shell get to reach it."""

    words: tuple[str, ...]
    variables: dict[str, str]
    secrets: dict[str, str]
    sim: Simulator | Api7Simulator

    def run(self, *words: str) -> Done:
        return portalctl(*words, env=self.variables | self.secrets)

    def status(self, address: str) -> str:
        if isinstance(self.sim, Simulator):
            return next(str(who["status"]) for who in self.sim.store.developers(PORTAL_ID) if who["email"] == address)
        (found,) = [who for who in self.sim.store.developers("portal-1") if who.email == address]
        return {"Active": "approved", "Pending": "pending"}[found.state]


@contextlib.contextmanager
def konnect() -> Iterator[Portal]:
    with Simulator(seed={"portals": [{"id": PORTAL_ID, "name": "partners", "display_name": "Partners"}]}) as sim:
        store = sim.store
        ids = {address: store.add_developer(PORTAL_ID, address, status="approved") for address in APPROVED}
        ids |= {address: store.add_developer(PORTAL_ID, address, status="pending") for address in PENDING}
        for number, address in enumerate(OUT):
            ids[address] = store.add_developer(PORTAL_ID, address, status=("revoked", "rejected")[number % 2])
        for number in range(6):
            team = store.add_team(PORTAL_ID, f"Team {number}: & Co")
            store.add_members(team, [ids[address] for address in (*APPROVED, *PENDING, *OUT)[number::7]])
        words = ("--portal", "partners", "--provider", "konnect", "--title", "Partners")
        yield Portal(words, {"KONNECT_SERVER_URL": sim.url}, {"KONNECT_TOKEN": sim.token}, sim)


@contextlib.contextmanager
def api7() -> Iterator[Portal]:
    with Api7Simulator() as sim:
        sim.store.add_portal("portal-1", "Fans")
        for number, address in enumerate((*APPROVED, *PENDING, *OUT)):
            state: Any = "Active" if number < len(APPROVED) else "Pending"
            sim.store.sign_up("portal-1", address, f"Dev {number}", developer_id=f"d{number}", state=state)
        words = ("--portal", "fans", "--provider", "api7", "--portal-id", "portal-1")
        yield Portal(words, {"API7_SERVER": sim.url}, {"API7_TOKEN": sim.token}, sim)


def git(*words: str) -> None:
    identity = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *words], check=True, capture_output=True)


def steps(workflow: str) -> list[dict[str, Any]]:
    """The steps of a workflow of this repository that use our action."""
    loaded = yaml.safe_load(Path(f".github/workflows/{workflow}.yml").read_text())
    return [step for job in loaded["jobs"].values() for step in job["steps"] if step.get("uses") == ACTION]


def job(folder: Path, portal: Portal, github: GitHub, **env: str) -> Runner:
    """A job that starts anew, with the variables of the repository."""
    number = len(list(folder.parent.glob("work*")))
    work = folder.parent / f"work{number}"
    work.symlink_to(folder)
    return Runner(work, {**github.env, **portal.variables, "PORTALCTL_MASK_KEY": "a key of 16 bytes", **env})


def has_no_findings(portal: Portal) -> None:
    assert portal.run("plan", "--detailed-exitcode").code == 0
    drift = portal.run("drift", "-o", "json")
    assert (drift.code, drift.json["notices"]) == (0, [])
    assert {finding["kind"] for each in drift.json["portals"] for finding in each["findings"]} <= {"backlog"}
    checked = portal.run("validate")
    assert (checked.code, checked.err) == (0, "")
    assert json.loads(portal.run("validate", "-o", "json").out)["findings"] == []
    assert portal.run("fmt", "--check").code == 0


@pytest.mark.parametrize("split", [(), ("--split", "teams")], ids=["whole", "split"])
@pytest.mark.parametrize("kind", [konnect, api7])
def test_from_a_live_portal_to_quiet_drift(
    kind: Any, split: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with kind() as portal, GitHub() as github:
        # Files, and everything around them.
        git("init", "-q", "-b", "main")
        done = portal.run("import", *portal.words, "--out", "portals", *split)
        assert done.code == 0, done.err
        assert portal.run("init", "--ci", "github").code == 0
        assert len(list(Path("portals").rglob("*.yaml"))) == (8 if split and kind is konnect else 2)
        has_no_findings(portal)
        git("add", "-A")
        git("commit", "-qm", "Import the portal")

        # The snapshot of main.
        snapshot = job(folder, portal, github)
        (step,) = steps("portal-snapshot")
        assert snapshot.uses(step, portal.secrets) == 0, snapshot.output
        kept = Path("snapshot.json").rename(tmp_path / "snapshot.json")

        # A pull request follows the comment that import wrote.
        git("checkout", "-qb", "trust")
        (root,) = [path for path in Path("portals").glob("*.yaml") if not path.name.startswith(".")]
        text = root.read_text().replace("# trusted_domains:", "trusted_domains:")
        root.write_text(text.replace(f"#   - {TRUSTED}", f"  - {TRUSTED}"))
        expected = f"version: 1\n\nexpectations:\n  - {{domain: {TRUSTED}, is: approved}}\n"
        Path("portals/access.test.yaml").write_text(expected)
        assert portal.run("fmt", "--check").code == 0
        git("add", "-A")
        git("commit", "-qm", "Trust a club")
        git("checkout", "-q", "--detach", "main")
        git("merge", "-q", "--no-ff", "-m", "Merge", "trust")
        event = tmp_path / "event.json"
        event.write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": "a" * 40}}}))
        request = job(folder, portal, github, GITHUB_EVENT_PATH=str(event))
        (request.temp / "portal-snapshot").mkdir()
        kept.rename(request.temp / "portal-snapshot" / "snapshot.json")
        validate, test, plan = steps("portal-plan")
        assert request.uses(validate, {}) == 0, request.output
        assert request.uses(test, {}) == 0, request.output
        assert request.uses(plan, {}) == 0, request.output
        assert (request.outputs["exit-code"], request.outputs["has-changes"]) == ("0", "true")
        assert request.outputs["refused"] == "false"
        (comment,) = github.comments
        assert comment.body is not None
        assert str(JOIN) in comment.body
        assert TRUSTED in comment.body
        assert "new3@" not in comment.body

        # After the merge exactly that is applied, and nothing is left.
        git("checkout", "-q", "main")
        git("merge", "-q", "trust")
        merge = job(folder, portal, github)
        plan_grants, plan_removals, grants, _ = steps("portal-apply")
        assert merge.uses(plan_grants, portal.secrets) == 0, merge.output
        preview = {"grants": merge.outputs["digest"], "has-grants": merge.outputs["has-changes"]}
        assert preview["has-grants"] == "true"
        assert merge.uses(plan_removals, portal.secrets) == 0
        assert merge.outputs["has-changes"] == "false"
        assert merge.uses(grants, portal.secrets, preview) == 0, merge.output
        assert merge.outputs["confirmed"] == str(JOIN)
        assert portal.status(f"new3@{TRUSTED}") == "approved"

        # Drift is quiet; what was accepted and is ruled by now can go.
        nightly = job(folder, portal, github)
        (step,) = steps("portal-drift")
        assert nightly.uses(step, portal.secrets) == 0, nightly.output
        assert (nightly.outputs["exit-code"], nightly.outputs["has-drift"]) == ("0", "false")
        assert github.issues == []
        assert portal.run("acknowledge", "--prune").code == 0
        has_no_findings(portal)
