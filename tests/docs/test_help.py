"""Every command has two examples in its help that its own parser accepts, and is in the manual page."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from portalctl.cli.commands import portalctl as root
from portalctl.cli.examples import examples as examples_folder
from portalctl.cli.man import page
from portalctl.simulator.server import Simulator
from tests.conftest import portalctl

NAMED = ("plan.json", "report.json", "drift.json", "snapshot.json", "removals.json", "grants.json")


def below(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with the words that lead to it."""
    return ((words, item) for words, item in every(command, *path) if not isinstance(item, click.Group))


def every(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command and group of commands."""
    yield path, command
    if not isinstance(command, click.Group):
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from every(found, *path, name)


def examples(command: click.Command) -> list[str]:
    """Its examples, each in one line."""
    _, _, block = (command.help or "").partition("Examples:\n")
    block = block.split("\n\n")[0].replace("\\\n", " ")
    return [line.strip() for line in block.splitlines() if line.strip()]


def invoked(example: str) -> list[list[str]]:
    """The words of each call of ours in a line of shell, without what redirects it."""
    calls = re.findall(r"(?:^|[\s(|])(portalctl [^|>)]*)", example)
    return [shlex.split(call.partition("   ")[0])[1:] for call in calls]  # what is behind it says what it does


def parse(words: list[str]) -> None:
    """As the command line does it, up to the moment when the command would run. Raises what click raises."""
    command: click.Command = root
    while isinstance(command, click.Group) and not (command.invoke_without_command and words[0].startswith("-")):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, words
        command, words = found, words[1:]
    command.make_context(command.name, list(words))


def test_every_command_has_two_examples_that_it_understands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in NAMED:
        (tmp_path / name).touch()
    for path, command in every(root):
        found = examples(command)
        calls = [call for example in found for call in invoked(example)]
        assert len(found) >= 2, path
        assert len(calls) >= 2, path
        assert any(tuple(call[: len(path)]) == path for call in calls), path
        for call in calls:
            parse(call)


ENDLESS = ("sim", "serve")
# tests/docs/test_readme.py; it talks to GitHub; tests/cli/test_acknowledge.py: ids differ from portal to portal;
# tests/cli/test_scim.py: it needs a directory
ELSEWHERE = (("demo",), ("ci", "github"), ("acknowledge",), ("directory", "read"))
# tests/controller: they need a controller or its database.
OF_CONTROLLER = {"approve", "reject", "suspend", "resume", "reconcile", "history", "erase", "run"}
NEEDS_PORTAL_1 = "portalctl import --portal fans"


@pytest.mark.slow
def test_the_examples_do_what_they_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a repository with the manifest of the demo, or in an empty folder where a command wants that."""
    for name in ("home", "empty"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "home")
    shutil.copytree(examples_folder() / "quickstart", "portals")
    Path("tests").mkdir()
    for place in ("portals/partners.test.yaml", "tests/access.yaml"):
        Path(place).write_text("version: 1\nexpectations: [{domain: arsenal.com, is: approved}]\n")
    Path("acknowledged.yaml").write_text("version: 1\nacknowledgements: []\n")
    git = ["git", "-c", "user.name=Ann", "-c", "user.email=ann@arsenal.com"]
    for words in ("init -q -b main", "add portals", "commit -qm 1", "update-ref refs/remotes/origin/main HEAD"):
        subprocess.run([*git, *words.split()], check=True)
    with Simulator(seed="demo") as portal:
        env = {"KONNECT_SERVER_URL": portal.url, "KONNECT_TOKEN": portal.token}
        first = ("apply", "--developer", "john@liverpoolfc.com", "--yes", "--report", "report.json")
        assert portalctl(*first, env=env).code == 0
        for saved, only in (("plan.json", "onboard"), ("removals.json", "offboard")):
            assert portalctl("plan", "--out", saved, "--only", only, env=env).code == 0
        assert portalctl("snapshot", "--out", "snapshot.json", env=env).code == 0
        for path, command in below(root):
            if path in (ENDLESS, *ELSEWHERE) or path[0] in OF_CONTROLLER:
                continue
            monkeypatch.chdir(tmp_path / ("empty" if path[0] in {"init", "import"} else "home"))
            for example in examples(command):
                for call in invoked(example) if not example.startswith(NEEDS_PORTAL_1) else ():
                    done = portalctl(*call, env=env)
                    assert done.code in {0, 2, 3}, (example, done.err)  # 3: nobody is there to be asked
            shutil.rmtree(tmp_path / "empty")
            (tmp_path / "empty").mkdir()


def test_the_manual_page_has_every_command_and_option() -> None:
    text = page(root)
    for path, command in below(root):
        shown = " ".join(("portalctl", *path)).replace("-", r"\-")
        assert f'.SS "{shown}' in text
        for parameter in command.params:
            for option in parameter.opts if isinstance(parameter, click.Option) and not parameter.hidden else ():
                assert option.replace("-", r"\-") in text, (path, option)


def test_nothing_in_it_is_taken_for_a_request() -> None:
    command = click.Command("x", help="Text\n\n\b\n.TH evil\n'br\nback\\slash")
    text = page(click.Group("portalctl", commands=[command], help="Help."))
    requests = {line.split(" ")[0] for line in text.splitlines() if line.startswith((".", "'"))}
    assert requests <= {".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".nf", ".fi"}
    assert text.count(".TH") == 2
    assert r"\&.TH evil" in text
    assert r"back\eslash" in text


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not here")
def test_groff_has_nothing_against_it() -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww"], input=portalctl("man").out, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert "portalctl plan" in done.stdout
