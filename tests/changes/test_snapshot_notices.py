"""How old a saved reading is, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from portalctl.changes.snapshot_notices import offline_notices
from portalctl.words import age_words

NOW = datetime(2026, 6, 15, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=59), "0 min"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=23, minutes=59), "23 h"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=2000), "2,000 days"),
    ],
)
def test_the_largest_unit_counts(age: timedelta, words: str) -> None:
    assert age_words(age) == words


@pytest.mark.parametrize(
    ("read", "severity", "words"),
    [
        ("2026-06-14T08:00:00Z", "info", "1 day old"),
        ("2026-06-14T07:59:59Z", "warning", "1 day old"),
        ("2026-06-15T10:30:00+02:00", "info", "0 min old"),  # a clock ahead of ours
    ],
)
def test_more_than_a_day_is_warned_of(read: str, severity: str, words: str) -> None:
    (notice,) = offline_notices(read, NOW, ())
    assert (notice.severity, words in notice.message) == (severity, True)
