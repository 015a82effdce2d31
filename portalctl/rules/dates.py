"""Entries that end or are due for review."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

from portalctl.manifest.group_rules import TrustedGroup
from portalctl.manifest.model import AccessRule, DeniedDomain, Member, Override, PortalManifest, TrustedDomain
from portalctl.reason import Reason

SOON = timedelta(days=14)  # how long before the last day a notice appears


class Ending(NamedTuple):
    """An entry with an `expires`. `owner`: who answers for it."""

    expires: date
    why: Reason
    owner: str | None


def ending(portal: PortalManifest) -> Iterator[Ending]:
    """Yield every entry that has an `expires`."""
    rules: Iterable[TrustedDomain | TrustedGroup | DeniedDomain | Override | Member | AccessRule] = (
        *portal.trusted_domains,
        *portal.trusted_groups,
        *portal.denied_domains,
        *portal.overrides,
        *(member for team in portal.teams for member in team.members or ()),
        *portal.access_requests,
    )
    for rule in rules:
        if rule.expires is not None:
            yield Ending(rule.expires, rule.why, rule.owner)


def review_due(portal: PortalManifest, today: date) -> Iterator[tuple[date, TrustedDomain]]:
    """Yield every trusted domain with a past review day, with that day."""
    for rule in portal.trusted_domains:
        if rule.review_by is not None and rule.review_by < today:
            yield rule.review_by, rule


def owned(owner: str | None) -> str:
    """Return who answers for a rule, to be put behind a sentence; empty where the rule names no owner."""
    return f"; its owner is {owner}" if owner is not None else ""
