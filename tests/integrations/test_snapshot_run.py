"""The plan of a pull request takes the snapshot of a run that no pull request can write (`portal-plan.yml`)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

WORKFLOW = Path(__file__).parents[2] / "examples" / "github" / "portal-plan.yml"
JOB = yaml.safe_load(WORKFLOW.read_text())["jobs"]["plan"]
(STEP,) = [step for step in JOB["steps"] if step.get("id") == "snapshot"]

# `gh api`, answering from files, with jq as its --jq.
GH = f"""#!{sys.executable}
import pathlib, subprocess, sys
words = sys.argv[1:]
assert words.pop(0) == "api"
path = next(word for word in words if word.startswith("repos/"))
document = (pathlib.Path(__file__).parent / (path.replace("/", "_") + ".json")).read_text()
sys.exit(subprocess.run(["jq", "-r", words[words.index("--jq") + 1]], input=document, text=True).returncode)
"""


def workflow_run(number: int, commit: str = "good", **other: Any) -> dict[str, Any]:
    return {
        "id": number,
        "event": "schedule",
        "head_branch": "main",
        "head_sha": commit,
        "head_repository": {"full_name": "acme/access"},
        **other,
    }


FORK: dict[str, Any] = {"event": "pull_request", "head_repository": {"full_name": "mallory/access"}}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
@pytest.mark.parametrize(
    ("runs", "chosen"),
    [
        pytest.param([workflow_run(2), workflow_run(1)], "2", id="the latest"),
        pytest.param([workflow_run(2, "head", event="push"), workflow_run(1)], "2", id="of the last commit"),
        pytest.param([workflow_run(2, event="workflow_dispatch")], "2", id="by hand"),
        pytest.param([workflow_run(2, head_branch="evil"), workflow_run(1)], "1", id="not of another branch"),
        pytest.param([workflow_run(2, event="pull_request"), workflow_run(1)], "1", id="not for a pull request"),
        pytest.param([workflow_run(2, **FORK), workflow_run(1)], "1", id="not of a branch main in a fork"),
        pytest.param([workflow_run(2, event="pull_request_target")], None, id="not for the target of a pull request"),
        pytest.param([workflow_run(2, "evil", event="push"), workflow_run(1)], "1", id="not of a tag named main"),
        pytest.param([workflow_run(2, "ahead of main", event="push")], None, id="not of a commit yet to be merged"),
        pytest.param([], None, id="none"),
    ],
)
def test_the_snapshot_is_of_a_run_that_no_pull_request_can_write(
    tmp_path: Path, runs: list[dict[str, Any]], chosen: str | None
) -> None:
    answers: dict[str, Any] = {
        "git_ref_heads_main": {"object": {"sha": "head"}},
        "actions_workflows_portal-snapshot.yml_runs": {"workflow_runs": runs},
        "compare_good...head": {"status": "ahead"},
        "compare_head...head": {"status": "identical"},
        "compare_evil...head": {"status": "diverged"},
        "compare_ahead of main...head": {"status": "behind"},
    }
    for name, answer in answers.items():
        (tmp_path / f"repos_acme_access_{name}.json").write_text(json.dumps(answer))
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    output = tmp_path / "output"
    env = {"GITHUB_REPOSITORY": "acme/access", "BRANCH": "main", "GH_TOKEN": "t", "GITHUB_OUTPUT": str(output)}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEP["run"]],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **env},
        capture_output=True,
        text=True,
        check=False,
    )
    if chosen is None:
        assert done.returncode == 1
        assert "::error::no snapshot of the branch main" in done.stdout, done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert output.read_text() == f"run={chosen}\n"


def test_the_job_can_read_artifacts_and_writes_them_outside_the_checkout() -> None:
    assert JOB["permissions"] == {"actions": "read", "contents": "read", "pull-requests": "write"}
    (download,) = [step for step in JOB["steps"] if "download-artifact" in step.get("uses", "")]
    assert download["with"]["run-id"] == "${{ steps.snapshot.outputs.run }}"
    assert download["with"]["path"].startswith("${{ runner.temp }}/")
    assert "actions/cache" not in WORKFLOW.read_text()
