"""`portalctl run`: the controller, and its tokens."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from portalctl.cli.run_options import RunOptions, run_options
from portalctl.cli.session import leave
from portalctl.controller.models import Role
from portalctl.controller.tokens import ROLES
from portalctl.errors import BadUsageError
from portalctl.output_file import check_stdout


@click.group(invoke_without_command=True)
@run_options
@click.pass_context
def run(ctx: click.Context, *, options: RunOptions) -> None:
    """Run the controller: it decides sign-ups, keeps portals in line with files, and holds removals for approval.

    Without --mode it only observes. A portal that it does not know yet is only observed until `portalctl resume`.

    \b
    Examples:
      portalctl run -f portals/
      portalctl run -f portals/ --mode onboard --once
      portalctl run --git https://git.example/portals.git --mode full --tokens tokens
    """
    if ctx.invoked_subcommand is not None:
        return
    try:
        from portalctl.cli.controller import start
    except ModuleNotFoundError as error:
        raise BadUsageError(
            f"portalctl run needs the extra controller ({error.name} is not installed)",
            "In a clone: pip install '.[controller]'",
        ) from None
    leave(start(options))


@run.command()
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@click.option(
    "--tokens",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Append the line to this file, which is made if it does not exist.",
)
def token(*, name: str, role: str, file: Path | None) -> None:
    """Make a token for NAME, and print it: it is stored nowhere, and cannot be shown again.

    The token file of the controller gets a line with its hash: with --tokens it is appended, else it is printed on
    standard error. ROLE: a viewer reads, with addresses masked; an operator also suspends, resumes and reconciles; an
    approver also approves and rejects, and sees addresses; a registrar only asks for decisions.

    \b
    Examples:
      portalctl run token ann approver --tokens tokens
      portalctl run token sign-up-form registrar --tokens tokens
    """
    from portalctl.controller.token_file import append_line
    from portalctl.controller.tokens import new_token

    check_stdout()
    made, line = new_token(name, cast(Role, role))
    if file is not None:
        append_line(file, name, cast(Role, role), line)
    else:
        click.echo(line, err=True)
    click.echo(made)
