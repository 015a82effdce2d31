"""An access review as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from portalctl.changes.operation import Effect
from portalctl.insight.access_review import REMARKS, AccessReview, DeveloperAccess, PortalAccess
from portalctl.output import view_model
from portalctl.output.html.environment import code, page
from portalctl.output.html.plan import Choice
from portalctl.output.links import NO_LINKS
from portalctl.words import moment, plural


@dataclass(frozen=True, slots=True)
class _AccessRow:
    """A row, with the values of the filter: the numbers of the options in its drop-down lists."""

    developer: DeveloperAccess
    status: str
    teams: str
    approval: str
    marks: str


@dataclass(frozen=True, slots=True)
class _AccessSection:
    """The content of the page about one portal. `counts`: figures with their words and their colour."""

    portal: PortalAccess
    facts: Sequence[str]
    counts: Sequence[tuple[int, str, Effect | None]]
    rows: Sequence[_AccessRow]


def access_html(review: AccessReview) -> str:
    """Return the review: a row for each developer of each portal, with a filter."""
    developers = [developer for portal in review.portals for developer in portal.developers]
    statuses = _numbered(developer.status for developer in developers)
    teams = _numbered(membership.team for developer in developers for membership in developer.teams)
    approvals = _numbered(view_model.approval(developer) for developer in developers)
    return page(
        "access.html",
        filtered=True,
        review=review,
        links=NO_LINKS,
        names=", ".join(portal.name for portal in review.portals),
        items=[
            _AccessSection(
                portal,
                _facts(portal),
                tuple(view_model.access_counts(portal)),
                [_row(developer, statuses, teams, approvals) for developer in portal.developers],
            )
            for portal in review.portals
        ],
        choices=(
            Choice("status", "Status", _options(statuses)),
            Choice("teams", "Team", _options(teams)),
            Choice("approval", "Approved by", _options(approvals)),
            Choice("marks", "Mark", [(mark, f"{mark}: {words}") for mark, words in REMARKS.items()]),
        ),
    )


def _numbered(texts: Iterable[str]) -> Mapping[str, str]:
    return {text: str(number) for number, text in enumerate(sorted(set(texts) - {""}))}


def _options(numbers: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    return [(number, text) for text, number in numbers.items()]


def _facts(portal: PortalAccess) -> Sequence[str]:
    accounts = sum(developer.status != "absent" for developer in portal.developers)
    read = f"read {moment(portal.observed_at)}"
    return portal.provider, code(urlsplit(portal.server).netloc), plural(accounts, "developer"), read


def _row(
    developer: DeveloperAccess, statuses: Mapping[str, str], teams: Mapping[str, str], approvals: Mapping[str, str]
) -> _AccessRow:
    return _AccessRow(
        developer,
        statuses.get(developer.status, ""),
        " ".join(teams.get(membership.team, "") for membership in developer.teams),
        approvals.get(view_model.approval(developer), ""),
        " ".join(developer.remarks),
    )
