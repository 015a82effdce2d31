"""What a reader of a plan should know when it was made from a saved reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from portalctl.changes.observations import KeptOut
from portalctl.changes.plan import Notice
from portalctl.words import age_words

OLD = timedelta(hours=24)


def offline_notices(observed_at: str, now: datetime, unread: Iterable[KeptOut]) -> Iterator[Notice]:
    """The reading's age, a warning beyond a day, and whom it has no registrations of (`unread`).

    `observed_at` is RFC 3339.
    """
    age = max(now - datetime.fromisoformat(observed_at), timedelta(0))
    text = f"planned from a snapshot, {age_words(age)} old (read {observed_at}); the portal was not asked"
    yield Notice("snapshot_age", "warning" if age > OLD else "info", text)
    for developer in unread:
        text = "the snapshot does not have their registrations, so what their applications go on using is not known"
        yield Notice("registrations_unread", "warning", text, developer.developer.name)
