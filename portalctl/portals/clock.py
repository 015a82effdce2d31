"""The check of this machine's clock against a server's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from portalctl.portals.ping_result import Check

MOST_SKEW = timedelta(minutes=1)


def clock_check(date: str | None, now: str) -> Check:
    """Compare the clocks: `expires` and the validity of plans depend on this machine's. `date`: a Date header."""
    server_time = _moment(date)
    if server_time is None:
        return Check(
            "clock", "unknown", "the server does not report its time", "check that this machine's clock is right"
        )
    skew = datetime.fromisoformat(now) - server_time
    if abs(skew) <= MOST_SKEW:
        return Check("clock", "ok", "this machine's clock agrees with the server's")
    how = "ahead of" if skew > timedelta(0) else "behind"
    return Check(
        "clock",
        "warning",
        f"this machine's clock is {abs(skew).total_seconds():,.0f} s {how} the server's",
        "set the clock, by NTP for example: `expires` and the validity of plans depend on it",
    )


def _moment(date: str | None) -> datetime | None:
    """Return the time in a Date header (RFC 9110, 5.6.7)."""
    try:
        server_time = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return server_time if server_time.tzinfo is not None else server_time.replace(tzinfo=UTC)
