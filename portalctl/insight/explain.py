"""Explains a developer, domain or team: all rules about it, which of them decides, and the changes. Pure.

Decisions and changes are looked up in the plan's comparison and not computed a second time. For a developer without
an account they are those of a plan made after a sign-up with this address.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Annotated, Literal

from portalctl.changes.difference import Difference
from portalctl.changes.invitations import unregistered
from portalctl.changes.notices import notices
from portalctl.changes.operation import Subject
from portalctl.changes.operations import AddMember, Change, RemoveMember
from portalctl.changes.plan import Notice, Refusal
from portalctl.changes.planning import compare
from portalctl.changes.removal_limits import guard_of, refusals
from portalctl.errors import BadUsageError
from portalctl.identity import domain_of, normal_address, normal_domain
from portalctl.ids import is_uuid
from portalctl.lookalike import Lookalikes
from portalctl.manifest.model import PortalManifest
from portalctl.portals.models import IF_ANY, Developer, FormAnswer, Scope, Settings, Snapshot
from portalctl.portals.models import Team as LiveTeam
from portalctl.providers.registry import provider_named
from portalctl.reason import Reason
from portalctl.rules.groups import NO_GROUPS, Groups
from portalctl.rules.resolve import Block, Decision, Verdict, resolve
from portalctl.rules.rulebook import Rulebook
from portalctl.rules.trace import TracedRule, developer_rules, domain_rules, team_rules
from portalctl.words import did_you_mean

About = Literal["developer", "domain", "team"]


@dataclass(frozen=True, slots=True)
class Topic:
    """The subject of an explanation. `name` is a normalised address or domain, a team's name or a developer's id."""

    about: About
    name: str

    @property
    def scope(self) -> Scope:
        """The part of the portal to read in addition to what the rules need."""
        return Scope(teams=frozenset({self.name})) if self.about == "team" else Scope()


@dataclass(frozen=True, slots=True)
class Standing:
    """One account, or the account that a sign-up would create (`id` None; `status` is its first status).

    `teams` are its current teams among those that rules name, `awaited` the teams it joins once approved. `verdict`
    is the decision of the rules, `why` the rules behind it, `blocked` the reason why grants have no effect. `changes`
    are those of the plan; for a sign-up, those that the plan would have after it. `answers` are those to the sign-up
    form.
    """

    id: str | None
    developer: str
    status: str
    teams: tuple[str, ...]
    awaited: tuple[str, ...]
    verdict: Verdict
    why: tuple[Reason, ...]
    blocked: Block | None
    changes: tuple[Change, ...]
    notices: tuple[Notice, ...]
    answers: Annotated[tuple[FormAnswer, ...], IF_ANY] = ()


@dataclass(frozen=True, slots=True)
class PortalExplanation:
    """The explanation of one subject on one portal. `observed_at` None: made without a snapshot (`--offline`).

    `live` counts the developers with the address, at the domain or in the team, by status. `changes` are the changes
    of the plan about the subject, `refusals` the refusals of a plan with only these changes.
    """

    name: str
    provider: str
    about: About
    subject: str
    observed_at: str | None
    rules: tuple[TracedRule, ...]
    standings: tuple[Standing, ...]
    live: Mapping[str, int] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    @property
    def ambiguous(self) -> tuple[str, ...]:
        """The ids of accounts that share the address, except rejected ones; none if an override names one by id."""
        if any(standing.blocked == "pin" for standing in self.standings):
            return ()
        ids = tuple(item.id for item in self.standings if item.status != "rejected" and item.id is not None)
        return ids if len(ids) > 1 else ()


def subjects_of(text: str, portals: Iterable[PortalManifest], about: About | None = None) -> tuple[Topic, ...]:
    """Return the possible meanings of a word: an address, a declared team, a domain, or a developer's id.

    Without `about`, meanings that the manifest does not contain count only if it contains none.
    """
    manifests = list(portals)
    named = tuple(_named(text, manifests))
    meanings = tuple(dict.fromkeys((*named, *_unnamed(text, manifests))))
    return tuple(topic for topic in meanings if topic.about == about) if about else named or meanings


def subject_of(text: str, portals: Iterable[PortalManifest], about: About | None = None) -> Topic:
    """Return the meaning of a word. Raises BadUsageError for a word with no meaning or with several."""
    manifests = list(portals)
    subjects = subjects_of(text, manifests, about)
    if not subjects:
        raise _unknown(text, manifests, about)
    if len(subjects) > 1:
        raise BadUsageError(
            f"{text!r} is {' and '.join(f'a {subject.about}' for subject in subjects)} of the manifest",
            "Choose one of them:",
            *(f"  portalctl explain {shlex.quote(text)} --as {subject.about}" for subject in subjects),
        )
    return subjects[0]


def _unknown(text: str, manifests: Iterable[PortalManifest], about: About | None) -> BadUsageError:
    """Return the error for a word with no meaning."""
    if about in {"developer", "domain"}:
        expected = "an address or an id" if about == "developer" else "a name such as example.com"
        return BadUsageError(f"{text!r} is not a valid {about}; expected {expected}")
    teams = tuple(sorted({team.name for portal in manifests for team in portal.teams}))
    kinds = "a team" if about else "an address, a domain or a team"
    return BadUsageError(
        f"{text!r} is not {kinds} of the manifest{did_you_mean(text, teams)}",
        f"Teams of the manifest: {', '.join(teams) or 'none'}",
    )


def _named(text: str, manifests: Sequence[PortalManifest]) -> Iterator[Topic]:
    """Yield the meanings of a word as an address, or as a team, developer or domain named in the manifest."""
    if "@" in text:
        yield Topic("developer", normal_address(text) or text)
    if any(team.name == text for portal in manifests for team in portal.teams):
        yield Topic("team", text)
    if "@" not in text and any(override.developer == text for portal in manifests for override in portal.overrides):
        yield Topic("developer", text)
    domain = normal_domain(text)
    trusted = {rule.domain for portal in manifests for rule in portal.trusted_domains}
    denied = {rule.domain for portal in manifests for rule in portal.denied_domains}
    if domain is not None and domain in trusted | denied:
        yield Topic("domain", domain)


def _unnamed(text: str, manifests: Sequence[PortalManifest]) -> Iterator[Topic]:
    """Yield the meaning of a word that the manifest does not have to contain: a domain, or else an id."""
    domain = normal_domain(text)
    if domain is not None:
        yield Topic("domain", domain)
    elif is_uuid(text):
        yield Topic("developer", text.lower())
    elif text and "@" not in text and any(_has_account_ids(portal) for portal in manifests):
        yield Topic("developer", text)


def _has_account_ids(portal: PortalManifest) -> bool:
    """Return whether developers choose their ids on this portal, so that rules can name them before they sign up."""
    return "account_ids" in provider_named(portal.provider).abilities


def explain_offline(portal: PortalManifest, subject: Topic, today: date) -> PortalExplanation:
    """Return an explanation without a snapshot: the rules, and the changes after a sign-up."""
    empty = Snapshot(
        portal_id=portal.id or "",
        server="",
        settings=Settings(),
        scope=Scope(every_team=True),
        developers=(),
        teams=tuple(LiveTeam(team.name, team.name, team.description) for team in portal.teams),
        members={},
        observed_at="",
    )
    explanation = explain(portal, empty, Difference(), subject, today)
    return replace(explanation, observed_at=None, live={})


def explain(
    portal: PortalManifest,
    snapshot: Snapshot,
    found: Difference,
    subject: Topic,
    today: date,
    *,
    groups: Groups = NO_GROUPS,
) -> PortalExplanation:
    """Return the explanation of a subject.

    Args:
        snapshot: covers `subject.scope`.
        found: the result of `compare` for the same portal, snapshot, day and groups.
    """
    case = _Case(portal, Rulebook.of(portal, today, groups), snapshot, found, today, groups)
    match subject.about:
        case "developer":
            return _developer(case, subject)
        case "domain":
            return _domain(case, subject)
        case "team":
            return _team(case, subject)


def standings_of(
    portal: PortalManifest,
    snapshot: Snapshot,
    found: Difference,
    chosen: Iterable[Developer],
    today: date,
    *,
    groups: Groups = NO_GROUPS,
) -> tuple[Standing, ...]:
    """Return the standings of several accounts of a snapshot. The arguments are those of `explain`."""
    case = _Case(portal, Rulebook.of(portal, today, groups), snapshot, found, today, groups)
    wanted = {account.id: account for account in chosen}
    decisions = {
        account.id: decision for account, decision in resolve(case.book, snapshot.developers) if account.id in wanted
    }
    changes: dict[str, list[Change]] = {}
    for change in found.changes:
        if change.developer is not None and change.developer.id in wanted:
            changes.setdefault(change.developer.id, []).append(change)
    noted = notices(portal, snapshot, found, today)
    return tuple(
        _standing(case, account, decisions[key], changes.get(key, ()), noted) for key, account in wanted.items()
    )


@dataclass(frozen=True, slots=True)
class _Case:
    """The data that an explanation is made from."""

    portal: PortalManifest
    book: Rulebook
    snapshot: Snapshot
    found: Difference
    today: date
    groups: Groups

    def explanation(
        self,
        subject: Topic,
        rules: tuple[TracedRule, ...],
        standings: tuple[Standing, ...],
        live: Iterable[Developer],
        changes: Iterable[Change],
    ) -> PortalExplanation:
        """Return the explanation. `live`: the developers that it is about; `changes`: those about the subject."""
        chosen = tuple(changes)
        guard = guard_of(self.portal, self.today, None, allow_delete=False)
        return PortalExplanation(
            name=self.portal.name,
            provider=self.portal.provider,
            about=subject.about,
            subject=subject.name,
            observed_at=self.snapshot.observed_at,
            rules=rules,
            standings=standings,
            live=dict(sorted(Counter(developer.status for developer in live).items())),
            changes=chosen,
            refusals=tuple(refusals(self.portal, guard, self.snapshot, chosen)),
        )

    def look_alike(self, developer: Developer, decision: Decision) -> Iterator[Notice]:
        """Yield a warning for an unmatched developer at a domain that looks like a trusted one."""
        address = developer.address
        if decision.verdict == "unmatched" and address is not None:
            trusted = Lookalikes(rule.domain for rule in self.portal.trusted_domains).of(domain_of(address))
            if trusted is not None:
                yield Notice("look_alike", "warning", f"{domain_of(address)} looks like trusted {trusted}")


def _developer(case: _Case, subject: Topic) -> PortalExplanation:
    """Return the explanation of a developer: of all accounts with this address, or of a sign-up."""
    accounts = [account for account in case.snapshot.developers if subject.name in _names(account)]
    accounts.sort(key=lambda account: account.status == "rejected")  # of several, the rules are shown for the first
    ids = {account.id for account in accounts}
    decisions = {
        account.id: decision
        for account, decision in resolve(case.book, case.snapshot.developers)
        if account.id in ids
    }
    changes = [
        change
        for change in case.found.changes
        if change.developer is not None and _is_about(change.developer, ids, subject)
    ]
    if accounts:
        noted = notices(case.portal, case.snapshot, case.found, case.today)
        decision = decisions[accounts[0].id]
        standings = [_standing(case, account, decisions[account.id], changes, noted) for account in accounts]
    else:
        newcomer = signed_up(subject.name)
        decision = decision_on(case.book, newcomer)
        can_sign_up = "@" in subject.name or _has_account_ids(case.portal)  # elsewhere the portal chooses the id
        standings = [_after_sign_up(case, newcomer, decision)] if can_sign_up else []
    key, name = (accounts[0].id, accounts[0].name) if accounts else (subject.name, subject.name)
    rules = (*developer_rules(case.book, key, name, decision, case.today), *exclusive_teams(changes))
    return case.explanation(subject, rules, tuple(standings), accounts, changes)


def _names(account: Developer) -> set[str | None]:
    """Return the words that name an account: its id and its address, as it is and normalised."""
    return {account.id, account.email, account.address}


def _domain(case: _Case, subject: Topic) -> PortalExplanation:
    """Return the explanation of a domain, with a sign-up there by a developer that no rule names."""
    newcomer = signed_up(unnamed_at(case.book, subject.name))
    decision = decision_on(case.book, newcomer)
    developers = [
        developer for developer in case.snapshot.developers if domain_of(developer.address or "") == subject.name
    ]
    ids = {developer.id for developer in developers}
    changes = [
        change for change in case.found.changes if change.developer is not None and change.developer.key in ids
    ]
    rules = domain_rules(case.book, subject.name, decision, case.today)
    return case.explanation(subject, rules, (_after_sign_up(case, newcomer, decision),), developers, changes)


def _team(case: _Case, subject: Topic) -> PortalExplanation:
    """Return the explanation of a team and of its members."""
    teams = [team.id for team in case.snapshot.teams if team.name == subject.name]
    ids = {key for team in teams for key in case.snapshot.members.get(team, ())}
    members = [developer for developer in case.snapshot.developers if developer.id in ids]
    changes = [change for change in case.found.changes if change.team == subject.name]
    return case.explanation(subject, team_rules(case.book, subject.name, case.today), (), members, changes)


def _standing(
    case: _Case, developer: Developer, decision: Decision, changes: Iterable[Change], noted: Iterable[Notice]
) -> Standing:
    """Return the standing of an account. `changes` and `noted`: changes and notices, also of other developers."""
    names = {team.id: team.name for team in case.snapshot.teams}
    teams = sorted(names[key] for key, members in case.snapshot.members.items() if developer.id in members)
    own = tuple(notice for notice in noted if notice.developer == developer.name)
    return _with_changes(
        Standing(
            id=developer.id,
            developer=developer.name,
            status=developer.status,
            teams=tuple(teams),
            awaited=tuple(sorted((decision.teams.keys() & case.book.touched_teams()) - set(teams))),
            verdict=decision.verdict,
            why=decision.why,
            blocked=decision.blocked,
            changes=(),
            notices=(*own, *case.look_alike(developer, decision)),
            answers=developer.answers,
        ),
        (change for change in changes if change.developer is not None and change.developer.id == developer.id),
    )


def _with_changes(standing: Standing, changes: Iterable[Change]) -> Standing:
    """Return a standing with its changes.

    Only an account that is not approved yet, and not blocked, awaits teams; teams that it joins now are left out.
    """
    chosen = tuple(changes)
    joined = {change.team for change in chosen if isinstance(change, AddMember)}
    waits = standing.status != "approved" and standing.blocked is None
    awaited = tuple(team for team in standing.awaited if team not in joined) if waits else ()
    return replace(standing, changes=chosen, awaited=awaited)


def _after_sign_up(case: _Case, newcomer: Developer, decision: Decision) -> Standing:
    """Return the standing of a developer who signs up now, with the changes that the plan would then have."""
    snapshot = replace(case.snapshot, developers=(*case.snapshot.developers, newcomer))
    found = compare(case.portal, snapshot, case.today, case.groups)
    changes = [change for change in found.changes if change.developer == Subject(newcomer.email, newcomer.id or None)]
    noted = notices(case.portal, snapshot, found, case.today)
    return _with_changes(replace(_standing(case, newcomer, decision, (), noted), id=None), changes)


def signed_up(name: str) -> Developer:
    """Return a developer who has just signed up with a verified address."""
    return replace(unregistered(name), status="pending", email_verified=True)


def unnamed_at(book: Rulebook, domain: str) -> str:
    """Return an address at a domain that no rule names."""
    stars = 1
    while (address := f"{'*' * stars}@{domain}") in book.named or book.has_group(address):
        stars += 1
    return address


def decision_on(book: Rulebook, developer: Developer) -> Decision:
    """Return what the rules yield for one account, if it is the only one with its address."""
    return next(decision for _, decision in resolve(book, [developer]))


def _is_about(developer: Subject, ids: Collection[str], subject: Topic) -> bool:
    """Return whether a change is about the subject: one of its accounts, or the account created for it."""
    return developer.id in ids or (not ids and subject.name in {developer.id, developer.email})


def exclusive_teams(changes: Iterable[Change]) -> Iterator[TracedRule]:
    """Yield the exclusive teams that a developer leaves because no rule adds them."""
    for change in changes:
        if isinstance(change, RemoveMember) and change.why[0].rule == "teams":
            yield TracedRule(change.why[0], f"exclusive, and no rule adds this developer to {change.team}", "takes")
