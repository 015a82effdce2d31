"""Times in documents and journals: RFC 3339, in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

Clock = Callable[[], datetime]  # returns the time now, with a time zone


def rfc3339(moment: datetime, precision: Literal["seconds", "milliseconds"] = "seconds") -> str:
    """Return a time as RFC 3339 in UTC. `moment` has a time zone."""
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def is_rfc3339(text: str) -> bool:
    """Return whether the text is a date and time with a time zone, in the years 1 to 9999 in UTC."""
    try:
        moment = datetime.fromisoformat(text)
        moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return False
    return moment.tzinfo is not None
