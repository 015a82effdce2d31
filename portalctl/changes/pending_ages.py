"""How long sign-ups have been pending, as numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from portalctl.portals.models import Developer
from portalctl.times import is_rfc3339

Seconds = Annotated[int, Field(ge=0, le=10**12)]


@dataclass(frozen=True, slots=True)
class PendingAges:
    """The ages of a portal's pending sign-ups at the time of its snapshot.

    `developers`: the number of pending developers with a time of sign-up on the portal; others do not count.
    """

    developers: Annotated[int, Field(ge=1, le=10**9)]
    oldest_seconds: Seconds
    median_seconds: Seconds


def _is_none(value: object) -> bool:
    return value is None


PendingAgesIfAny = Annotated[PendingAges | None, Field(exclude_if=_is_none)]  # published where there are any


def pending_ages(developers: Iterable[Developer], observed_at: str) -> PendingAges | None:
    """Return the ages at a time (RFC 3339); None where the portal reports no time of sign-up for a pending developer.

    A sign-up after `observed_at`, by another clock, has the age 0.
    """
    if not is_rfc3339(observed_at):
        return None
    times = sign_up_times(developer for developer in developers if developer.status == "pending")
    if not times:
        return None
    now = datetime.fromisoformat(observed_at)
    oldest, median = (max(now - time, timedelta(0)) // timedelta(seconds=1) for time in (times[0], middle(times)))
    return PendingAges(len(times), oldest, median)


def middle(times: Sequence[datetime]) -> datetime:
    """Return the median of sorted times, of which there is at least one."""
    low, high = times[(len(times) - 1) // 2], times[len(times) // 2]
    return low + (high - low) / 2


def signed_up(developer: Developer) -> datetime | None:
    """Return when a developer signed up; None where the portal has no such time."""
    text = developer.created_at
    return datetime.fromisoformat(text) if text and is_rfc3339(text) else None


def sign_up_times(developers: Iterable[Developer]) -> list[datetime]:
    """Return when developers signed up, sorted, where the portal has that time."""
    return sorted(time for developer in developers if (time := signed_up(developer)) is not None)
