"""Expectations × manifest → which of them hold. Pure; the decisions are those that a plan is made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from portalctl.directories.protocol import Group, Identity
from portalctl.directories.reading import Filter, reading_of
from portalctl.insight.explain import decision_on, signed_up, unnamed_at
from portalctl.manifest.expectations_file import Expectation, GroupMembers
from portalctl.manifest.file_models import ExpectedStatus
from portalctl.manifest.group_rules import group_value
from portalctl.manifest.model import PortalManifest
from portalctl.portals.models import FormAnswer
from portalctl.reason import Reason
from portalctl.rules.blocks import BLOCKED
from portalctl.rules.groups import Groups
from portalctl.rules.resolve import Decision
from portalctl.rules.rulebook import Rulebook

DENIED = frozenset({"denied", "revoked", "rejected", "absent"})  # all are expected by `is: denied`


@dataclass(frozen=True, slots=True)
class CheckedExpectation:
    """One expectation and what the rules yield.

    `expected` and `found` are statuses as in the file; `expected` None: only teams are expected. `teams` are those
    that the rules add the developer to. `problems` is empty where the expectation holds. `why` are the rules that
    decided, those about the status first.
    """

    file: str
    line: int
    column: int
    portal: str
    about: Literal["developer", "domain"]
    subject: str
    on: str
    result: Literal["passed", "failed"]
    expected: ExpectedStatus | None
    found: ExpectedStatus
    teams: tuple[str, ...]
    problems: tuple[str, ...]
    why: tuple[Reason, ...]


def tested(
    expectations: Iterable[Expectation], portals: Mapping[str, PortalManifest], today: date
) -> Iterator[CheckedExpectation]:
    """Yield each expectation with what the rules of its portal yield on its day."""
    books: dict[tuple[str, date, GroupMembers], Rulebook] = {}
    for expectation in expectations:
        portal, day = portals[expectation.portal], expectation.on or today
        key = portal.name, day, expectation.members
        if key not in books:
            books[key] = Rulebook.of(portal, day, _groups(portal, expectation.members))
        yield _tested(expectation, books[key], day)


def _groups(portal: PortalManifest, listed: GroupMembers) -> Groups:
    """Return the groups of a portal's rules as if their directories had answered with these members."""
    members: dict[str, list[str]] = {}
    for name, address in sorted(listed):
        members.setdefault(name, []).append(address)
    readings = {}
    for rule in portal.group_rules:
        identities = tuple(Identity(address, (address,)) for address in members.get(group_value(rule), ()))
        directory = portal.directories[rule.directory]
        group = Group(rule.group, rule.group, identities, observed_at="")
        readings[rule.directory, rule.group] = reading_of(
            group, rule.directory, rule.group, Filter(directory.domains)
        )
    return Groups(readings)


def _tested(expectation: Expectation, book: Rulebook, day: date) -> CheckedExpectation:
    subject = expectation.subject if expectation.about == "developer" else unnamed_at(book, expectation.subject)
    answers = tuple(FormAnswer(field, values) for field, values in expectation.answers)
    developer = replace(
        signed_up(subject), status=expectation.live, email_verified=expectation.email_verified, answers=answers
    )
    decision = decision_on(book, developer)
    found, teams = _status(decision), _teams(book, decision)
    problems = (*_status_problems(expectation, found, decision), *_team_problems(expectation, teams, book, decision))
    return CheckedExpectation(
        file=expectation.at.file,
        line=expectation.at.line,
        column=expectation.at.column,
        portal=expectation.portal,
        about=expectation.about,
        subject=expectation.subject,
        on=day.isoformat(),
        result="failed" if problems else "passed",
        expected=expectation.status,
        found=found,
        teams=tuple(sorted(teams)),
        problems=problems,
        why=tuple(dict.fromkeys((*decision.why, *(why for team in sorted(teams) for why in teams[team])))),
    )


def _status(decision: Decision) -> ExpectedStatus:
    if decision.blocked is not None and decision.verdict not in DENIED:
        return "blocked"
    return "listed" if decision.verdict == "silent" else decision.verdict


def _teams(book: Rulebook, decision: Decision) -> Mapping[str, tuple[Reason, ...]]:
    """Return the teams that the rules add a developer to, now or once they are approved, and the rules."""
    if decision.blocked is not None or decision.verdict in DENIED:
        return {}
    owned = {team.name for team in book.portal.teams if team.membership == "idp"}
    return {team: why for team, why in decision.teams.items() if team not in owned}


def _status_problems(expectation: Expectation, found: ExpectedStatus, decision: Decision) -> Iterator[str]:
    expected = expectation.status
    if expected is None or expected == found or (expected == "denied" and found in DENIED):
        return
    cause = f": {BLOCKED[decision.blocked][1]}" if decision.blocked is not None else ""
    yield f"expected {expected}, found {found}{cause}{_expired(decision.lapsed)}"


def _team_problems(
    expectation: Expectation, teams: Mapping[str, object], book: Rulebook, decision: Decision
) -> Iterator[str]:
    listed = f"in {', '.join(sorted(teams))}" if teams else "in no team"
    if expectation.teams == () and teams:
        yield f"expected in no team, found {listed}"
    owned = {team.name for team in book.portal.teams if team.membership == "idp"}
    for team in expectation.teams or ():
        if team in owned:
            yield f"expected in {team}, but the identity provider decides about its members (`membership: idp`)"
        elif team not in teams:
            yield f"expected in {team}, found {listed}{_expired(decision.lapsed_teams.get(team, ()))}"
    yield from (f"expected not in {team}" for team in expectation.not_teams if team in teams)


def _expired(reasons: Iterable[Reason]) -> str:
    """Return which rules would have granted this before they expired."""
    places = [f"{why.file}:{why.line}" for why in reasons]
    return f" (expired: {', '.join(places)})" if places else ""
