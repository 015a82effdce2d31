"""The pending sign-ups of a portal after a run, and what the rules yield for the oldest of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from portalctl.changes.pending_ages import signed_up
from portalctl.controller.models import WaitingSignUp
from portalctl.execution.report import PortalReport
from portalctl.flow import PortalReading
from portalctl.portals.models import Developer

MOST: Final = 200  # that are explained


def pending_after(reading: PortalReading, reports: Iterable[PortalReport]) -> list[Developer]:
    """Return the pending developers without those that the run decided, the oldest first."""
    decided = {
        item.change.developer.id
        for report in reports
        for item in report.settled
        if item.result == "confirmed" and item.change.developer and item.change.new_status
    }
    waiting = [one for one in reading.snapshot.developers if one.status == "pending" and one.id not in decided]
    return sorted(waiting, key=lambda one: (signed_up(one) is None, signed_up(one), one.name))


def waiting_sign_ups(reading: PortalReading, pending: Sequence[Developer]) -> tuple[WaitingSignUp, ...]:
    """Return what the rules yield for the first MOST of the pending developers."""
    chosen = pending[:MOST]
    if not chosen:
        return ()
    return tuple(
        WaitingSignUp(signed_up(one), standing)
        for one, standing in zip(chosen, reading.standings(chosen), strict=True)
    )
