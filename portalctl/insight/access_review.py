"""The access review, for auditors: the access of each developer, and the rules that grant it. Pure.

All developers on the portal are listed; access that no rule grants is marked, not left out. Developers named by a
rule who have no account are listed too, since the first account with that address gets what the rule grants.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from portalctl.changes.invitations import unregistered
from portalctl.manifest.model import Override, Policy, PortalManifest
from portalctl.portals.models import IF_ANY, OUT, Developer, FormAnswer, Scope, Snapshot
from portalctl.reason import Reason
from portalctl.rules.dates import ending
from portalctl.rules.groups import NO_GROUPS, Groups
from portalctl.rules.resolve import Decision, Verdict, resolve
from portalctl.rules.rulebook import DENIALS, Rulebook, is_for

WHOLE = Scope(every_team=True)
UNKNOWN = "unknown"

ReviewMark = Literal["unmanaged", "orphan", "differs", "blocked", "absent"]
REMARKS: Mapping[ReviewMark, str] = {
    "unmanaged": "matches no rule",
    "orphan": "in a team without a rule",
    "differs": "the rules yield another status",
    "blocked": "may not be the developer named by the rules",
    "absent": "named by a rule, has no account",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """The commit that last changed the line of a rule, its author, and the approver that its message claims.

    The author of a commit can write any name.
    """

    commit: str
    author: str
    approver: str | None = None


Origins = Mapping[tuple[str, int], Origin]  # by file, as messages show it, and line
NO_ORIGINS: Origins = {}


@dataclass(frozen=True, slots=True)
class DatedReason(Reason):
    """A rule with the last day it holds (None: no end) and the commit that wrote it (None: unknown)."""

    expires: date | None = None
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """A team of a developer. `why` is empty where no rule grants the membership."""

    team: str
    why: tuple[DatedReason, ...]


@dataclass(frozen=True, slots=True)
class Overridden:
    """The override that names a developer; it may have expired."""

    status: str | None
    teams: tuple[str, ...] | None
    why: DatedReason


@dataclass(frozen=True, slots=True)
class DeveloperAccess:
    """The access of one developer.

    `developer` is the address on the portal, or the id if there is none. `since` is the time of registration
    (RFC 3339) or `unknown`. `status` is `absent` for a developer without an account. `rules_say` is the status that
    the rules yield, `why` the rules behind it. `teams` are the current ones. `approved_by` are the rules that approve
    an approved developer; empty where no rule does. `answers`: those to the sign-up form.
    """

    developer: str
    id: str
    full_name: str
    status: str
    since: str
    rules_say: Verdict
    why: tuple[DatedReason, ...]
    teams: tuple[Membership, ...]
    override: Overridden | None
    remarks: tuple[ReviewMark, ...]
    approved_by: tuple[DatedReason, ...] = ()
    answers: Annotated[tuple[FormAnswer, ...], IF_ANY] = ()


@dataclass(frozen=True, slots=True)
class PortalAccess:
    """The developers on one portal, sorted by address, then those without an account."""

    name: str
    provider: str
    portal_id: str
    server: str
    observed_at: str
    developers: tuple[DeveloperAccess, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessReview:
    """The document of `report access`. `created_at` is RFC 3339, UTC; `manifest` is a digest, None where masked."""

    version: Literal[1] = 1
    kind: Literal["access"] = "access"
    generator: str
    created_at: str
    manifest: str | None
    portals: tuple[PortalAccess, ...]


def review(
    portal: PortalManifest,
    snapshot: Snapshot,
    today: date,
    origins: Origins = NO_ORIGINS,
    groups: Groups = NO_GROUPS,
) -> PortalAccess:
    """Return the access of all developers in a snapshot, with its rules.

    Args:
        origins: the commits that wrote the lines of rules, where known.

    Raises ValueError for a snapshot without the members of every team.
    """
    if not snapshot.scope.every_team:
        raise ValueError("the snapshot does not cover every team")
    book = Rulebook.of(portal, today, groups)
    reasons = _Reasons(portal, origins)
    teams = _teams_of(snapshot)
    accounts = [
        _access(book, reasons, developer, decision, teams.get(developer.id, []))
        for developer, decision in resolve(book, snapshot.developers)
    ]
    missing = [
        _access(book, reasons, developer, decision, ())
        for developer, decision in resolve(book, _missing(book, snapshot))
    ]
    return PortalAccess(
        name=portal.name,
        provider=portal.provider,
        portal_id=snapshot.portal_id,
        server=snapshot.server,
        observed_at=snapshot.observed_at,
        developers=(*sorted(accounts, key=lambda access: (access.developer.lower(), access.id)), *missing),
    )


def _missing(book: Rulebook, snapshot: Snapshot) -> list[Developer]:
    """Return developers named by a member list or an override who have no account, with the status `absent`."""
    ids = {developer.id for developer in snapshot.developers}
    addresses = {developer.address for developer in snapshot.developers}
    return [unregistered(name) for name in sorted(book.named - ids - addresses)]


class _Reasons:
    """Makes the reasons of a review. All developers matched by a rule share one value for it."""

    def __init__(self, portal: PortalManifest, origins: Origins) -> None:
        self._origins = origins
        self._expires = {(why, why.column): expires for expires, why, _ in ending(portal)}
        self._owned = {team.name: team.why for team in portal.teams if team.membership == "idp"}
        self._made: dict[tuple[Reason, int | None], DatedReason] = {}

    def of_team(self, team: str, decision: Decision) -> tuple[DatedReason, ...]:
        """Return the rules that add a developer to a team; for a team of the identity provider, its declaration."""
        owned = [self._owned[team]] if team in self._owned else []
        return self.of(decision.teams.get(team) or owned)

    def of(self, reasons: Iterable[Reason]) -> tuple[DatedReason, ...]:
        return tuple(map(self._one, reasons))

    def _one(self, why: Reason) -> DatedReason:
        key = why, why.column  # two rules of one line may end on different days
        if key not in self._made:
            origin = self._origins.get((why.file, why.line)) if why.file and why.line else None
            self._made[key] = DatedReason(
                why.rule,
                why.value,
                why.file,
                why.line,
                why.reason,
                field=why.field,
                answer=why.answer,
                expires=self._expires.get((why.rule_alone, why.column)),
                origin=origin,
            )
        return self._made[key]


def _teams_of(snapshot: Snapshot) -> dict[str, list[str]]:
    """Return the names of each developer's teams, sorted, by developer id."""
    teams: dict[str, list[str]] = {}
    for team in sorted(snapshot.teams, key=lambda team: team.name):
        for developer_id in snapshot.members.get(team.id, ()):
            teams.setdefault(developer_id, []).append(team.name)
    return teams


def _access(
    book: Rulebook, reasons: _Reasons, developer: Developer, decision: Decision, teams: Iterable[str]
) -> DeveloperAccess:
    memberships = tuple(Membership(team, reasons.of_team(team, decision)) for team in teams)
    override = _override(book, developer)
    return DeveloperAccess(
        developer=developer.name,
        id=developer.id,
        full_name=developer.full_name or "",
        status=developer.status,
        since=developer.created_at or UNKNOWN,
        rules_say=decision.verdict,
        why=reasons.of(decision.why),
        teams=memberships,
        override=Overridden(override.status, override.teams, reasons.of([override.why])[0]) if override else None,
        remarks=tuple(_remarks(developer, decision, memberships, book.portal.policy)),
        approved_by=reasons.of(decision.why) if developer.status == decision.verdict == "approved" else (),
        answers=developer.answers,
    )


def _override(book: Rulebook, developer: Developer) -> Override | None:
    """Return the override that names a developer; an expired one only if none is in force."""
    found = (rule for rules in (book.now, book.lapsed) for rule in rules.overrides_of(developer.id, developer.name))
    return next((rule for rule in found if not developer.id or is_for(rule, developer.id)), None)


def _remarks(
    developer: Developer, decision: Decision, memberships: Iterable[Membership], policy: Policy
) -> Iterator[ReviewMark]:
    if developer.status == "absent":
        yield "absent"
        return
    if decision.verdict == "unmatched":
        yield "unmanaged"
    if any(not membership.why for membership in memberships):
        yield "orphan"
    if _differs(developer.status, decision, policy):
        yield "differs"
    if decision.blocked is not None:
        yield "blocked"


def _differs(status: str, decision: Decision, policy: Policy) -> bool:
    """Return whether the rules yield another status than the one on the portal."""
    if decision.lapsed:
        return status == "approved"
    if decision.verdict == "unmatched":
        outcomes = (("approved", policy.unmatched_approved), ("pending", policy.unmatched_pending))
        return any(status == live and wanted != "keep" for live, wanted in outcomes)
    if decision.verdict in DENIALS or decision.verdict == "denied":
        return status not in OUT or decision.verdict == "absent"
    return decision.verdict in {"approved", "pending"} and status != decision.verdict
