"""Progress on a terminal: counts only grow, and the line is erased before anything else is printed."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import click
import pytest

from portalctl.cli import console as module
from portalctl.cli.commands import portalctl
from portalctl.cli.console import Console, show
from portalctl.events import Progress, Retrying, Warned
from portalctl.output.text.style import Style


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def command(name: str) -> Iterator[Terminal]:
    """Run something as a command whose standard error is a terminal."""
    screen = Terminal()
    with redirect_stderr(screen), click.Context(click.Command(name)):
        yield screen


def shown(screen: Terminal) -> str:
    """Return what the last line of a terminal shows after all that was written."""
    return screen.getvalue().rpartition("\n")[2].rpartition("\r")[2].rstrip()


def test_counts_only_grow() -> None:
    with command("plan") as screen:
        console = Console()
        for done, total in ((3, 10), (1, 10), (5, 10), (2, 12), (6, 8)):
            console(Progress("partners", "reading developers", done, total))
        counts = re.findall(r"reading developers (\d+)/(\d+)", screen.getvalue())
    assert counts == [("3", "10"), ("3", "10"), ("5", "10"), ("5", "12"), ("6", "12")]


def test_progress_is_erased_before_a_result_and_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with command("ping") as screen:
        console = Console()
        console(Progress("partners", "reading", 1, 2))
        assert shown(screen) == "partners: reading 1/2"
        show("result\n", Style())
        assert shown(screen) == ""
        console(Progress("partners", "reading", 2, 2))
    assert shown(screen) == ""
    assert capsys.readouterr().out == "result\n"


def test_a_long_line_is_cut_so_that_it_can_be_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    with command("plan") as screen:
        Console()(Progress("partners", "reading members of the team with a long name", 1, 2))
        assert 0 < len(shown(screen)) < 30


def test_without_a_terminal_progress_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console()
    console(Progress("partners", "writing", 1, 900))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(module, "LOG_INTERVAL", 0.0)
    console(Progress("partners", "writing", 450, 900))
    assert capsys.readouterr().err == "partners: writing 450/900\n"


def test_quiet_shows_warnings_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with click.Context(click.Command("plan")) as context:
        context.meta["portalctl.verbosity"] = "quiet"
        console = Console()
        console(Retrying("GET /v3/portals", 0.5, "the portal returned 503"))
        console(Warned("certificates are not verified"))
    assert capsys.readouterr().err == "warning: certificates are not verified\n"


def leaves(command_: click.Command) -> Iterator[click.Command]:
    """Yield a command, or all commands below a group."""
    if isinstance(command_, click.Group):
        context = click.Context(command_)
        for name in command_.list_commands(context):
            found = command_.get_command(context, name)
            assert found is not None
            yield from leaves(found)
    else:
        yield command_


@pytest.mark.slow
def test_every_command_has_quiet_and_verbose() -> None:
    for leaf in leaves(portalctl):
        assert {"quiet", "verbose"} <= {param.name for param in leaf.params}, leaf.name
