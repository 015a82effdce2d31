"""`portalctl drift`: where portal and files disagree."""

from __future__ import annotations

import sys

import click

from portalctl import flow
from portalctl.cli.console import show, style_for
from portalctl.cli.options import Target, choices, target_options
from portalctl.cli.session import leave, open_session
from portalctl.plan.drift import FAILING, KINDS
from portalctl.report.documents import drift_json
from portalctl.report.text.drift import drift_text
from portalctl.version import __version__

DIFFERENT = 2


@click.command()
@target_options
@click.option(
    "--fail-on",
    callback=choices(KINDS),
    metavar="KIND,…",
    help=f"Exit with 2 on these kinds only: {', '.join(KINDS)}.  [default: all but backlog]",
)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def drift(
    *,
    target: Target,
    fail_on: frozenset[str] | None,
    output: str,
) -> None:
    """Say where portal and files disagree, by kind. Cannot write to a portal.

    \b
    Examples:
      portalctl drift -f portals/
      portalctl drift -f portals/ --fail-on unexpected_grant,unruled_grant
    """
    session = open_session(target)
    found = flow.drift(session.manifest, session.run)
    style = style_for(sys.stdout)
    if output == "json":
        show(drift_json(found, generator=f"portalctl {__version__}"), style)
    else:
        show(drift_text(found, style), style)
    if any(finding.kind in (fail_on or FAILING) for portal in found for finding in portal.findings):
        leave(DIFFERENT)
