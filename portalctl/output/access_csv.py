"""An access review as CSV (RFC 4180): a row for each developer. Spreadsheets read every cell as text.

`members_from` can name the file, because its columns `developer`, `expires` and `reason` are those of a member list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from portalctl.insight.access_review import AccessReview, DatedReason, DeveloperAccess, Membership, PortalAccess
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
    "approver",
    "reason",
    "expires",
    "team_rules",
    "override",
    "override_place",
    "override_expires",
    "override_reason",
    "answers",
)


def access_csv(review: AccessReview) -> str:
    """Return a header row and a row for each developer of each portal; `; ` separates values within a cell."""
    rows = (_row(portal, developer) for portal in review.portals for developer in portal.developers)
    return "".join(f"{','.join(map(csv, row))}\r\n" for row in (COLUMNS, *rows))


def _row(portal: PortalAccess, access: DeveloperAccess) -> Iterator[str]:
    yield from (portal.name, access.developer, access.id, access.full_name, access.status, access.since)
    yield _joined(membership.team for membership in access.teams)
    yield view_model.approval(access)
    yield _joined(access.remarks)
    yield access.rules_say
    yield from _rules(() if access.rules_say == "silent" else access.why)
    yield _joined(map(_membership, access.teams))
    override = access.override
    yield (override.status or "teams only") if override else ""
    yield (view_model.place(override.why) or "") if override else ""
    yield str(override.why.expires or "never") if override else ""
    yield (override.why.reason or "") if override else ""
    yield view_model.answer_words(access.answers, str)


def _rules(rules: tuple[DatedReason, ...]) -> Iterator[str]:
    yield _joined(view_model.rule(why, str) for why in rules)
    yield _joined(view_model.place(why) or "built-in default" for why in rules)
    yield _joined(why.origin.commit for why in rules if why.origin)
    yield _joined(why.origin.author for why in rules if why.origin)
    yield _joined(why.origin.approver for why in rules if why.origin and why.origin.approver)
    yield _joined(why.reason for why in rules if why.reason)
    yield _last_day(rules)


def _last_day(rules: Iterable[DatedReason]) -> str:
    """Return the last day on which one of the rules holds; empty if a rule has no end."""
    days = [why.expires for why in rules]
    return str(max(day for day in days if day)) if days and all(days) else ""


def _membership(membership: Membership) -> str:
    rules = ", ".join(f"{view_model.rule(why, str)} ({view_model.place(why)})" for why in membership.why)
    return f"{membership.team}: {rules or 'no rule'}"


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(parts)
