"""The workflows, the action and the other files that users copy: what they must never do, and that they run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml

from portalctl.cli.commands import portalctl as commands
from portalctl.cli.scaffold import ACTION as PLACEHOLDER
from tests.ci.conftest import Job
from tests.ci.stand_in import TOKEN
from tests.conftest import Bench

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github" / "actions" / "portalctl" / "action.yml"
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "examples" / "github").glob("*.yml")}
PINNED = re.compile(rf"actions/[\w/-]+@[0-9a-f]{{40}}|{re.escape(PLACEHOLDER)}")


def jobs(workflow: str) -> list[dict[str, Any]]:
    return list(WORKFLOWS[workflow]["jobs"].values())


def steps(workflow: str) -> list[dict[str, Any]]:
    return [step for job in jobs(workflow) for step in job["steps"]]


def ours(workflow: str) -> list[dict[str, Any]]:
    """The steps that use our action."""
    return [step for step in steps(workflow) if step.get("uses") == PLACEHOLDER]


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_a_workflow_has_no_more_than_it_needs(name: str) -> None:
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {}
    assert "pull_request_target" not in workflow[True], "YAML 1.1 reads `on` as true"
    for step in steps(name):
        assert "run" in step or PINNED.fullmatch(step["uses"])
        if "actions/checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False
    for job in jobs(name):
        secrets = "secrets.KONNECT_TOKEN" in json.dumps(job)
        assert not secrets or "environment" in job, "a token of the portal is a secret of an environment"
        assert "pull-requests" not in job["permissions"] or not secrets or name == "portal-plan-live"


def test_what_writes_has_one_lock_that_nothing_else_queues_for_or_holds_while_it_waits_for_approval() -> None:
    lock = {"group": "portal-write", "cancel-in-progress": False}
    writers = [job for name in WORKFLOWS for job in jobs(name) if '"apply"' in json.dumps(job)]
    assert [job["concurrency"] for job in writers] == [lock, lock]
    assert {job["environment"] for job in writers} == {"portal-write"}
    approval = WORKFLOWS["portal-apply"]["jobs"]["approve"]
    assert approval["environment"] == "portal-production"
    assert "concurrency" not in approval
    assert "concurrency" not in WORKFLOWS["portal-apply"]
    assert "approve" in WORKFLOWS["portal-apply"]["jobs"]["apply"]["needs"]
    others = [workflow.get("concurrency", {}).get("group") for workflow in WORKFLOWS.values()]
    assert "portal-write" not in others
    assert WORKFLOWS["portal-onboard"]["concurrency"]["group"] == "portal-onboard", "one in the queue at a time"


def test_a_pull_request_never_applies() -> None:
    for name, workflow in WORKFLOWS.items():
        if "pull_request" in workflow[True]:
            assert {step["with"]["command"] for step in ours(name)} <= {"plan", "validate"}


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_every_argument_is_one_that_the_command_has(name: str) -> None:
    inputs = yaml.safe_load(ACTION.read_text())["inputs"]
    for step in ours(name):
        given = step["with"]
        command = commands.get_command(commands.make_context("portalctl", ["plan"]), given["command"])
        assert command is not None
        words = [word for word in given["args"].splitlines() if word]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known
        assert set(given) <= set(inputs)


def test_kubernetes_and_gitlab_run_commands_that_exist() -> None:
    lines = [
        line
        for job in yaml.safe_load((ROOT / "examples/gitlab/.gitlab-ci.yml").read_text()).values()
        if isinstance(job, dict)
        for line in job.get("script", [])
    ]
    crons = list(yaml.safe_load_all((ROOT / "examples/kubernetes/cronjob.yaml").read_text()))
    pods = [cron["spec"]["jobTemplate"]["spec"]["template"]["spec"] for cron in crons]
    calls = [shlex.split(line, comments=True)[1:] for line in lines]
    calls += [container["args"] for pod in pods for container in pod["containers"]]
    assert len(calls) >= 8
    for name, *words in calls:
        command = commands.get_command(commands.make_context("portalctl", ["plan"]), name)
        assert command is not None
        if name == "ci":
            command = command.commands[words[0]]  # type: ignore[attr-defined]  # a group
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known
    assert all(pod["securityContext"]["runAsNonRoot"] for pod in pods)


class Runner:
    """Runs the steps of the action as GitHub's runner does, with what is installed here."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self.outputs: dict[str, str] = {}
        self.said = ""
        self.env = {"PATH": os.environ["PATH"], "RUNNER_TEMP": str(folder / "temp"), "HOME": str(folder), **env}
        (folder / "temp/portalctl/bin").mkdir(parents=True)
        (folder / "temp/portalctl/bin/portalctl").symlink_to(Path(sys.executable).with_name("portalctl"))

    def step(self, name: str, **env: str) -> int:
        (step,) = [step for step in yaml.safe_load(ACTION.read_text())["runs"]["steps"] if step["name"] == name]
        assert set(env) <= set(step["env"])
        output = self.folder / "step-output"
        output.write_text("")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            env={**self.env, "GITHUB_OUTPUT": str(output), **env},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        self.said = done.stdout + done.stderr
        text = re.sub(r"(\S+)<<(\w+)\n(.*)\n\2\n", r"\1=\3\n", output.read_text())
        self.outputs = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        return done.returncode

    def uses(self, step: dict[str, Any], needs: Mapping[str, str] = MappingProxyType({})) -> int:
        """One step of a workflow that uses the action. `needs`: the outputs of the job before, in the arguments."""
        given = {
            key: re.sub(r"\$\{\{ needs\.preview\.outputs\.(\S+) \}\}", lambda found: needs[found[1]], value)
            for key, value in step["with"].items()
        }
        assert self.step("portalctl", COMMAND=given["command"], ARGS=given["args"], FILE=given["file"]) == 0
        said, outputs = self.said, self.outputs
        if outputs["tell"] == "true":
            assert self.step("Tell GitHub", FILE=given["file"], COMMENT="on-change", ISSUE="") == 0, self.said
            outputs |= self.outputs
        how = {"COMMAND": given["command"], "REFUSAL": given.get("refusal", "fail")}
        result = self.step("Result", CODE=outputs["exit-code"], **how)
        self.said, self.outputs = said, outputs
        return result


@pytest.mark.slow
def test_the_action_keeps_how_the_command_ended_whatever_becomes_of_the_telling(
    bench: Bench, job: Job, tmp_path: Path
) -> None:
    bench.people(approved=["leaver@x.org"])
    bench.manifest("overrides:\n  - {developer: leaver@x.org, status: revoked, reason: Left}\n")
    event = tmp_path / "event.json"
    event.write_text('{"pull_request": {"number": 7}}')
    portal = {"KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    runner = Runner(tmp_path, {**job.github.env, "GITHUB_TOKEN": "", "GITHUB_EVENT_PATH": str(event), **portal})
    words = "-f\nportals/\n\n"

    assert runner.step("Install portalctl", SOURCE=str(tmp_path)) == 64
    assert runner.said.startswith("::error::portalctl is not beside this action")
    assert runner.step("portalctl", COMMAND="plan", ARGS=words, FILE="plan.json") == 0
    assert runner.outputs == {"exit-code": "0", "tell": "true"}
    assert "leaver@" not in runner.said
    told = {"FILE": "plan.json", "COMMENT": "on-change", "ISSUE": "", "GITHUB_TOKEN": TOKEN, "KONNECT_TOKEN": ""}
    assert runner.step("Tell GitHub", **told) == 0, runner.said
    assert len(job.github.comments) == 1

    job.github.can_write = False
    job.github.comments.clear()
    assert runner.step("Tell GitHub", **told) == 1
    assert runner.step("Result", CODE="0", COMMAND="plan", REFUSAL="fail") == 0

    assert runner.step("portalctl", COMMAND="drift", ARGS=words, FILE="drift.json") == 0
    assert runner.outputs == {"exit-code": "2", "tell": "true"}
    assert runner.step("Result", CODE="2", COMMAND="drift", REFUSAL="fail") == 0, "a difference is a result"

    assert runner.step("portalctl", COMMAND="apply", ARGS=f"{words}--team\nnone", FILE="report.json") == 0
    assert runner.outputs == {"exit-code": "64", "tell": "false"}
    assert runner.step("Result", CODE="64", COMMAND="apply", REFUSAL="fail") == 64
    assert runner.step("Result", CODE="", COMMAND="apply", REFUSAL="fail") == 1, (
        "the step before never came to an end"
    )

    assert runner.step("portalctl", COMMAND="apply", ARGS=words, FILE="report.json") == 0, runner.said
    assert runner.outputs == {"exit-code": "0", "tell": "true"}
    assert "leaver@" not in runner.said
    assert "✓ dev-" in runner.said
    assert bench.status("leaver@x.org") == "revoked"
    assert runner.step("portalctl", COMMAND="rm", ARGS="", FILE="x.json") == 0
    assert runner.outputs["exit-code"] == "64"


@pytest.mark.slow
def test_a_removal_that_is_refused_holds_up_nobody_who_may_come_in(bench: Bench, job: Job, tmp_path: Path) -> None:
    """The workflow for a merge, step by step."""
    bench.people(approved=["owner@x.org"], pending=["ann@city.com"])
    bench.manifest(
        "trusted_domains: [city.com]\nprotected: [owner@x.org]\n"
        "overrides:\n  - {developer: owner@x.org, status: revoked, reason: Left}\n"
    )
    runner = Runner(
        tmp_path, {**job.github.env, "KONNECT_SERVER_URL": bench.sim.url, "KONNECT_TOKEN": bench.sim.token}
    )
    plan_grants, plan_removals, grants, removals = ours("portal-apply")

    assert runner.uses(plan_grants) == 0, runner.said
    preview = {"grants": runner.outputs["digest"], "has-grants": runner.outputs["has-changes"]}
    assert runner.uses(plan_removals) == 0, "a refusal stops no approval"
    assert (runner.outputs["exit-code"], runner.outputs["refused"]) == ("3", "true")
    preview |= {"removals": runner.outputs["digest"], "has-removals": runner.outputs["has-changes"]}
    assert preview["has-grants"] == preview["has-removals"] == "true"

    swapped = {**preview, "grants": preview["removals"]}
    assert runner.uses(grants, swapped) == 3, "each is bound to its own digest"
    assert runner.uses(grants, preview) == 0, runner.said
    assert runner.outputs["confirmed"] == "1"
    assert bench.status("ann@city.com") == "approved"
    assert runner.uses(removals, preview) == 3
    assert "@x.org is protected" in runner.said
    assert bench.status("owner@x.org") == "approved"
