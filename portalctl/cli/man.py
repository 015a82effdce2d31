"""`portalctl man`: print the manual page, made from the texts of `--help`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from portalctl.cli.commands import environment_variables
from portalctl.version import __version__

_SIGNS = {"\\": r"\e", "-": r"\-", "'": r"\(aq", '"': r"\(dq"}
_VERBATIM = "\b"  # click: the paragraph after it keeps its lines


@click.command()
def man() -> None:
    """Print the manual page of portalctl and all its commands, in the format of man(1).

    Packages install it as share/man/man1/portalctl.1. The page does not depend on the machine.

    \b
    Examples:
      portalctl man | man -l -
      portalctl man > /usr/local/share/man/man1/portalctl.1
    """
    root = click.get_current_context().find_root().command
    click.echo(page(root), nl=False)


def page(root: click.Command) -> str:
    """Return the page of a command and its subcommands, in man(7)."""
    context = click.Context(root, info_name="portalctl")
    lines = [
        f'.TH PORTALCTL 1 "" "portalctl {_text(__version__)}" "User Commands"',
        ".SH NAME",
        f"portalctl \\- {_text(root.get_short_help_str(limit=200))}",
        ".SH SYNOPSIS",
        ".B portalctl",
        "COMMAND [OPTIONS]",
        ".SH DESCRIPTION",
        *_prose(root.help or ""),
        ".SH ENVIRONMENT",
        *(line for name, text in environment_variables() for line in (".TP", f".B {_text(name)}", _line(text))),
        ".SH COMMANDS",
        *_commands(root, context),
    ]
    return "\n".join(lines) + "\n"


def _commands(group: click.Command, context: click.Context) -> Iterator[str]:
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        below = click.Context(command, info_name=name, parent=context)
        pieces = " ".join(command.collect_usage_pieces(below))
        yield from (f'.SS "{_text(below.command_path)} {_text(pieces)}"', *_prose(command.help or ""))
        yield from _options(command, below)
        yield from _prose(command.epilog or "")
        yield from _commands(command, below)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            yield from (".TP", f".B {_text(record[0])}", _line(record[1]))


def _prose(text: str) -> Iterator[str]:
    """Yield the lines of a help text, with paragraphs as click reads them."""
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        lines = paragraph.splitlines()
        verbatim = lines[:1] == [_VERBATIM]
        yield from (".PP", ".nf") if verbatim else (".PP",)
        yield from (_line(line) for line in lines if line.strip() not in {_VERBATIM, ""})
        if verbatim:
            yield ".fi"


def _line(text: str) -> str:
    """Return a line of text. A full stop or apostrophe at its beginning is escaped: they begin commands."""
    shown = _text(text)
    return rf"\&{shown}" if shown.lstrip().startswith((".", "'")) else shown


def _text(text: str) -> str:
    """Return text in ASCII, with escapes for the formatter's special characters, and hyphens that can be copied."""
    return "".join(_SIGNS.get(char, char if char.isascii() else rf"\[u{ord(char):04X}]") for char in text)
