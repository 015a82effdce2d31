"""`--quiet` and `--verbose`, which every command has."""

from __future__ import annotations

from typing import Literal, TypeVar, cast

import click

Verbosity = Literal["quiet", "normal", "verbose"]
C = TypeVar("C", bound=click.Command)
_KEY = "portalctl.verbosity"


def verbosity() -> Verbosity:
    """Return the verbosity of the command line."""
    context = click.get_current_context(silent=True)
    return cast("Verbosity", context.meta.get(_KEY, "normal")) if context is not None else "normal"


def with_verbosity(command: C) -> C:
    """Add both options to a command, or to all commands of a group, unless it has them."""
    if isinstance(command, click.Group) and command.commands:
        for part in command.commands.values():
            with_verbosity(part)
    elif not {"quiet", "verbose"} & {param.name for param in command.params}:
        command.params += _options()
    return command


def _options() -> list[click.Option]:
    return [
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_choose,
            help="Print results and errors only.",
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=_choose,
            help="Show long lists in full, and each repeated request.",
        ),
    ]


def _choose(context: click.Context, param: click.Parameter, value: bool) -> None:
    if not value:
        return
    if context.meta.setdefault(_KEY, param.name) != param.name:
        raise click.UsageError("--quiet and --verbose exclude each other; pass one of them", context)
