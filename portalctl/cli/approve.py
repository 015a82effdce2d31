"""`portalctl approve`: approve a held plan of the controller, and follow the run that carries it out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import click

from portalctl.cli.apply_options import IN_PART
from portalctl.cli.controller_client import (
    DECISION,
    ControllerApi,
    ControllerPlace,
    check_digest,
    controller,
    controller_options,
    portal_path,
    say,
)
from portalctl.cli.session import leave
from portalctl.errors import PortalctlError, RefusedError

PAUSE: Final = 0.5  # seconds between two looks
RESULTS: Final = ("confirmed", "failed", "skipped", "unknown")


@click.command()
@click.argument("digest")
@controller_options
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to follow the run.",
)
def approve(*, digest: str, place: ControllerPlace, timeout: float) -> None:
    """Approve the held plan with DIGEST, and follow the run that carries it out. Exits as apply does.

    Needs a token of role approver in PORTALCTL_CONTROLLER_TOKEN. The controller reads the portal again first: a plan
    with changes that are no longer wanted, or no longer stand as they did, is stale, and nothing is written.

    \b
    Examples:
      portalctl approve sha256:2bb4c0a4d861face0b375d8e00982117f80e78af5ee43e5adb0631859fefd289
      portalctl approve "$DIGEST" --server http://127.0.0.1:8350
    """
    path = f"/v1/plans/{check_digest(digest)}"
    with controller(place) as api:
        plan = api.post(f"{path}/approve", refused=DECISION)
        say(f"{plan['portal']}: approved; waiting for the run", err=True)
        run = _followed(api, path, plan, time.monotonic() + timeout)
    counts = ", ".join(f"{run[result]} {result}" for result in RESULTS)
    say(f"{plan['portal']}: run {run['id']} {run['state']}: {counts}")
    if run["detail"]:
        say(str(run["detail"]), err=True)
    leave(_exit_code(run))


def _followed(api: ControllerApi, path: str, plan: Mapping[str, Any], deadline: float) -> Mapping[str, Any]:
    """Return the run that carried out an approved plan, once it has ended.

    Raises RefusedError for a plan that is stale, and PortalctlError where a run ended without carrying it out, or the
    time is over.
    """
    decided = datetime.fromisoformat(plan["decided_at"])
    while True:
        runs = api.get(portal_path(plan["portal"], "runs"))["runs"]
        state = api.get(path)["state"]
        ended = [run for run in reversed(runs) if run["ended_at"] is not None and _time(run, "ended_at") >= decided]
        if state == "stale":
            raise RefusedError("The plan is stale: other changes are wanted now. None of its changes was made.")
        own = next((run for run in ended if run["approver"] is not None), None)
        if state == "applied" and own is not None:
            found: Mapping[str, Any] = own
            return found
        later = next((run for run in ended if _time(run, "started_at") >= decided), None)
        if state == "approved" and later is not None:
            raise PortalctlError(
                f"run {later['id']} ended without carrying out the plan: {later['detail'] or later['state']}",
                "The plan stays approved, and the next run tries again: portalctl history shows its result.",
            )
        if time.monotonic() > deadline:
            raise PortalctlError(f"the plan is {state}, and its run has not ended yet", "Look again later.")
        time.sleep(PAUSE)


def _time(run: Mapping[str, Any], key: str) -> datetime:
    return datetime.fromisoformat(run[key])


def _exit_code(run: Mapping[str, Any]) -> int:
    """Return the code that apply exits with for such a result."""
    if any(run[result] for result in RESULTS[1:]) or run["state"] == "interrupted":
        return IN_PART
    if run["state"] == "succeeded" or run["confirmed"]:
        return 0
    return RefusedError.exit_code if str(run["detail"]).startswith("refused") else 1
