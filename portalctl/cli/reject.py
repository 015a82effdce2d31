"""`portalctl reject`: reject a held plan of the controller."""

from __future__ import annotations

import click

from portalctl.cli.controller_client import (
    DECISION,
    ControllerPlace,
    check_digest,
    controller,
    controller_options,
    say,
)


@click.command()
@click.argument("digest")
@controller_options
def reject(*, digest: str, place: ControllerPlace) -> None:
    """Reject the held plan with DIGEST: for seven days, or until a file of its reasons changes.

    Needs a token of role approver in PORTALCTL_CONTROLLER_TOKEN.

    \b
    Examples:
      portalctl reject sha256:2bb4c0a4d861face0b375d8e00982117f80e78af5ee43e5adb0631859fefd289
      portalctl reject "$DIGEST" --server http://127.0.0.1:8350
    """
    path = f"/v1/plans/{check_digest(digest)}/reject"
    with controller(place) as api:
        plan = api.post(path, refused=DECISION)
    say(f"{plan['portal']}: rejected; nothing was written")
