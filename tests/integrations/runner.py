"""Runs the steps of our action as GitHub's runner does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

ACTION = Path(__file__).parents[2] / ".github" / "actions" / "portalctl" / "action.yml"
STEPS: dict[str, dict[str, Any]] = {
    step["name"]: step for step in yaml.safe_load(ACTION.read_text())["runs"]["steps"]
}


class Runner:
    """A job whose workspace is `folder`; its RUNNER_TEMP is beside the workspace.

    Unless `installed` is False, portalctl seems to have been installed before: with the Python of these tests.
    """

    def __init__(self, folder: Path, env: dict[str, str], *, installed: bool = True) -> None:
        self.folder = folder
        self.outputs: dict[str, str] = {}
        self.output = ""
        self.temp = folder.parent / f"{folder.name}-temp"
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.temp / "home"),
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_WORKSPACE": str(folder),
            **env,
        }
        self.python = self.temp / "portalctl" / "bin" / "python"
        (self.temp / "home").mkdir(parents=True)
        if installed:
            self.install(f'exec "{sys.executable}" "$@"')

    def install(self, script: str) -> None:
        """Make a shell script the Python that the steps after the first one call."""
        self.python.parent.mkdir(parents=True, exist_ok=True)
        self.python.write_text(f"#!/bin/sh\n{script}\n")
        self.python.chmod(0o755)

    def step(self, name: str, **env: str) -> int:
        """Run one step; `env` are the values of expressions in the step's own `env`, and the others are empty."""
        step = STEPS[name]
        own = step["env"]
        assert set(env) <= set(own)
        values = {key: env.get(key, "") for key in own}
        output = self.temp / "step-output"
        output.write_text("")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            env={**self.env, "GITHUB_OUTPUT": str(output), **values},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        self.output = done.stdout + done.stderr
        text = re.sub(r"(\S+)<<(\w+)\n(.*)\n\2\n", r"\1=\3\n", output.read_text())
        self.outputs = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        return done.returncode

    def uses(
        self, step: dict[str, Any], secrets: Mapping[str, str], needs: Mapping[str, str] = MappingProxyType({})
    ) -> int:
        """Run one step of a workflow that uses the action; `needs` are the outputs of the job `preview`."""
        runner = {"runner.temp": str(self.temp)}
        given = {key: _evaluated(value, secrets, needs, runner) for key, value in step["with"].items()}
        given.setdefault("file", f"portalctl-{given['command']}.json")
        portal = {
            "COMMAND": given["command"],
            "ARGS": given["args"],
            "FILE": given["file"],
            "ENVIRONMENT": given.get("environment", ""),
            "KONNECT_TOKEN": given.get("konnect-token", ""),
            "API7_TOKEN": given.get("api7-token", ""),
        }
        assert self.step("portalctl", **portal) == 0
        text, outputs = self.output, self.outputs
        if outputs["report"] == "true":
            token = self.env["GITHUB_TOKEN"]
            issue = "--issue" if given.get("issue") == "true" else ""
            code = self.step(
                "Report to GitHub", FILE=given["file"], COMMENT="on-change", ISSUE=issue, GITHUB_TOKEN=token
            )
            assert code == 0, self.output
            outputs |= self.outputs
        how = {"COMMAND": given["command"], "REFUSAL": given.get("refusal", "fail")}
        result = self.step("Result", CODE=outputs["exit-code"], **how)
        self.output, self.outputs = text, outputs
        return result


def _evaluated(
    text: str, secrets: Mapping[str, str], needs: Mapping[str, str], others: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The text with each expression replaced by its value."""
    values = {f"secrets.{name}": value for name, value in secrets.items()} | dict(others)
    values |= {f"needs.preview.outputs.{name}": value for name, value in needs.items()}
    return re.sub(r"\$\{\{ (\S+) \}\}", lambda found: values.get(found[1], ""), text)
