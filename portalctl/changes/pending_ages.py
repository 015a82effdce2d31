"""How long sign-ups have been pending, as numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Annotated

from pydantic import Field

from portalctl.portals.models import Developer
from portalctl.times import is_rfc3339

Seconds = Annotated[int, Field(ge=0, le=10**12)]


@dataclass(frozen=True, slots=True)
class PendingAges:
    """The ages of a portal's pending sign-ups at the time of its snapshot.

    `developers`: the number of pending developers whose time of sign-up the portal reports; others do not count.
    """

    developers: Annotated[int, Field(ge=1, le=10**9)]
    oldest_seconds: Seconds
    median_seconds: Seconds


def pending_ages(developers: Iterable[Developer], observed_at: str) -> PendingAges | None:
    """Return the ages at a time (RFC 3339); None where the portal reports no time of sign-up for a pending developer.

    A sign-up after `observed_at`, by another clock, has the age 0.
    """
    if not is_rfc3339(observed_at):
        return None
    now = datetime.fromisoformat(observed_at)
    times = (developer.created_at for developer in developers if developer.status == "pending")
    signed_up = (datetime.fromisoformat(time) for time in times if time is not None and is_rfc3339(time))
    ages = [max(now - time, timedelta(0)) // timedelta(seconds=1) for time in signed_up]
    return PendingAges(len(ages), max(ages), int(median(ages))) if ages else None
