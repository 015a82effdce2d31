"""`portalctl resume`: let the controller write to a portal again."""

from __future__ import annotations

import click

from portalctl.cli.controller_client import ControllerPlace, controller, controller_options, portal_path, say


@click.command()
@click.argument("name")
@controller_options
def resume(*, name: str, place: ControllerPlace) -> None:
    """Let the controller write to the portal NAME: it ends a suspension, accepts a portal that is new to the
    controller, and a sudden change that stopped it.

    Needs a token of role operator or approver in PORTALCTL_CONTROLLER_TOKEN.

    \b
    Examples:
      portalctl resume partners
      portalctl resume partners --server http://127.0.0.1:8350
    """
    with controller(place) as api:
        api.post(portal_path(name, "resume"))
    say(f"{name}: resumed")
