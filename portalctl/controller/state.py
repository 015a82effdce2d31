"""The state of a portal, from its last run. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from portalctl.controller.models import HeldPlan, PortalState, Suspension
from portalctl.insight.drift import FAILING


def state_of(
    *,
    suspension: Suspension | None,
    problems: Collection[str],
    held: HeldPlan | None,
    drift: Mapping[str, int],
    contested: Collection[object],
) -> PortalState:
    """Return the state that a portal is shown with: the first of these that holds, in the order of the code.

    Args:
        drift: the numbers of findings by kind, without accepted ones.
        contested: developers that another program changes back.
    """
    if suspension is not None:
        return "suspended"
    if problems:
        return "failing"
    if held is not None:
        return "held"
    if contested or any(count for kind, count in drift.items() if kind in FAILING):
        return "drifted"
    return "pending" if any(drift.values()) else "in_sync"
