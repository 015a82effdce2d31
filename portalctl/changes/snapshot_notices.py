"""Notices of a plan that was made from a saved snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from portalctl.changes.observations import KeptOut
from portalctl.changes.plan import Notice
from portalctl.words import age_words

OLD = timedelta(hours=24)


def offline_notices(observed_at: str, now: datetime, unread: Iterable[KeptOut]) -> Iterator[Notice]:
    """Yield the snapshot's age, a warning beyond a day, and the developers without registrations in it (`unread`).

    `observed_at` is RFC 3339.
    """
    age = max(now - datetime.fromisoformat(observed_at), timedelta(0))
    text = f"planned from a snapshot, {age_words(age)} old (taken {observed_at}), not from the live portal"
    yield Notice("snapshot_age", "warning" if age > OLD else "info", text)
    for developer in unread:
        text = (
            "the snapshot does not have their registrations, so it is unknown which APIs their applications still use"
        )
        yield Notice("registrations_unread", "warning", text, developer.developer.name)
