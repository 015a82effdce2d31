"""`portalctl ping`: check portals and directories before a plan."""

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
    """Check the server, token, permissions, settings, release and clock of each portal, and the credential and groups
    of each directory. Never writes to a portal.

    Below each problem is its remedy. Exits with 1 if a plan could not read a portal or directory. The permission to
    write cannot be checked without writing.

    \b
    Examples:
      portalctl ping -f portals/
      portalctl ping -f portals/ --portal partners -o json
    """
    session = open_session(target)
    found = shown(flow.ping(session.manifest, session.run))
    directories = shown(flow.ping_directories(session.manifest, session.run))
    style = style_for(sys.stdout)
    show(render(Ping(portals=found, directories=directories), output, style), style)
    if any(portal.failed for portal in found) or any(directory.failed for directory in directories):
        leave(1)
