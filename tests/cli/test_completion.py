"""Shells are offered commands, options, and the names in the manifest; each shell in its own way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from portalctl.cli.commands import portalctl as root
from portalctl.cli.completion import SHELLS
from portalctl.cli.main import COMPLETE
from tests.conftest import HEAD, portalctl

TEAMS = "teams:\n  - name: city\n  - name: Manchester City\n  - name: reds\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "portal.yaml").write_text(HEAD + TEAMS, encoding="utf-8")
    other = HEAD.replace("name: partners", "name: others") + "teams: [{name: blues}]\n"
    (tmp_path / "other.yaml").write_text(other, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def answered(shell: str, **env: str) -> list[str]:
    """The lines that the shell's script gets."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        return [line for line in SHELLS[shell](root, {}, "portalctl", COMPLETE).complete().splitlines() if line]


def offered(*words: str) -> list[str]:
    """For the last word, as bash asks: each value, quoted."""
    lines = answered("bash", COMP_WORDS=" ".join(["portalctl", *words]), COMP_CWORD=str(len(words)))
    return [line.partition(",")[2] for line in lines]


def test_commands_and_options() -> None:
    assert offered("va") == ["validate"]
    assert offered("plan", "--allow-d") == ["--allow-delete"]
    assert "powershell" in offered("completion", "")


def test_names_are_those_of_the_files_on_the_line() -> None:
    assert offered("plan", "--portal", "") == ["partners"]
    assert offered("plan", "-f", "other.yaml", "--portal", "") == ["others"]
    assert offered("plan", "--team", "") == ["'Manchester City'", "city", "reds"]
    assert offered("plan", "--team", "Man") == ["'Manchester City'"]
    assert offered("plan", "-f", "other.yaml", "-f", "portal.yaml", "--team", "") == [
        "'Manchester City'",
        "blues",
        "city",
        "reds",
    ]


def test_lint_codes_and_levels() -> None:
    assert offered("validate", "-W", "PC003") == ["PC003=error", "PC003=warning", "PC003=off"]


@pytest.mark.parametrize("text", ["not: [valid", ""])
def test_a_broken_manifest_offers_nothing_and_says_nothing(text: str) -> None:
    Path("portal.yaml").write_text(text, encoding="utf-8")
    assert offered("plan", "--portal", "") == []


def test_powershell_asks_in_its_own_way() -> None:
    words = ["portalctl", "plan", "--team", "r"]
    assert answered("powershell", COMP_WORDS="\n".join(words), COMP_CWORD="r") == ["reds\treds"]
    every = answered("powershell", COMP_WORDS="\n".join(words[:-1]), COMP_CWORD="")
    assert [line.split("\t")[0] for line in every] == ["Manchester City", "city", "reds"]


@pytest.mark.parametrize("shell", list(SHELLS))
def test_each_script_asks_us(shell: str) -> None:
    done = portalctl("completion", shell)
    assert (done.code, done.err) == (0, "")
    assert f"{shell}_complete" in done.out
    assert "%(" not in done.out


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not here")
def test_bash_puts_a_name_with_a_blank_on_the_line_as_one_word(tmp_path: Path) -> None:
    program = tmp_path / "portalctl"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m portalctl "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    script = """
        eval "$(portalctl completion bash)"
        COMP_WORDS=(portalctl plan --team Man) COMP_CWORD=3
        _portalctl_completion portalctl
        printf '%s\\n' "${#COMPREPLY[@]}" "${COMPREPLY[@]}"
    """
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.splitlines() == ["1", "'Manchester City'"]
