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

from portalctl.cli.commands import portalctl
from portalctl.manifest.load import load
from portalctl.manifest.schema import manifest_schema
from portalctl.simulator.server import Simulator
from tests.conftest import PORTAL_ID
from tests.conftest import portalctl as run
from tests.docs.console import GUIDES
from tests.project.write_docs import DOCUMENTS, with_generated_parts

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


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
def test_the_demo_tells_the_whole_story(demo: str) -> None:
    commands = re.findall(r"^\$ portalctl (\w+)", demo, re.MULTILINE)
    assert commands == ["validate", "plan", "apply", "plan", "drift", "apply"]
    assert "Applied: 15 changes confirmed" in demo
    assert ": nothing to do" in demo
    assert re.search(r"unexpected grant +peter@arsenal\.com", demo)
    assert re.search(r"missing grant +john@liverpoolfc\.com", demo)
    assert "Applied: 2 changes confirmed" in demo


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


def test_the_flags_that_documents_name_exist() -> None:
    helps = all_help(portalctl)
    for path in (ROOT / "README.md", *GUIDES):
        prose = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for flag in set(re.findall(r"`(--[a-z-]+)", prose)):
            assert flag in helps, (path.name, flag)


def test_the_readme_is_short_and_each_guide_is_linked() -> None:
    assert len(README.splitlines()) <= 150
    assert {path.stem for path in GUIDES} <= set(re.findall(r"portalctl/docs/([a-z0-9-]+)\.md", README))


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


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_generated_parts_are_up_to_date(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert with_generated_parts(text) == text, "run python -m tests.project.write_docs"


def test_set_up_and_tests_are_one_line_each_on_the_first_screen() -> None:
    first_screen = "\n".join(README.splitlines()[:24])
    assert "python3 -m venv .venv && .venv/bin/pip install -q -e . && .venv/bin/portalctl demo\n" in first_screen
    assert ".venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest -q\n" in first_screen
