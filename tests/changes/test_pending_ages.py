"""How long sign-ups have been pending: what counts, and what is not known."""

from __future__ import annotations

import pytest

from portalctl.changes.pending_ages import PendingAges, pending_ages
from portalctl.portals.models import Developer

NOW = "2026-06-15T08:00:00Z"
DAY = 24 * 3600


def developers(*times: str | None, status: str = "pending") -> list[Developer]:
    return [Developer(str(number), None, status, created_at=time) for number, time in enumerate(times)]


@pytest.mark.parametrize(
    ("times", "oldest", "middle"),
    [
        (("2026-06-14T08:00:00Z",), DAY, DAY),
        (("2026-06-14T08:00:00Z", "2026-06-12T08:00:00Z"), 3 * DAY, 2 * DAY),
        (("2026-06-14T08:00:00Z", "2026-06-05T08:00:00Z", "2026-06-13T10:00:00+02:00"), 10 * DAY, 2 * DAY),
        (("2026-06-14T08:00:00.900Z",), DAY - 1, DAY - 1),
        (("2026-06-15T09:00:00Z",), 0, 0),
    ],
)
def test_the_oldest_and_the_median(times: tuple[str, ...], oldest: int, middle: int) -> None:
    assert pending_ages(developers(*times), NOW) == PendingAges(len(times), oldest, middle)


def test_what_has_no_time_is_not_counted_as_new() -> None:
    assert pending_ages(developers(None, "yesterday", "2026-06-14"), NOW) is None
    known = "2026-06-14T08:00:00Z"
    assert pending_ages(developers(None, known), NOW) == PendingAges(1, DAY, DAY)
    for status in ("approved", "revoked", "rejected", "odd"):
        assert pending_ages(developers(known, status=status), NOW) is None
    assert pending_ages(developers(known), "") is None
