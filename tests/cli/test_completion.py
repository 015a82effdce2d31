"""Shells are offered commands, options, and the names in the manifest; each shell in its own way."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from portalctl.cli.commands import LazyGroup
from portalctl.cli.commands import portalctl as root
from portalctl.cli.completion import SHELLS
from portalctl.cli.completion_variable import COMPLETE
from tests.conftest import HEAD, portalctl

TEAMS = "trusted_domains: [city.example]\nteams:\n  - name: city\n  - name: Manchester City\n  - name: reds\n"
ODD = """teams:
  - name: "a: b, c"
  - name: "$(touch pwned)"
  - name: "it's"
  - name: "#hash"
  - name: 'back\\slash "and" quotes'
  - name: Über uns
"""


def _needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not here")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "portal.yaml").write_text(HEAD + TEAMS, encoding="utf-8")
    other = (
        HEAD.replace("name: partners", "name: others").replace("3f51fa25", "4f51fa25") + "teams: [{name: blues}]\n"
    )
    (tmp_path / "other.yaml").write_text(other, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def answered(shell: str, **env: str) -> list[str]:
    """The lines that the shell's script gets."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        return [line for line in SHELLS[shell](root, {}, "portalctl", COMPLETE).complete().splitlines() if line]


def offered(*words: str) -> list[str]:
    """For the last word, as fish asks: each value, without its help."""
    lines = answered("fish", COMP_LINE=" ".join(["portalctl", *words]))
    return [line.partition(",")[2].partition("\t")[0] for line in lines]


def test_commands_and_options() -> None:
    assert offered("va") == ["validate"]
    assert offered("plan", "--allow-d") == ["--allow-delete"]
    assert offered("completion", "") == ["bash", "zsh", "fish"]


def test_names_are_those_of_the_files_on_the_line() -> None:
    assert offered("plan", "--portal", "") == ["partners"]
    assert offered("plan", "-f", "other.yaml", "--portal", "") == ["others"]
    assert offered("plan", "--team", "") == ["Manchester City", "city", "reds"]
    assert offered("plan", "--team", "Man") == ["Manchester City"]
    assert offered("plan", "-f", "other.yaml", "-f", "portal.yaml", "--team", "") == [
        "Manchester City",
        "blues",
        "city",
        "reds",
    ]


def test_lint_codes_and_levels() -> None:
    assert offered("validate", "-W", "PC003") == ["PC003=error", "PC003=warning", "PC003=off"]


def test_what_can_be_explained() -> None:
    assert offered("explain", "") == ["Manchester City", "city", "city.example", "reds"]


def test_a_comma_list_grows() -> None:
    assert offered("plan", "--only", "on") == ["onboard"]
    assert offered("plan", "--only", "onboard,o") == ["onboard,offboard"]
    assert offered("drift", "--fail-on", "un") == ["unexpected_grant", "unruled_grant"]


def test_a_value_behind_its_option_stands_for_the_whole_word() -> None:
    assert offered("plan", "--team=Man") == ["--team=Manchester City"]
    assert offered("plan", "--portal=") == ["--portal=partners"]


def test_commands_come_with_their_help_and_without_being_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(LazyGroup, "get_command")
    assert answered("fish", COMP_LINE="portalctl appl") == ["plain,apply\tMake the changes of a plan."]


@pytest.mark.parametrize("text", ["not: [valid", ""])
def test_a_broken_manifest_offers_nothing_and_says_nothing(text: str) -> None:
    Path("portal.yaml").write_text(text, encoding="utf-8")
    assert offered("plan", "--portal", "") == []


@pytest.mark.parametrize("shell", list(SHELLS))
def test_each_script_asks_us(shell: str) -> None:
    done = portalctl("completion", shell)
    assert (done.code, done.err) == (0, "")
    assert f"{shell}_complete" in done.out
    assert "%(" not in done.out


@pytest.fixture
def _path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `portalctl` that completes as ours does, and when it is run tells what words it was given."""
    program = tmp_path / "portalctl"
    program.write_text(
        f'#!/bin/sh\n[ -n "${COMPLETE}" ] || [ "$1" = completion ] && exec {sys.executable} -m portalctl "$@"\n'
        "printf 'WORDS'; printf '<%s>' \"$@\"; echo END\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("TERM", "dumb")


STARTS = {
    "bash": (["--norc", "--noprofile"], 'eval "$(portalctl completion bash)"'),
    "zsh": (["-f"], 'autoload -Uz compinit; compinit -u -D; eval "$(portalctl completion zsh)"'),
    "fish": (["--no-config"], "portalctl completion fish | source"),
}


@contextmanager
def typing(shell: str, prepared: str | None = None) -> Iterator[Callable[[str], list[str]]]:
    """A real shell on a terminal, with our script, or as `prepared` by other lines of shell.

    Gives what types a line, Tab and Enter, and tells the words.
    """
    options, script = STARTS[shell]
    child = pexpect.spawn(shell, [*options, "-i"], encoding="utf-8", timeout=60, dimensions=(50, 200))

    def typed(line: str) -> list[str]:
        child.send(f"{line}\t\r")
        child.expect("WORDS<(.*?)>END")
        words: list[str] = child.match.group(1).split("><")
        return words

    try:
        child.sendline(f"{prepared or script}; portalctl ready")
        child.expect("WORDS<ready>END")
        yield typed
    finally:
        child.close(force=True)


@pytest.mark.slow
@pytest.mark.usefixtures("_path")
@pytest.mark.parametrize("shell", [pytest.param(name, marks=_needs(name)) for name in STARTS])
def test_a_real_shell_puts_the_name_on_the_line_as_one_word(shell: str, tmp_path: Path) -> None:
    (tmp_path / "portal.yaml").write_text(HEAD + ODD + TEAMS.partition("teams:\n")[2], encoding="utf-8")
    with typing(shell) as typed:
        assert typed("portalctl plan --allow-d") == ["plan", "--allow-delete"]
        assert typed("portalctl plan --portal=p") == ["plan", "--portal=partners"]
        assert typed("portalctl validate -W PC003=e") == ["validate", "-W", "PC003=error"]
        assert typed("portalctl fmt -f portal.y") == ["fmt", "-f", "portal.yaml"]
        for line, team in {
            '"Man': "Manchester City",
            "Manchester\\ C": "Manchester City",
            "a:": "a: b, c",
            "\\$": "$(touch pwned)",
            "i": "it's",
            "'b": 'back\\slash "and" quotes',
            "Üb": "Über uns",
        }.items():
            assert typed(f"portalctl plan --team {line}") == ["plan", "--team", team]
        assert typed('portalctl plan --team="Man') == ["plan", "--team=Manchester City"]
    assert not Path("pwned").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("_path")
@_needs("zsh")
def test_zsh_completes_each_time_with_the_script_in_its_path(tmp_path: Path) -> None:
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "_portalctl").write_text(portalctl("completion", "zsh").out)
    with typing("zsh", "fpath=($PWD/functions $fpath); autoload -Uz compinit; compinit -u -D") as typed:
        for _ in range(3):
            assert typed("portalctl plan --team r") == ["plan", "--team", "reds"]
