"""What the rules say of one person, domain or team: all that speak, which one decides, and what follows. Pure.

Decisions and changes are those of the plan, looked up and never made again: for someone who has no account they are
those that the plan would have if they signed up now.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

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
from portalctl.portals.models import Developer, Scope, Settings, Snapshot
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
    """What is to be explained. `name` is a normal address or domain, a team's name, or what was given as it is."""

    about: About
    name: str

    @property
    def scope(self) -> Scope:
        """What has to be read beyond what the rules need."""
        return Scope(teams=frozenset({self.name})) if self.about == "team" else Scope()


@dataclass(frozen=True, slots=True)
class Standing:
    """One registration, live or supposed (`id` None: nobody has signed up; `status` is what they would begin with).

    `teams` are the live ones among those that rules touch, `awaited` those that wait for them to be approved. `why`
    is behind the verdict; `blocked` says why grants fall away. `changes` are those of the plan: where the
    registration is supposed, what it would add to it.
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


@dataclass(frozen=True, slots=True)
class PortalExplanation:
    """`observed_at` None: no portal was asked, and nothing is known of what is live.

    `live` counts the people it is about by status: of the address or the domain, or in the team. `changes` are those
    of the plan that are about the subject, with what would refuse a plan of them alone.
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
        """The ids of accounts that no rule can tell apart; none where one is meant. A rejected one does not count."""
        if any(standing.blocked == "pin" for standing in self.standings):
            return ()
        counting = (each for each in self.standings if each.status != "rejected")
        ids = tuple(each.id for each in counting if each.id is not None)
        return ids if len(ids) > 1 else ()


def subjects_of(text: str, portals: Iterable[PortalManifest], about: About | None = None) -> tuple[Topic, ...]:
    """What a word on the command line may mean: an address, a declared team, a domain, or a developer's id.

    Where it is not said what it is `about`, what the manifest speaks of goes before what it doesn't.
    """
    known = list(portals)
    named = tuple(_named(text, known))
    meanings = tuple(dict.fromkeys((*named, *_unnamed(text, known))))
    return tuple(each for each in meanings if each.about == about) if about else named or meanings


def subject_of(text: str, portals: Iterable[PortalManifest], about: About | None = None) -> Topic:
    """Return what a word means. Raises BadUsageError where it is nothing that could be known, or several things."""
    known = list(portals)
    fitting = subjects_of(text, known, about)
    if not fitting:
        raise _unknown(text, known, about)
    if len(fitting) > 1:
        raise BadUsageError(
            f"{text!r} is {' and '.join(f'a {subject.about}' for subject in fitting)} of the manifest",
            "say which is meant",
            *(f"  portalctl explain {shlex.quote(text)} --as {subject.about}" for subject in fitting),
        )
    return fitting[0]


def _unknown(text: str, known: Iterable[PortalManifest], about: About | None) -> BadUsageError:
    if about in {"developer", "domain"}:
        names = "an address or an id" if about == "developer" else "a name such as example.com"
        return BadUsageError(f"{text!r} can't be a {about}: {names} is one")
    teams = tuple(sorted({team.name for portal in known for team in portal.teams}))
    what = "no team" if about else "no address, no domain and no team"
    return BadUsageError(
        f"{text!r} is {what} of the manifest{did_you_mean(text, teams)}",
        f"its teams: {', '.join(teams) or 'none'}",
    )


def _named(text: str, known: Sequence[PortalManifest]) -> Iterator[Topic]:
    """An address, and what the manifest knows by this name."""
    if "@" in text:
        yield Topic("developer", normal_address(text) or text)
    if any(team.name == text for portal in known for team in portal.teams):
        yield Topic("team", text)
    if "@" not in text and any(override.developer == text for portal in known for override in portal.overrides):
        yield Topic("developer", text)
    domain = normal_domain(text)
    trusted = {rule.domain for portal in known for rule in portal.trusted_domains}
    if domain is not None and domain in trusted | {rule.domain for portal in known for rule in portal.denied_domains}:
        yield Topic("domain", domain)


def _unnamed(text: str, known: Sequence[PortalManifest]) -> Iterator[Topic]:
    """What no rule has to name: a domain, or else an id."""
    domain = normal_domain(text)
    if domain is not None:
        yield Topic("domain", domain)
    elif is_uuid(text):
        yield Topic("developer", text.lower())
    elif text and "@" not in text and any(_names_ids(portal) for portal in known):
        yield Topic("developer", text)


def _names_ids(portal: PortalManifest) -> bool:
    """Return whether developers of this portal have ids that people choose, and that rules can name."""
    return "account_ids" in provider_named(portal.provider).abilities


def explain_offline(portal: PortalManifest, subject: Topic, today: date) -> PortalExplanation:
    """Without a portal: what the rules say, and what would become of someone who signs up."""
    nobody = Snapshot(
        portal_id=portal.id or "",
        server="",
        settings=Settings(),
        scope=Scope(every_team=True),
        developers=(),
        teams=tuple(LiveTeam(team.name, team.name, team.description) for team in portal.teams),
        members={},
        observed_at="",
    )
    told = explain(portal, nobody, Difference(), subject, today)
    return replace(told, observed_at=None, live={})


def explain(
    portal: PortalManifest,
    snapshot: Snapshot,
    found: Difference,
    subject: Topic,
    today: date,
    *,
    groups: Groups = NO_GROUPS,
) -> PortalExplanation:
    """`found` is what `compare` gave for the same portal, snapshot, day and groups; the snapshot covers
    `subject.scope`."""
    case = _Case(portal, Rulebook.of(portal, today, groups), snapshot, found, today, groups)
    match subject.about:
        case "developer":
            return _person(case, subject)
        case "domain":
            return _domain(case, subject)
        case "team":
            return _team(case, subject)


@dataclass(frozen=True, slots=True)
class _Case:
    """Everything that an explanation draws on."""

    portal: PortalManifest
    book: Rulebook
    snapshot: Snapshot
    found: Difference
    today: date
    groups: Groups

    def told(
        self,
        subject: Topic,
        rules: tuple[TracedRule, ...],
        standings: tuple[Standing, ...],
        live: Iterable[Developer],
        changes: Iterable[Change],
    ) -> PortalExplanation:
        """`live`: the people it is about; `changes`: those of the plan."""
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
            live=dict(sorted(Counter(each.status for each in live).items())),
            changes=chosen,
            refusals=tuple(refusals(self.portal, guard, self.snapshot, chosen)),
        )

    def looks_alike(self, person: Developer, decision: Decision) -> Iterator[Notice]:
        """A warning where somebody no rule speaks of is at a domain that one could take for a trusted one."""
        address = person.address
        if decision.verdict == "unmatched" and address is not None:
            trusted = Lookalikes(rule.domain for rule in self.portal.trusted_domains).of(domain_of(address))
            if trusted is not None:
                yield Notice("look_alike", "warning", f"{domain_of(address)} looks like trusted {trusted}")


def _person(case: _Case, subject: Topic) -> PortalExplanation:
    here = [each for each in case.snapshot.developers if subject.name in {each.id, each.email, each.address}]
    here.sort(key=lambda account: account.status == "rejected")  # of several, the rules are shown for the first
    ids = {each.id for each in here}
    decisions = {
        each.id: decision for each, decision in resolve(case.book, case.snapshot.developers) if each.id in ids
    }
    notes = notices(case.portal, case.snapshot, case.found, case.today)
    changes = [
        each for each in case.found.changes if each.developer is not None and _is(each.developer, ids, subject)
    ]
    if not here:
        supposed = _sign_up(subject.name)
        decision = _decided(case.book, supposed)
        signs_up = "@" in subject.name or _names_ids(case.portal)  # elsewhere nobody chooses an id
        standings = [_supposed(case, supposed, decision)] if signs_up else []
    else:
        decision = decisions[here[0].id]
        standings = [_standing(case, each, decisions[each.id], changes, notes) for each in here]
    key, name = (here[0].id, here[0].email or here[0].id) if here else (subject.name, subject.name)
    rules = (*developer_rules(case.book, key, name, decision, case.today), *exclusive_teams(changes))
    return case.told(subject, rules, tuple(standings), here, changes)


def _domain(case: _Case, subject: Topic) -> PortalExplanation:
    """What holds for whoever signs up from there, as someone whom no rule names."""
    stars = 1
    while (address := f"{'*' * stars}@{subject.name}") in case.book.named:  # that may be a person too
        stars += 1
    anybody = _sign_up(address)
    decision = _decided(case.book, anybody)
    here = [each for each in case.snapshot.developers if domain_of(each.address or "") == subject.name]
    ids = {each.id for each in here}
    changes = [each for each in case.found.changes if each.developer is not None and each.developer.key in ids]
    rules = domain_rules(case.book, subject.name, decision, case.today)
    return case.told(subject, rules, (_supposed(case, anybody, decision),), here, changes)


def _team(case: _Case, subject: Topic) -> PortalExplanation:
    teams = [team.id for team in case.snapshot.teams if team.name == subject.name]
    ids = {key for team in teams for key in case.snapshot.members.get(team, ())}
    here = [each for each in case.snapshot.developers if each.id in ids]
    changes = [each for each in case.found.changes if each.team == subject.name]
    return case.told(subject, team_rules(case.book, subject.name, case.today), (), here, changes)


def _standing(
    case: _Case, person: Developer, decision: Decision, changes: Iterable[Change], notes: Iterable[Notice]
) -> Standing:
    names = {team.id: team.name for team in case.snapshot.teams}
    inside = sorted(names[key] for key, who in case.snapshot.members.items() if person.id in who)
    about = tuple(each for each in notes if each.developer == person.name)
    return _with_changes(
        Standing(
            id=person.id,
            developer=person.name,
            status=person.status,
            teams=tuple(inside),
            awaited=tuple(sorted((decision.teams.keys() & case.book.touched_teams()) - set(inside))),
            verdict=decision.verdict,
            why=decision.why,
            blocked=decision.blocked,
            changes=(),
            notices=(*about, *case.looks_alike(person, decision)),
        ),
        (each for each in changes if each.developer is not None and each.developer.id == person.id),
    )


def _with_changes(standing: Standing, changes: Iterable[Change]) -> Standing:
    """With its changes. What one of them joins is awaited no more; nor is anything by who is in, or gets nothing."""
    chosen = tuple(changes)
    joined = {change.team for change in chosen if isinstance(change, AddMember)}
    waits = standing.status != "approved" and standing.blocked is None
    awaited = tuple(team for team in standing.awaited if team not in joined) if waits else ()
    return replace(standing, changes=chosen, awaited=awaited)


def _supposed(case: _Case, person: Developer, decision: Decision) -> Standing:
    """What the plan would have for somebody who signs up now."""
    with_them = replace(case.snapshot, developers=(*case.snapshot.developers, person))
    found = compare(case.portal, with_them, case.today, case.groups)
    changes = [each for each in found.changes if each.developer == Subject(person.email, person.id or None)]
    notes = notices(case.portal, with_them, found, case.today)
    return _with_changes(replace(_standing(case, person, decision, (), notes), id=None), changes)


def _sign_up(name: str) -> Developer:
    """Somebody who has just signed up, and whose address is verified."""
    return replace(unregistered(name), status="pending", email_verified=True)


def _decided(book: Rulebook, person: Developer) -> Decision:
    return next(decision for _, decision in resolve(book, [person]))


def _is(person: Subject, ids: Collection[str], subject: Topic) -> bool:
    """Whether a change is about the subject: by account, or by the name that an account is made for."""
    return person.id in ids or (not ids and subject.name in {person.id, person.email})


def exclusive_teams(changes: Iterable[Change]) -> Iterator[TracedRule]:
    """The exclusive teams that a person leaves because no rule puts them there."""
    for each in changes:
        if isinstance(each, RemoveMember) and each.why[0].rule == "teams":
            yield TracedRule(each.why[0], f"exclusive, and no rule puts this person into {each.team}", "takes")
