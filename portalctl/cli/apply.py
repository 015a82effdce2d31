"""`portalctl apply`: make a portal as the files say."""

from __future__ import annotations

import sys
from typing import cast

import click

from portalctl import flow
from portalctl.apply.execute import Patience
from portalctl.cli.console import show, style_for
from portalctl.cli.options import (
    Target,
    allow_removals_option,
    only_option,
    target_options,
    verbose_option,
)
from portalctl.cli.session import leave, open_session
from portalctl.errors import RefusedError
from portalctl.plan.model import CLASSES, OpClass
from portalctl.plan.select import Selection
from portalctl.report.text.apply import reports_text
from portalctl.report.text.plan import plan_text

IN_PART = 4


@click.command()
@target_options
@only_option(CLASSES)
@click.option("--yes", is_flag=True, help="Don't ask. Needed where there is no terminal.")
@click.option(
    "--confirm-timeout",
    type=click.FloatRange(min=0),
    default=Patience().seconds,
    show_default=True,
    metavar="SECONDS",
    help="How long to look for a write to become visible.",
)
@allow_removals_option
@verbose_option
def apply(
    *,
    target: Target,
    only: frozenset[str] | None,
    yes: bool,
    confirm_timeout: float,
    allow_removals: int | None,
    verbose: bool,
) -> None:
    """Plan, show the plan, ask, and make it so. Reports what was confirmed on the portal.

    \b
    Examples:
      portalctl apply -f portals/
      portalctl apply -f portals/ --only onboard --yes
    """
    session = open_session(target, Patience(confirm_timeout))
    selection = Selection(cast("frozenset[OpClass] | None", only), allow_removals=allow_removals)
    made = flow.plan(session.manifest, session.run, selection)
    style = style_for(sys.stdout, verbose=verbose)
    show(plan_text(made, style), style)
    if made.refused:
        leave(RefusedError.exit_code)
    if not made.changes:
        return
    _consent(yes=yes)
    click.echo()
    reports = flow.apply(made, session.run)
    show("\n" + reports_text(reports), style)
    if not all(report.clean for report in reports):
        leave(IN_PART)


def _consent(*, yes: bool) -> None:
    """Raises RefusedError when nobody said yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise RefusedError("nothing was written: nobody is there to ask", "add --yes where there is no terminal")
    if not click.confirm("Apply this plan?", err=True):
        raise RefusedError("nothing was written")
