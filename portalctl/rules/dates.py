"""Entries that end or are due for review."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from portalctl.manifest.model import PortalManifest, TrustedDomain
from portalctl.reason import Reason

SOON = timedelta(days=14)  # how long before the last day a notice appears


def ending(portal: PortalManifest) -> Iterator[tuple[date, Reason]]:
    """Yield every entry that has an `expires`, with that day."""
    entries: Iterable[tuple[date | None, Reason]] = [
        *((rule.expires, rule.why) for rule in portal.trusted_domains),
        *((rule.expires, rule.why) for rule in portal.trusted_groups),
        *((rule.expires, rule.why) for rule in portal.denied_domains),
        *((override.expires, override.why) for override in portal.overrides),
        *((member.expires, member.why) for team in portal.teams for member in team.members or ()),
        *((rule.expires, rule.why) for rule in portal.access_requests),
    ]
    return ((expires, why) for expires, why in entries if expires is not None)


def review_due(portal: PortalManifest, today: date) -> Iterator[tuple[date, TrustedDomain]]:
    """Yield every trusted domain with a past review day, with that day."""
    for rule in portal.trusted_domains:
        if rule.review_by is not None and rule.review_by < today:
            yield rule.review_by, rule


def owned(rule: TrustedDomain) -> str:
    """Return who answers for a rule, to be put behind a sentence; empty where the rule names no owner."""
    return f"; its owner is {rule.owner}" if rule.owner is not None else ""
