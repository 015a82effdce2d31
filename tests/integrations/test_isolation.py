"""The action: which step gets which secret, and that nothing in the workspace runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Bench
from tests.integrations.conftest import Job
from tests.integrations.runner import ACTION, STEPS, Runner
from tests.integrations.stand_in import TOKEN

CANARY = "kpat_canary0123456789"
NAMED = {  # what a careless workflow may give to all steps
    "PORTALCTL_PARTNERS_TOKEN": CANARY,
    "PORTALCTL_FANS_BACKEND_TOKEN": CANARY,
    "PORTALCTL_PARTNERS_WEBHOOK_SECRET": CANARY,
    "PIP_INDEX_URL": f"https://user:{CANARY}@index.example/simple",
}
PORTAL = {"KONNECT_TOKEN", "API7_TOKEN", "API7_PORTAL_TOKEN", "PORTALCTL_NOTIFY_URL", "PORTALCTL_MASK_KEY"}
GITHUB = {"GITHUB_TOKEN", "GH_TOKEN"}
SECRETS: Mapping[str, set[str]] = {  # the whole table: which secrets a step gets, all others are set to nothing
    "Install portalctl": set(),
    "portalctl": {"ENVIRONMENT", "KONNECT_TOKEN", "API7_TOKEN", "PORTALCTL_MASK_KEY"},
    "Report to GitHub": {"GITHUB_TOKEN", "PORTALCTL_MASK_KEY"},
    "Result": set(),
}


def test_each_step_gets_the_secrets_it_needs_and_no_other() -> None:
    assert STEPS.keys() == SECRETS.keys()
    for name, step in STEPS.items():
        env = step["env"]
        filled = {key for key, value in env.items() if key in PORTAL | GITHUB | {"ENVIRONMENT"} and value}
        assert filled == SECRETS[name], name
        assert all(
            "secrets." not in str(value) and "token" not in str(value)
            for key, value in env.items()
            if key not in filled
        )
        assert "${{" not in step["run"], "an expression in a script is code"
    assert {key for key, value in STEPS["Install portalctl"]["env"].items() if not value} == PORTAL | GITHUB
    assert {key for key, value in STEPS["Report to GitHub"]["env"].items() if not value} == PORTAL - {
        "PORTALCTL_MASK_KEY"
    }
    assert {key for key, value in STEPS["portalctl"]["env"].items() if not value} == GITHUB


def recorder(runner: Runner, name: str) -> Path:
    """Let the installed Python write its environment into a file."""
    file = runner.temp / f"{name}.env"
    runner.install(f'env > "{file}"')
    return file


@pytest.mark.slow
def test_secrets_given_to_all_steps_reach_neither_pip_nor_the_report(tmp_path: Path) -> None:
    """The process that each step starts has written down its environment."""
    workspace = tmp_path / "work"
    workspace.mkdir()
    runner = Runner(workspace, NAMED)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").write_text(
        f'#!/bin/sh\nenv > "{runner.temp}/install.env"\necho "$@" > "{runner.temp}/words"\nexit 9\n'
    )
    (programs / "python3").chmod(0o755)
    runner.env["PATH"] = f"{programs}:{runner.env['PATH']}"

    assert runner.step("Install portalctl", SOURCE=str(ACTION.parents[3])) == 9
    assert CANARY not in (runner.temp / "install.env").read_text()
    assert (runner.temp / "words").read_text().startswith("-I -m venv")
    assert "::warning::PORTALCTL_PARTNERS_TOKEN reaches every step of this action." in runner.output

    file = recorder(runner, "report")
    assert runner.step("Report to GitHub", FILE="x.json", GITHUB_TOKEN=TOKEN) == 0
    assert f"GITHUB_TOKEN={TOKEN}" in file.read_text()
    assert not re.findall(rf"^(?:PORTALCTL|KONNECT|API7)_\w+=.*{CANARY}", file.read_text(), re.MULTILINE)


@pytest.mark.slow
def test_the_input_environment_reaches_the_portal_step_alone(tmp_path: Path) -> None:
    workspace = tmp_path / "work"
    workspace.mkdir()
    runner = Runner(workspace, {})
    file = recorder(runner, "portal")
    hook = "https://hooks.example/x?a=b&c=$(touch pwned)`touch pwned`"
    lines = f"PORTALCTL_PARTNERS_TOKEN={CANARY}\r\n\nPORTALCTL_NOTIFY_URL={hook}\nAPI7_PORTAL_TOKEN=\n"
    assert runner.step("portalctl", COMMAND="plan", FILE="x", ENVIRONMENT=lines) == 0
    seen = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    assert seen["PORTALCTL_PARTNERS_TOKEN"] == CANARY
    assert seen["PORTALCTL_NOTIFY_URL"] == hook
    assert "API7_PORTAL_TOKEN" not in seen, "a secret that is not set"
    assert "ENVIRONMENT" not in seen
    assert seen["GITHUB_TOKEN"] == ""
    assert not (workspace / "pwned").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        f"PATH=/tmp/{CANARY}",
        f"PYTHONPATH={CANARY}",
        CANARY,
        f"PORTALCTL_A-B={CANARY}",
        f" KONNECT_TOKEN={CANARY}",
        f"LD_PRELOAD={CANARY}",
    ],
)
def test_a_line_of_the_input_environment_that_is_wrong_is_refused_without_showing_it(
    tmp_path: Path, line: str
) -> None:
    workspace = tmp_path / "work"
    workspace.mkdir()
    runner = Runner(workspace, {})
    file = recorder(runner, "portal")
    assert runner.step("portalctl", COMMAND="plan", FILE="x", ENVIRONMENT=f"KONNECT_TOKEN=a\n{line}") == 64
    assert "::error::input environment, line 2: expected NAME=VALUE" in runner.output
    assert CANARY not in runner.output
    assert not file.exists()


# Files that somebody may commit. Each writes its name, and the token if it sees one, into `evidence`.
LIB = f"lib/python{sys.version_info.major}.{sys.version_info.minor}"
PAYLOAD = """
import posix
_file = posix.open({evidence!r}, posix.O_CREAT | posix.O_APPEND | posix.O_WRONLY, 0o600)
posix.write(_file, ({name!r} + " " + repr(posix.environ.get(b"KONNECT_TOKEN")) + chr(10)).encode())
posix.close(_file)
"""
SCRIPT = """#!/bin/sh
echo "{name} $KONNECT_TOKEN" >> "{evidence}"
"""
MODULES = (
    "venv.py", "ensurepip/__init__.py", "pip/__init__.py", "pip/__main__.py", "hatchling/__init__.py",
    "sitecustomize.py", "usercustomize.py", "portalctl/__init__.py", "click.py", "httpx.py", "ruamel/__init__.py",
    "calendar.py", "json/__init__.py", "encodings/__init__.py", "plugin.py", "startup.py", "setup.py",
    f"home/{LIB}/encodings/__init__.py",
)  # fmt: skip
PROGRAMS = (
    "bin/python3",
    "bin/python",
    "bin/env",
    "bin/rm",
    "bin/git",
    "bin/cat",
    "python3",
    "git",
    "env",
    "other-python",
)
HOSTILE = {  # what an earlier step, or a job, may have set, so that the files in the workspace count
    "PYTHONPATH": "{work}",
    "PYTHONHOME": "{work}/home",
    "PYTHONSTARTUP": "{work}/startup.py",
    "PYTHONUSERBASE": "{work}/user",
    "PIP_CONFIG_FILE": "{work}/pip.conf",
    "PIP_PYTHON": "{work}/other-python",
    "PIP_INDEX_URL": "file://{work}/index",
    "PIP_REQUIRE_VIRTUALENV": "not a boolean",
    "PIP_TARGET": "{work}/target",
    "VIRTUAL_ENV": "{work}",
    "XDG_CONFIG_DIRS": "{work}/xdg",
    "XDG_CONFIG_HOME": "{work}/xdg",
}


@dataclass(frozen=True)
class Traps:
    """A workspace full of traps; `evidence` exists once one has run."""

    work: Path
    evidence: Path

    @classmethod
    def set(cls, work: Path, modules: Iterable[str] = MODULES) -> Traps:
        traps = cls(work, work.parent / "evidence")
        for name in modules:
            traps._write(name, PAYLOAD.format(evidence=str(traps.evidence), name=name))
        for name in PROGRAMS:
            traps._write(name, SCRIPT.format(evidence=traps.evidence, name=name))
            (work / name).chmod(0o755)
        one_line = PAYLOAD.format(evidence=str(traps.evidence), name="user.pth").strip().replace("\n", "; ")
        traps._write(f"user/{LIB}/site-packages/user.pth", one_line + "\n")
        traps._write("trap.pth", one_line + "\n")
        traps._write("portalctl-9.dist-info/METADATA", "Metadata-Version: 2.1\nName: portalctl\nVersion: 9\n")
        traps._write("portalctl-9.dist-info/entry_points.txt", "[portalctl.providers]\nevil = plugin\n")
        for name in ("pip.conf", "xdg/pip/pip.conf"):
            traps._write(name, f"[global]\npython = {work}/other-python\n")
        traps._write("setup.cfg", "[install]\nprefix = .\n")
        traps._write("pyproject.toml", '[build-system]\nrequires = ["evil"]\nbuild-backend = "plugin"\n')
        traps._write(".python-version", "evil\n")
        traps._write("pyvenv.cfg", f"home = {work}/bin\n")
        return traps

    def _write(self, name: str, text: str) -> None:
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def hostile(self) -> dict[str, str]:
        return {name: value.format(work=self.work) for name, value in HOSTILE.items()}

    @property
    def run(self) -> list[str]:
        """The names of the traps that have run."""
        lines = self.evidence.read_text().splitlines() if self.evidence.exists() else []
        return [line.split()[0] for line in lines]


LOAD_PLUGINS = "[entry.load() for entry in entry_points(group='portalctl.providers')]"

# Without isolation every trap runs: otherwise the test below would prove nothing.
PLAIN: Mapping[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "venv.py": ({}, ("python3", "-m", "venv", "x")),
    "ensurepip/__init__.py": ({}, ("python3", "-m", "ensurepip")),
    "pip/__init__.py": ({}, ("python3", "-m", "pip")),
    "hatchling/__init__.py": ({}, ("python3", "-c", "import hatchling")),
    "sitecustomize.py": ({"PYTHONPATH": "{work}"}, ("python3", "-c", "")),
    "usercustomize.py": ({"PYTHONPATH": "{work}"}, ("python3", "-c", "")),
    "portalctl/__init__.py": ({}, ("python3", "-m", "portalctl")),
    "click.py": ({}, ("python3", "-c", "import click")),
    "httpx.py": ({}, ("python3", "-c", "import httpx")),
    "ruamel/__init__.py": ({}, ("python3", "-c", "import ruamel")),
    "calendar.py": ({}, ("python3", "-c", "import calendar")),
    "json/__init__.py": ({}, ("python3", "-c", "import json")),
    "encodings/__init__.py": ({"PYTHONPATH": "{work}"}, ("python3", "-c", "")),
    f"home/{LIB}/encodings/__init__.py": ({"PYTHONHOME": "{work}/home"}, ("python3", "-c", "")),
    "plugin.py": ({}, ("python3", "-c", f"from importlib.metadata import *; {LOAD_PLUGINS}")),
    "startup.py": ({"PYTHONSTARTUP": "{work}/startup.py"}, ("python3", "-i")),
    "setup.py": ({}, ("python3", "setup.py")),
    "user.pth": ({"PYTHONUSERBASE": "{work}/user"}, ("python3", "-c", "")),
    "bin/python3": ({"PATH": "{work}/bin:{PATH}"}, ("python3", "-c", "")),
    "bin/git": ({"PATH": "bin:{PATH}"}, ("git", "--version")),
    "bin/rm": ({"PATH": "./bin:{PATH}"}, ("rm", "-f", "x")),
    "bin/env": ({"PATH": "{work}/bin:{PATH}"}, ("env",)),
    "bin/cat": ({"PATH": "{work}/bin:{PATH}"}, ("cat", "/dev/null")),
    "python3": ({"PATH": ":{PATH}"}, ("python3", "-c", "")),
    "git": ({"PATH": ".:{PATH}"}, ("git", "--version")),
    "other-python": ({"PIP_CONFIG_FILE": "{work}/pip.conf"}, ("PIP", "--version")),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAIN)
def test_each_trap_runs_where_nothing_isolates(tmp_path: Path, name: str) -> None:
    traps = Traps.set(tmp_path / "work", {name} & set(MODULES))
    env, words = PLAIN[name]
    base = {
        "PATH": os.pathsep.join([str(Path(sys.base_prefix) / "bin"), os.environ["PATH"]]),
        "KONNECT_TOKEN": CANARY,
    }
    given = {key: value.format(work=traps.work, **base) for key, value in env.items()}
    pip = (sys.executable, "-P", "-m", "pip")
    command = " ".join(f"'{word}'" for word in (*pip, *words[1:])) if words[0] == "PIP" else None
    script = command or " ".join(f'"{word}"' for word in words)
    subprocess.run(
        ["bash", "--norc", "-c", script],
        env=base | given,
        cwd=traps.work,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert name in traps.run
    assert CANARY in traps.evidence.read_text()


@pytest.mark.slow
def test_no_trap_in_the_workspace_runs(tmp_path: Path, bench: Bench, job: Job) -> None:
    """The real steps, with the real installation from the package index, in a job that has every hostile variable."""
    traps = Traps.set(tmp_path / "work")
    bench.people(approved=["leaver@x.org"])
    bench.manifest("overrides:\n  - {developer: leaver@x.org, status: revoked, reason: Left}\n")
    bench.folder.rename(traps.work / "portals")
    event = traps.work.parent / "event.json"
    event.write_text('{"pull_request": {"number": 7}}')
    hostile = {
        **job.github.env,
        "GITHUB_EVENT_PATH": str(event),
        "KONNECT_SERVER_URL": bench.sim.url,
        **traps.hostile(),
    }
    runner = Runner(traps.work, hostile, installed=False)
    work = traps.work
    runner.env["PATH"] = f"{work}/bin:bin:./bin:.::{work}:{runner.env['PATH']}:"
    network = {
        "PATH",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "HTTPS_PROXY",
        "https_proxy",
        "NO_PROXY",
    }
    runner.env |= {name: value for name, value in os.environ.items() if name in network - {"PATH"}}

    assert runner.step("Install portalctl", SOURCE=str(ACTION.parent / "../../..")) == 0, runner.output
    assert traps.run == []
    words = {"ARGS": "-f\nportals/\n", "KONNECT_TOKEN": bench.sim.token}
    runs: list[Callable[[], int]] = [
        lambda: runner.step("portalctl", COMMAND="validate", FILE="v.json", **words),
        lambda: runner.step("portalctl", COMMAND="plan", FILE="plan.json", **words),
        lambda: runner.step("Report to GitHub", FILE="plan.json", COMMENT="on-change", GITHUB_TOKEN=TOKEN),
        lambda: runner.step("portalctl", COMMAND="snapshot", FILE="snapshot.json", **words),
        lambda: runner.step("portalctl", COMMAND="drift", FILE="drift.json", **words),
        lambda: runner.step("portalctl", COMMAND="apply", FILE="report.json", **words),
    ]
    for run in runs:
        assert run() == 0, runner.output
        assert traps.run == []
        assert bench.sim.token not in runner.output
    assert runner.outputs["exit-code"] == "0"
    assert bench.status("leaver@x.org") == "revoked"
    assert len(job.github.comments) == 1
    started = runner.temp / "portalctl" / "source"
    made = started.stat().st_mtime_ns
    assert runner.step("Install portalctl", SOURCE=str(ACTION.parents[3])) == 0
    assert started.stat().st_mtime_ns == made, "the second use in a job installs nothing"


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [["portalctl"], ["python", "-I", "-m", "portalctl"], ["python", "-P", "-m", "portalctl"]], ids=" ".join
)
def test_the_command_imports_nothing_from_the_working_folder(tmp_path: Path, command: list[str]) -> None:
    traps = Traps.set(tmp_path / "work")
    program = str(Path(sys.executable).with_name(command[0]))
    words = [program, *command[1:], "schema", "manifest"]
    done = subprocess.run(words, cwd=traps.work, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert traps.run == []


@pytest.mark.slow
def test_python_m_takes_no_dependency_from_the_working_folder(tmp_path: Path) -> None:
    """Without `-I` Python itself looks there for `portalctl` and some of its own modules; nothing after that does."""
    traps = Traps.set(tmp_path / "work", {"click.py", "httpx.py", "ruamel/__init__.py", "plugin.py", "calendar.py"})
    words = [sys.executable, "-m", "portalctl", "schema", "manifest"]
    done = subprocess.run(words, cwd=traps.work, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert traps.run == []
