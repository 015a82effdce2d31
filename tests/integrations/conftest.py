"""GitHub's side of a run, and the files that the runner gives to a step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from portalctl.changes.plan import PortalPlan
from portalctl.changes.plan_document import to_json
from tests.changes.build import planned, portal, snapshot, whole_plan
from tests.conftest import Done, portalctl
from tests.integrations.stand_in import GitHub
from tests.output.plans import everyday

HEAD = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
EVERYDAY = everyday(2)
NOTHING = planned(portal(), snapshot())


@dataclass(slots=True)
class Job:
    """A job on GitHub Actions, for pull request 7 unless `event` says otherwise."""

    folder: Path
    github: GitHub
    pull_request: int | None = 7

    def run(self, *words: str, **env: str) -> Done:
        about = {"number": self.pull_request, "head": {"sha": HEAD}}
        payload = {"pull_request": about} if self.pull_request else {"ref": "refs/heads/main"}
        (self.folder / "event.json").write_text(json.dumps(payload))
        given = {
            **self.github.env,
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_RUN_ID": "42",
            "PORTALCTL_MASK_KEY": "a key of 16 bytes",
        }
        return portalctl("ci", "github", *words, env=given | env)

    def plan(self, *portals: PortalPlan) -> str:
        """A file with a plan, as `plan --out` writes it."""
        path = self.folder / "plan.json"
        path.write_text(to_json(whole_plan(*portals)), encoding="utf-8")
        return str(path)

    @property
    def summary(self) -> str:
        return (self.folder / "summary.md").read_text(encoding="utf-8")

    @property
    def outputs(self) -> dict[str, str]:
        """As the runner reads them: `name<<delimiter`, lines, `delimiter`."""
        lines = iter((self.folder / "output").read_text(encoding="utf-8").split("\n"))
        read: dict[str, str] = {}
        for line in lines:
            if line:
                name, _, delimiter = line.partition("<<")
                read[name] = "\n".join(iter(lambda: next(lines), delimiter))
        return read


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as stand_in:
        yield stand_in


@pytest.fixture
def job(tmp_path: Path, github: GitHub) -> Job:
    return Job(tmp_path, github)
