"""`portalctl ping`: can a run do its work?"""

from __future__ import annotations

import sys

import click

from portalctl import flow
from portalctl.cli.console import show, style_for
from portalctl.cli.form_option import form_option
from portalctl.cli.masking import mask_option, shown
from portalctl.cli.options import Target, target_options
from portalctl.cli.session import leave, open_session
from portalctl.output.documents import Ping, render


@click.command()
@target_options
@form_option("ping")
@mask_option
def ping(*, target: Target, output: str) -> None:
    """Check each portal's server, token and rights, its settings, release and clock. Cannot write to a portal.

    What was found wrong has a remedy below it. Exits with 1 if a plan would not find what it needs; whether a token
    may write, only writing can tell.

    \b
    Examples:
      portalctl ping -f portals/
      portalctl ping -f portals/ --portal partners -o json
    """
    session = open_session(target)
    found = shown(flow.ping(session.manifest, session.run))
    style = style_for(sys.stdout)
    show(render(Ping(portals=found), output, style), style)
    if any(portal.failed for portal in found):
        leave(1)
