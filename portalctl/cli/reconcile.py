"""`portalctl reconcile`: ask the controller for a run of a portal now."""

from __future__ import annotations

import click

from portalctl.cli.controller_client import ControllerPlace, controller, controller_options, portal_path, say


@click.command()
@click.argument("name")
@controller_options
def reconcile(*, name: str, place: ControllerPlace) -> None:
    """Ask the controller to read the portal NAME now, and to do what its mode allows.

    Needs a token of role operator or approver in PORTALCTL_CONTROLLER_TOKEN.

    \b
    Examples:
      portalctl reconcile partners
      portalctl reconcile partners --server http://127.0.0.1:8350
    """
    with controller(place) as api:
        api.post(portal_path(name, "reconcile"))
    say(f"{name}: a run will begin; portalctl history shows its result")
