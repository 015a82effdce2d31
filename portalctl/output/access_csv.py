"""An access review as CSV (RFC 4180), a row for each developer, that a spreadsheet shows and does not calculate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from portalctl.insight.access_review import Access, AccessReview, DatedReason, Membership, PortalAccess
from portalctl.output import view_model
from portalctl.output.escaping import csv

COLUMNS = (
    "portal",
    "developer",
    "id",
    "name",
    "status",
    "since",
    "teams",
    "approved_by",
    "remarks",
    "rules_say",
    "rule",
    "place",
    "commit",
    "author",
    "reason",
    "expires",
    "team_rules",
    "override",
    "override_place",
    "override_expires",
    "override_reason",
)


def access_csv(review: AccessReview) -> str:
    """A head row, and everybody of every portal. What has several values has them parted by `; `."""
    rows = (_row(portal, each) for portal in review.portals for each in portal.developers)
    return "".join(f"{','.join(map(csv, row))}\r\n" for row in (COLUMNS, *rows))


def _row(portal: PortalAccess, person: Access) -> Iterator[str]:
    yield from (portal.name, person.developer, person.id, person.full_name, person.status, person.since)
    yield _joined(each.team for each in person.teams)
    yield view_model.approval(person)
    yield _joined(person.remarks)
    yield person.rules_say
    yield from _rules(() if person.rules_say == "silent" else person.why)
    yield _joined(map(_membership, person.teams))
    override = person.override
    yield (override.status or "teams only") if override else ""
    yield (view_model.place(override.why) or "") if override else ""
    yield str(override.why.expires or "never") if override else ""
    yield (override.why.reason or "") if override else ""


def _rules(rules: tuple[DatedReason, ...]) -> Iterator[str]:
    yield _joined(view_model.rule(each, str) for each in rules)
    yield _joined(view_model.place(each) or "built-in default" for each in rules)
    yield _joined(each.origin.commit for each in rules if each.origin)
    yield _joined(each.origin.author for each in rules if each.origin)
    yield _joined(each.reason for each in rules if each.reason)
    yield _joined(str(each.expires) for each in rules if each.expires)


def _membership(membership: Membership) -> str:
    rules = ", ".join(f"{view_model.rule(each, str)} ({view_model.place(each)})" for each in membership.why)
    return f"{membership.team}: {rules or 'no rule'}"


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(parts)
