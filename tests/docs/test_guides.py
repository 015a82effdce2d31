"""The guides are true: their commands run and print what is shown, and their manifests are valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portalctl.cli.commands import COMMANDS
from portalctl.directories.kinds import KINDS as DIRECTORY_KINDS
from portalctl.manifest.load import load
from tests.docs.console import GUIDES, ROOT, commands, matches, run, steady, world

DOCUMENTS = [ROOT / "README.md", *GUIDES]
WITH_COMMANDS = [path for path in DOCUMENTS if commands(path.read_text(encoding="utf-8"))]
NAMES = [path.stem for path in DOCUMENTS]
ROOT_FILE = "version: 1\nportal: {name: partners, provider: konnect, region: eu, title: Partners}\n"
MANIFEST = re.compile(
    r"(version|portal|policy|directories|trusted_\w+|denied_domains|teams|overrides|protected|delegate|\w+_requests):"
)
# What a ```sh block may begin with: programs that need a network, a terminal or a long time.
NOT_RUN = (
    ".venv/bin/pip install",
    "git clone",
    "python3 -m venv",
    "pip ",
    "pipx ",
    "uv ",
    "docker ",
    "kubectl ",
    "portalctl sim serve",
    "portalctl apply plan.json --expect-digest",
    "portalctl explain dev-",
    "portalctl directory read",
    "portalctl run",
    "portalctl approve sha256:",
    "portalctl reject sha256:",
    "portalctl ping",
    "portalctl plan --ca-file",
    "export ",
)


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_COMMANDS, ids=lambda path: path.stem)
def test_each_command_prints_what_is_shown(path: Path, tmp_path: Path) -> None:
    listed = commands(path.read_text(encoding="utf-8"))
    with world(tmp_path / "portal-access") as env:
        results = run(listed, tmp_path / "portal-access", env)
    assert len(results) == len(listed)
    following = [command.line for command in listed[1:]] + [""]
    for command, result, after in zip(listed, results, following, strict=False):
        assert result.code == 0 or after == "echo $?", f"$ {command.line}\n{result.output}"
        if not command.hidden:
            assert matches(command.output, result.output), f"$ {command.line}\n{steady(result.output)}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_each_block_names_a_language_and_only_what_cannot_run_in_a_test_is_not_run(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    opened = re.findall(r"^```(.*)$", text, re.MULTILINE)[0::2]
    assert set(opened) <= {"console", "sh", "yaml", "json", "toml", "python", "text"}
    for block in blocks(text, "sh"):
        for line in block.splitlines():
            assert line.startswith(NOT_RUN), line


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_manifests_are_valid(path: Path, tmp_path: Path) -> None:
    for number, block in enumerate(blocks(path.read_text(encoding="utf-8"), "yaml")):
        if MANIFEST.match(block):
            folder = tmp_path / str(number)
            folder.mkdir()
            is_fragment = re.search(r"^portals?: ", block, re.MULTILINE) is not None
            whole = block if "portal:" in block or is_fragment else ROOT_FILE + block
            (folder / "partners.yaml").write_text(whole)
            if is_fragment:
                (folder / "root.yaml").write_text(ROOT_FILE)
            load([folder], DIRECTORY_KINDS)


@pytest.mark.parametrize("path", DOCUMENTS, ids=NAMES)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        found = (path.parent / file) if file else path
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found.read_text(encoding="utf-8")), target
    for name in re.findall(r"portalctl docs ([a-z0-9-]+)", text):
        assert name in NAMES[1:], name
    for name in re.findall(r"`portalctl ([a-z]+)", text):
        assert name in COMMANDS, name


def anchors(text: str) -> set[str]:
    """Return the anchors of headings as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
