"""The workflows, the action and the other files that users copy: what they must never do, and that they run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from portalctl.cli.commands import portalctl as commands
from portalctl.cli.init_files import ACTION as PLACEHOLDER
from tests.conftest import Bench
from tests.integrations.conftest import Job
from tests.integrations.runner import ACTION, Runner
from tests.integrations.stand_in import TOKEN

ROOT = Path(__file__).parents[2]
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
            assert {step["with"]["command"] for step in ours(name)} <= {"plan", "test", "validate"}


@pytest.mark.wide(2)
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


def test_kubernetes_masks_addresses_and_gives_each_job_only_the_secrets_it_names() -> None:
    crons = list(yaml.safe_load_all((ROOT / "examples/kubernetes/cronjob.yaml").read_text()))
    containers = [
        (cron["metadata"]["name"], container)
        for cron in crons
        for container in cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    ]
    secrets: dict[str, set[str]] = {}
    for name, container in containers:
        assert "--mask-emails" in container["args"]
        assert "envFrom" not in container
        assert re.fullmatch(r"\S+@sha256:[0-9a-f]{64}", container["image"])
        references = [variable["valueFrom"]["secretKeyRef"] for variable in container["env"]]
        secrets[name] = {reference["name"] for reference in references}
        assert {variable["name"] for variable in container["env"]} == {reference["key"] for reference in references}
    assert secrets == {"portalctl-onboard": {"portalctl-write"}, "portalctl-drift": {"portalctl-read"}}


def test_base_images_are_named_by_digest() -> None:
    locks = {"docker": "requirements.txt", "controller": "requirements-controller.txt"}
    images = []
    for folder, lock in locks.items():
        dockerfile = (ROOT / f"examples/{folder}/Dockerfile").read_text()
        images += re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
        assert f"--require-hashes --only-binary :all: -r .ci/{lock}\n" in dockerfile
    assert len(set(images)) == 1, "dependabot keeps them the same"
    images.append(yaml.safe_load((ROOT / "examples/gitlab/.gitlab-ci.yml").read_text())["default"]["image"])
    assert all(re.fullmatch(r"python:\S+@sha256:[0-9a-f]{64}", image) for image in images)


def test_no_secret_is_in_the_environment_of_all_steps() -> None:
    """The action gives each of its steps what it needs; `env` of a workflow, job or step reaches all of them."""
    for name, workflow in WORKFLOWS.items():
        around = [workflow, *jobs(name), *ours(name)]
        assert all("secrets." not in json.dumps(level.get("env", {})) for level in around), name


@pytest.mark.slow
def test_no_text_tells_people_to_install_a_name_that_is_not_on_the_index() -> None:
    """Whoever registered `portalctl` there would run their code with a portal's token."""
    files = [
        ROOT / "README.md",
        *(path for folder in ("portalctl", "examples", ".github") for path in (ROOT / folder).rglob("*")),
    ]
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in files if path.is_file()}
    wrong = re.compile(
        r"(?:pip|pipx|uv tool|uv pip) install (?:-\S+ )*['\"]?portalctl(?![\w/.-])|uvx portalctl|portalctl\["
    )
    assert {
        str(path): found for path, text in texts.items() if path.suffix != ".pyc" and (found := wrong.findall(text))
    } == {}


UNATTENDED = (
    "examples/github/portal-onboard.yml",
    "examples/gitlab/.gitlab-ci.yml",
    "examples/kubernetes/cronjob.yaml",
)


@pytest.mark.parametrize("file", UNATTENDED)
def test_unattended_onboarding_states_what_it_applies_without_approval(file: str) -> None:
    text = " ".join((ROOT / file).read_text().replace("#", " ").split())
    assert "structure,onboard,expire" in text
    assert "the expiry of entries for one named developer" in text
    assert "It removes nothing else" in text


def _example(file: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "examples" / file).read_text())
    return found


def _gitlab(job: dict[str, Any]) -> str:
    (script,) = job["before_script"]
    return str(script)


MAIN, LISTS = _example("gitlab/.gitlab-ci.yml"), _example("gitlab/directory-lists.gitlab-ci.yml")
WITH_GITHUB = next(step for step in steps("portal-directory-lists") if step.get("name") == "install portalctl")
INSTALLS = {
    "gitlab": (_gitlab(MAIN["default"]), MAIN["variables"]),
    "gitlab lists": (_gitlab(LISTS["portal directory lists"]), LISTS["portal directory lists"]["variables"]),
    "github lists": (WITH_GITHUB["run"], WITH_GITHUB["env"]),
}


def installed(name: str, folder: Path, **env: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run the script that installs portalctl, with stand-ins for its programs that write down their environment."""
    script, variables = INSTALLS[name]
    log = folder / "log"
    log.touch()
    record = f'#!/bin/sh\nenv >> "{log}"\necho "$0 $@" >> "{log}"\n'
    python = f'{record}mkdir -p venv/bin\n[ -e venv/bin/python ] || cp "$0" venv/bin/python\n'
    for program, text in {"git": record, "python3": python}.items():
        (folder / program).write_text(text)
        (folder / program).chmod(0o755)
    script = script.replace("/opt/portalctl", str(folder / "opt")).replace(
        "PATH=/usr/local/bin", f"PATH={folder}:/usr/local/bin"
    )
    checkout = folder / "checkout"
    checkout.mkdir()
    given = {"PATH": os.environ["PATH"], "RUNNER_TEMP": str(folder), **variables, **env}
    words = ["bash", "-eo", "pipefail", "-c", script]
    done = subprocess.run(words, env=given, cwd=checkout, capture_output=True, text=True, check=False)
    assert list(checkout.iterdir()) == []
    return done, log.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", INSTALLS)
def test_portalctl_is_installed_with_hashes_and_without_the_variables_of_the_job(name: str, tmp_path: Path) -> None:
    secrets = dict.fromkeys(
        ("KONNECT_TOKEN", "PORTALCTL_DIRECTORY_CORP_SECRET", "PYTHONPATH", "PIP_INDEX_URL", "GH_TOKEN"), "canary"
    )
    commit = "1a2b3c4d" * 5
    done, text = installed(name, tmp_path, PORTALCTL_COMMIT=commit, **secrets)
    assert done.returncode == 0, done.stderr
    assert "canary" not in text
    assert f"fetch --quiet --depth 1 {INSTALLS[name][1]['PORTALCTL_SOURCE']} {commit}" in text
    assert "-I -m venv venv" in text
    assert text.count("-I -m pip --isolated") == 2
    assert "install --quiet --require-hashes --only-binary :all: -r source/.ci/requirements.txt" in text
    assert "install --quiet --no-index --no-deps --no-build-isolation ./source" in text


@pytest.mark.slow
@pytest.mark.parametrize("name", INSTALLS)
def test_nothing_is_installed_before_a_commit_is_named(name: str, tmp_path: Path) -> None:
    done, text = installed(name, tmp_path)
    assert (done.returncode, text) == (64, "")
    assert "Set PORTALCTL_SOURCE and PORTALCTL_COMMIT" in done.stdout


def test_both_files_for_gitlab_install_alike() -> None:
    assert INSTALLS["gitlab"] == INSTALLS["gitlab lists"]
    assert MAIN["default"]["image"] == LISTS["portal directory lists"]["image"]


def test_every_installation_has_hashes_or_no_index() -> None:
    """A name without a hash is whatever the index has that day, beside the secrets of the job."""
    files = [path for folder in ("examples", ".github") for path in (ROOT / folder).rglob("*")]
    jobs = [path for path in files if path.suffix in {".yml", ".yaml"} or path.name == "Dockerfile"]
    lines = [line for path in jobs for line in path.read_text().splitlines()]
    calls = [line for line in lines if re.search(r"\bpip\b.*\binstall\b|^ *install --", line)]
    unsafe = [line for line in calls if not re.search(r'--require-hashes|--no-index|install --quiet "\$@"', line)]
    assert len(calls) > 8
    assert unsafe == []


@pytest.mark.slow
def test_the_action_keeps_the_exit_code_even_if_the_report_to_github_fails(
    bench: Bench, job: Job, tmp_path: Path
) -> None:
    bench.people(approved=["leaver@x.org"])
    bench.manifest("overrides:\n  - {developer: leaver@x.org, status: revoked, reason: Left}\n")
    event = tmp_path / "event.json"
    event.write_text('{"pull_request": {"number": 7}}')
    runner = Runner(
        tmp_path, {**job.github.env, "GITHUB_EVENT_PATH": str(event), "KONNECT_SERVER_URL": bench.sim.url}
    )
    words = {"ARGS": "-f\nportals/\n\n", "KONNECT_TOKEN": bench.sim.token}

    assert runner.step("Install portalctl", SOURCE=str(tmp_path)) == 64
    assert runner.output.startswith("::error::portalctl is not beside this action")
    assert runner.step("portalctl", COMMAND="plan", FILE="plan.json", **words) == 0
    assert runner.outputs == {"exit-code": "0", "report": "true"}
    assert "leaver@" not in runner.output
    report = {"FILE": "plan.json", "COMMENT": "on-change", "GITHUB_TOKEN": TOKEN}
    assert runner.step("Report to GitHub", **report) == 0, runner.output
    assert len(job.github.comments) == 1

    job.github.can_write = False
    job.github.comments.clear()
    assert runner.step("Report to GitHub", **report) == 1
    assert runner.step("Result", CODE="0", COMMAND="plan", REFUSAL="fail") == 0

    assert runner.step("portalctl", COMMAND="drift", FILE="drift.json", **words) == 0
    assert runner.outputs == {"exit-code": "2", "report": "true"}
    assert runner.step("Result", CODE="2", COMMAND="drift", REFUSAL="fail") == 0, "a difference is a result"

    wrong = {**words, "ARGS": f"{words['ARGS']}--team\nnone"}
    assert runner.step("portalctl", COMMAND="apply", FILE="report.json", **wrong) == 0
    assert runner.outputs == {"exit-code": "64", "report": "false"}
    assert runner.step("Result", CODE="64", COMMAND="apply", REFUSAL="fail") == 64
    assert runner.step("Result", CODE="", COMMAND="apply", REFUSAL="fail") == 1, "the step before did not end"

    assert runner.step("portalctl", COMMAND="apply", FILE="report.json", **words) == 0, runner.output
    assert runner.outputs == {"exit-code": "0", "report": "true"}
    assert "leaver@" not in runner.output
    assert "✓ dev-" in runner.output
    assert bench.status("leaver@x.org") == "revoked"
    assert runner.step("portalctl", COMMAND="rm", FILE="x.json") == 0
    assert runner.outputs["exit-code"] == "64"


@pytest.mark.slow
def test_a_refused_removal_does_not_hold_up_grants(bench: Bench, job: Job, tmp_path: Path) -> None:
    """The workflow for a merge, step by step."""
    bench.people(approved=["owner@x.org"], pending=["ann@city.com"])
    bench.manifest(
        "trusted_domains: [city.com]\nprotected: [owner@x.org]\n"
        "overrides:\n  - {developer: owner@x.org, status: revoked, reason: Left}\n"
    )
    runner = Runner(tmp_path, {**job.github.env, "KONNECT_SERVER_URL": bench.sim.url})
    secrets = {"KONNECT_TOKEN": bench.sim.token}
    plan_grants, plan_removals, grants, removals = ours("portal-apply")

    assert runner.uses(plan_grants, secrets) == 0, runner.output
    preview = {"grants": runner.outputs["digest"], "has-grants": runner.outputs["has-changes"]}
    assert runner.uses(plan_removals, secrets) == 0, "a refusal stops no approval"
    assert (runner.outputs["exit-code"], runner.outputs["refused"]) == ("3", "true")
    preview |= {"removals": runner.outputs["digest"], "has-removals": runner.outputs["has-changes"]}
    assert preview["has-grants"] == preview["has-removals"] == "true"

    swapped = {**preview, "grants": preview["removals"]}
    assert runner.uses(grants, secrets, swapped) == 3, "each is bound to its own digest"
    assert runner.uses(grants, secrets, preview) == 0, runner.output
    assert runner.outputs["confirmed"] == "1"
    assert bench.status("ann@city.com") == "approved"
    assert runner.uses(removals, secrets, preview) == 3
    assert "@x.org is protected" in runner.output
    assert bench.status("owner@x.org") == "approved"


@pytest.mark.parametrize(
    ("portals", "results", "passes"),
    [
        ("true", "success success success", True),
        ("false", "success skipped skipped", True),
        ("true", "success success failure", False),
        ("true", "success failure skipped", False),
        ("true", "success success skipped", False),
        ("true", "success success cancelled", False),
        ("", "failure skipped skipped", False),
        ("false", "success failure skipped", False),
    ],
)
def test_the_required_check_reports_for_every_pull_request(portals: str, results: str, passes: bool) -> None:
    workflow = WORKFLOWS["portal-plan"]
    assert workflow[True] == "pull_request", "without paths, so that it runs for each"
    job = workflow["jobs"]["required"]
    assert (job["name"], job["if"]) == ("portal access", "always()")
    assert set(job["needs"]) == set(workflow["jobs"]) - {"required"}
    (step,) = job["steps"]
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(words, env={"PORTALS": portals, "RESULTS": results}, capture_output=True, check=False)
    assert (done.returncode == 0) == passes


@pytest.mark.slow
@pytest.mark.parametrize(("wish", "shown"), [("", False), ("false", False), ("true", True)])
def test_the_action_shows_addresses_only_where_asked(bench: Bench, tmp_path: Path, wish: str, shown: bool) -> None:
    bench.people(approved=["leaver@x.org"])
    bench.manifest("overrides: [{developer: leaver@x.org, status: revoked, reason: Left}]\n")
    summary = tmp_path / "summary.md"
    env = {
        "KONNECT_SERVER_URL": bench.sim.url,
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_REPOSITORY": "club/portal",
    }
    runner = Runner(Path.cwd(), env)
    given = {"COMMAND": "plan", "FILE": "plan.json", "ARGS": "-f\nportals", "KONNECT_TOKEN": bench.sim.token}
    assert runner.step("portalctl", **given, SHOW_EMAILS=wish) == 0
    assert ("leaver@x.org" in runner.output) == shown
    code = runner.step("Report to GitHub", FILE="plan.json", COMMENT="never", GITHUB_TOKEN="x", SHOW_EMAILS=wish)
    assert code == 0, runner.output
    assert ("leaver@x.org" in runner.output + summary.read_text()) == shown
