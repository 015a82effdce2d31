"""What each command imports. A test of the clock would lie on a busy machine; sys.modules does not."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from portalctl.cli.commands import COMMANDS, portalctl

HEAVY = {"httpx", "pydantic", "ruamel", "ruamel.yaml", "deepdiff", "publicsuffixlist"}


def imported(*words: str) -> set[str]:
    code = (
        "import sys\nfrom portalctl.cli.main import run\n"
        f"run({list(words)!r})\nprint('MODULES', *sorted(sys.modules), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split("MODULES\n", 1)[1].splitlines())


def test_version_needs_no_command_line() -> None:
    assert imported("--version") & {*HEAVY, "click", "dataclasses", "pathlib", "portalctl.errors"} == set()


def test_help_imports_nothing_heavy() -> None:
    assert imported("--help") & HEAVY == set()


@pytest.mark.slow
def test_validate_needs_no_http_and_no_diff() -> None:
    assert imported("validate", "-f", "examples/quickstart") & HEAVY == {
        "pydantic", "ruamel", "ruamel.yaml", "publicsuffixlist",
    }  # fmt: skip


def test_the_commands_that_are_listed_exist_with_the_help_that_is_listed() -> None:
    context = click.Context(portalctl)
    for name, told in COMMANDS.items():
        command = portalctl.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert told
        assert command.help
        assert "Examples:" in command.help or name == "sim"
