"""The README is true: its commands run, and print what it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from portalctl.cli.commands import COMMANDS, portalctl
from portalctl.manifest.load import load
from portalctl.manifest.schema import manifest_schema
from portalctl.simulator.server import Simulator
from tests.conftest import PORTAL_ID
from tests.conftest import portalctl as run
from tests.project.write_readme import with_table

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def steady(text: str) -> str:
    """Without what differs from run to run."""
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8080", text)
    text = re.sub(r"sha256:[0-9a-f]{64}", "sha256:…", text)
    return re.sub(r"\d+\.\d s\b", "0.1 s", text)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> str:
    scratch = tmp_path_factory.mktemp("scratch")
    done = subprocess.run(
        [sys.executable, "-m", "portalctl", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=scratch,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    assert done.returncode == 0, done.stdout
    assert list(scratch.iterdir()) == [], "the demo left something behind"
    return done.stdout


@pytest.mark.slow
def test_the_demo_prints_what_the_readme_shows(demo: str) -> None:
    shown = next(block for block in BLOCKS if block.startswith("$ portalctl plan"))
    assert shown in steady(demo)


@pytest.mark.slow
def test_the_demo_tells_the_whole_story(demo: str) -> None:
    commands = re.findall(r"^\$ portalctl (\w+)", demo, re.MULTILINE)
    assert commands == ["validate", "plan", "apply", "plan", "drift", "apply"]
    assert "Applied: 15 confirmed of 15 changes." in demo
    assert ": nothing to do" in demo
    assert re.search(r"unexpected grant +peter@arsenal\.com", demo)
    assert re.search(r"missing grant +john@liverpoolfc\.com", demo)
    assert "Applied: 2 confirmed of 2 changes." in demo


@pytest.mark.slow
def test_the_demo_leaves_behind_only_what_it_is_told_to(tmp_path: Path) -> None:
    kept = tmp_path / "demo"
    assert run("demo", "--keep", str(kept)).code == 0
    assert {path.name for path in kept.iterdir()} == {"portals", "partners.db", ".portalctl"}
    refused = run("demo", "--keep", str(kept))
    assert refused.code == 64
    assert "not empty" in refused.err
    with Simulator(db=kept / "partners.db") as portal:
        status = {person["email"]: person["status"] for person in portal.store.developers(PORTAL_ID)}
    assert status["peter@arsenal.com"] == "revoked"
    assert status["john@liverpoolfc.com"] == "approved"


@pytest.mark.slow
def test_the_quickstart_works_against_the_simulator() -> None:
    with Simulator(seed="demo") as portal:
        env = {"KONNECT_SERVER_URL": portal.url, "KONNECT_TOKEN": portal.token}
        folder = str(ROOT / "examples" / "quickstart")
        done = run("apply", "-f", folder, "--yes", env=env)
        assert done.code == 0, done.err
        assert run("plan", "-f", folder, "--detailed-exitcode", env=env).code == 0


def all_help(command: click.Command) -> str:
    """Its help, and that of every command below it."""
    context = click.Context(command, info_name=command.name)
    names = command.list_commands(context) if isinstance(command, click.Group) else []
    below = [command.get_command(context, name) for name in names] if isinstance(command, click.Group) else []
    return "".join([command.get_help(context), *(all_help(item) for item in below if item is not None)])


def test_the_commands_and_flags_it_names_exist() -> None:
    helps = all_help(portalctl)
    for name in re.findall(r"`portalctl (\w+)", README):
        assert name in COMMANDS
    prose = re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL)
    for flag in set(re.findall(r"`(--[a-z-]+)", prose)):
        assert flag in helps, flag
    for name in COMMANDS:
        assert f"`portalctl {name}" in README


def test_its_manifest_is_valid_and_means_what_the_schema_says(tmp_path: Path) -> None:
    text = re.search(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert text is not None
    file = tmp_path / "partners.yaml"
    file.write_text(text[1], encoding="utf-8")
    portal = load([file]).portals["partners"]
    assert [rule.domain for rule in portal.trusted_domains] == ["manchestercity.com"]
    examples = (ROOT / "examples" / name for name in ("quickstart/partners.yaml", "api7/fans.yaml"))
    for path in (file, *examples):
        written = YAML(typ="safe", pure=True).load(path.read_text())
        Draft202012Validator(manifest_schema()).validate(json.loads(json.dumps(written, default=str)))


def test_its_table_of_capabilities_is_that_of_the_code() -> None:
    assert with_table(README) == README, "run python -m tests.project.write_readme"


def test_it_says_how_to_set_up_and_how_to_test() -> None:
    assert "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/portalctl demo\n" in BLOCKS[0]
    assert ".venv/bin/pytest -q\n" in BLOCKS
