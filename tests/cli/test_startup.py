"""What each command imports. A test of the clock would lie on a busy machine; sys.modules does not."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from portalctl.cli.commands import COMMANDS, portalctl

YAML = {"pydantic", "ruamel.yaml"}
RULES = {*YAML, "idna", "publicsuffixlist"}
PORTAL = {"pydantic", "idna", "httpx", "ssl"}
VENDORS = {"portalctl.portals.konnect.portal", "portalctl.portals.api7.portal"}
HEAVY = {*RULES, *PORTAL, *VENDORS, "deepdiff", "sqlite3"}


def imported(*words: str) -> set[str]:
    code = (
        "import sys\nfrom portalctl.cli.main import run\n"
        f"run({list(words)!r})\nprint('MODULES', *sorted(sys.modules), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split("MODULES\n", 1)[1].splitlines())


def test_version_needs_no_command_line() -> None:
    assert imported("--version") & {*HEAVY, "click", "dataclasses", "pathlib", "portalctl.errors"} == set()


@pytest.mark.slow
def test_help_imports_nothing_heavy() -> None:
    assert imported("--help") & HEAVY == set()


FILES = ["-f", "examples/quickstart"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "needed"),
    [
        (["completion", "bash"], set()),
        (["schema", "manifest"], {"pydantic"}),
        (["fmt", "--check", *FILES], YAML),
        (["validate", *FILES], RULES),
        (["list", "portals", *FILES], RULES),
        (["plan", "--help"], PORTAL | YAML),
        (["apply", "--help"], PORTAL | YAML),
        (["drift", "--help"], PORTAL | YAML),
        (["sim", "--help"], {"sqlite3"}),
    ],
)
def test_a_command_imports_what_it_needs(words: list[str], needed: set[str]) -> None:
    assert imported(*words) & HEAVY == needed


def test_the_commands_that_are_listed_exist_with_the_help_that_is_listed() -> None:
    context = click.Context(portalctl)
    for name, told in COMMANDS.items():
        command = portalctl.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert told
        assert command.help
        assert "Examples:" in command.help or name == "sim"
