"""`portalctl suspend`: let the controller write nothing to a portal."""

from __future__ import annotations

import click

from portalctl.cli.controller_client import ControllerPlace, controller, controller_options, portal_path, say


@click.command()
@click.argument("name")
@controller_options
@click.option("--reason", required=True, metavar="TEXT", help="Why; shown with the portal.")
@click.option(
    "--expires",
    metavar="WHEN",
    help="The last day (YYYY-MM-DD, UTC), or a time (RFC 3339).  [default: until it is resumed]",
)
def suspend(*, name: str, place: ControllerPlace, reason: str, expires: str | None) -> None:
    """Let the controller write nothing to the portal NAME. It still reads, and reports drift.

    Writes in flight are completed. Needs a token of role operator or approver in PORTALCTL_CONTROLLER_TOKEN.

    \b
    Examples:
      portalctl suspend partners --reason "Migration of the portal"
      portalctl suspend partners --reason "Migration of the portal" --expires 2027-01-31
    """
    with controller(place) as api:
        found = api.post(portal_path(name, "suspend"), {"reason": reason, "expires": expires})
    until = f"until {found['expires']}" if found["expires"] else f"until: portalctl resume {name}"
    say(f"{name}: suspended {until}")
