"""What every form of a plan shares: changes grouped into what happens to one person or team, and notices by what
they say.

Nothing here is made for a medium. Where foreign text becomes part of a phrase, the caller gives the function of
`report.safe` that makes it printable there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from portalctl.changes.guard import losers
from portalctl.changes.operation import Effect, Origin
from portalctl.changes.operations import Change, CreateTeam
from portalctl.changes.order import reading_rank
from portalctl.changes.plan import Notice, PortalPlan, Refusal, UnruledGrant
from portalctl.providers.registry import provider_named
from portalctl.reason import Reason
from portalctl.words import people, plural

Safe = Callable[[str], str]
Kind = Literal["takes", "gives", "changes"]

KINDS: Mapping[Effect, Kind] = {"removes": "takes", "grants": "gives", "changes": "changes"}
SIGNS: Mapping[Kind, str] = {"takes": "-", "gives": "+", "changes": "~"}
BRAKE = frozenset({"removals", "removals_percent", "team_percent"})  # refusals that --allow-removals lifts
RULES = {
    "trusted_domains": "trusted domain",
    "denied_domains": "denied domain",
    "members": "member list",
    "teams": "team",
    "overrides": "override",
    "access_requests": "access rule for",
    "policy": "policy",
}
ORIGINS: Mapping[Origin, str] = {"change": "from this change", "pending": "already pending"}
MOST_ALIKE = 20
SHOWN_OF_ALIKE = 3


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """What happens to one person, or to a team itself, by the same rules and of the same origin.

    `who` is the address or id, or the team's name.
    """

    kind: Kind
    who: str
    about_team: bool
    changes: tuple[Change, ...]

    @property
    def key(self) -> str:
        """What tells developers, or teams, apart."""
        developer = self.changes[0].developer
        return developer.key if developer is not None else self.who

    @property
    def why(self) -> tuple[Reason, ...]:
        return self.changes[0].why

    @property
    def origin(self) -> Origin | None:
        return self.changes[0].origin

    @property
    def teams(self) -> tuple[str, ...]:
        return tuple(change.team for change in self.changes if change.team is not None)


@dataclass(frozen=True, slots=True)
class Kept:
    """What one person keeps though the same rules that gave it are gone. `who` is the address or id."""

    who: str
    grants: tuple[UnruledGrant, ...]

    @property
    def why(self) -> tuple[Reason, ...]:
        return self.grants[0].why


@dataclass(frozen=True, slots=True)
class NoticeGroup:
    """One thing that is said, at one place, and of whom (empty: of the portal)."""

    message: str
    place: str | None
    warning: bool
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """Of some portals: people who gain something, people who lose something, teams to be made, mails and writes.

    `gains` are people and teams that are given something.
    """

    gains: int
    gainers: int
    losers: int
    new_teams: int
    mails: int
    writes: int


def effects(changes: Iterable[Change]) -> tuple[ChangeGroup, ...]:
    """Group changes for people to read. Removals from a developer stand apart from grants to the same developer."""
    grouped: dict[tuple[bool, str, bool, tuple[Reason, ...], Origin | None], list[Change]] = {}
    for change in sorted(changes, key=reading_rank):
        key = change.developer.key if change.developer else change.team or ""
        kind = _kind(change) == "takes"
        grouped.setdefault((kind, key, change.developer is None, change.why, change.origin), []).append(change)
    groups = grouped.values()
    return tuple(
        ChangeGroup(_kind(each[0]), _who(each[0]), each[0].developer is None, tuple(each)) for each in groups
    )


def totals(portals: Iterable[PortalPlan]) -> Totals:
    portals = list(portals)
    given = {
        (portal.name, change.developer is not None, change.developer.key if change.developer else change.team)
        for portal in portals
        for change in portal.changes
        if _kind(change) == "gives"
    }
    return Totals(
        gains=len(given),
        gainers=sum(is_person for _, is_person, _ in given),
        losers=sum(len(losers(portal.changes)) for portal in portals),
        new_teams=sum(isinstance(change, CreateTeam) for portal in portals for change in portal.changes),
        mails=sum(portal.summary["mails"] for portal in portals),
        writes=sum(len(portal.changes) for portal in portals),
    )


def of_origin(portal: PortalPlan, origin: Origin) -> PortalPlan:
    """The part of a compared plan that is of this origin, as far as its changes go."""
    return replace(portal, changes=tuple(change for change in portal.changes if change.origin == origin))


def totals_words(count: Totals) -> str:
    """`3 to give, 1 person loses something, 2 mails`; the writes are left to the caller."""
    return f"{count.gains:,} to give, {loss_words(count)}, {plural(count.mails, 'mail')}"


def gain_words(count: Totals) -> str:
    """`2 people gain something, 1 new team`; empty where there is neither."""
    verb = "gains" if count.gainers == 1 else "gain"
    who = [f"{people(count.gainers)} {verb} something"] if count.gainers else []
    return ", ".join([*who, *([plural(count.new_teams, "new team")] if count.new_teams else [])])


def loss_words(count: Totals) -> str:
    verb = "loses" if count.losers == 1 else "lose"
    return f"{people(count.losers)} {verb} something" if count.losers else "nobody loses anything"


def notice_groups(notices: Iterable[Notice]) -> tuple[NoticeGroup, ...]:
    groups: dict[tuple[str, str | None, bool], list[str]] = {}
    for notice in notices:
        place = f"{notice.file}:{notice.line}" if notice.file else None
        named = groups.setdefault((notice.message, place, notice.severity == "warning"), [])
        if notice.developer:
            named.append(notice.developer)
    return tuple(NoticeGroup(*key, tuple(named)) for key, named in groups.items())


def left_alone(portal: PortalPlan) -> tuple[str, ...]:
    """Whom the plan does nothing for, counted."""
    unmanaged, awaited = portal.summary["unmanaged"], portal.summary["awaited"]
    said = [f"{people(unmanaged)} no rule speaks of (policy.unmatched: keep)"] if unmanaged else []
    waits = f"{people(awaited)} awaited: named by a rule, not signed up or not approved yet"
    return (*said, waits) if awaited else tuple(said)


def what(effect: ChangeGroup, safe: Safe, most: int | None = None) -> str:
    """What happens, in words: `pending → approved, joins reds`; beyond `most` changes, how many more there are."""
    return _listed([change.words(change.would, safe) for change in effect.changes[:most]], len(effect.changes))


def was_pending(effect: ChangeGroup) -> bool:
    """What the change under review does is what its reviewer is asked about: it stands before what was pending."""
    return effect.origin == "pending"


def origin_note(about: ChangeGroup | Refusal) -> str:
    """Whose doing it is, to be put behind what is said of it; empty where that is not known."""
    return f" ({ORIGINS[about.origin]})" if about.origin is not None else ""


def origin_words(portals: Iterable[PortalPlan]) -> str:
    """`3 from this change, 2 already pending`; nothing where the plans were compared with no base."""
    compared = [portal.summary for portal in portals if portal.base is not None]
    count = {key: sum(summary.get(key, 0) for summary in compared) for key in ("from_change", "already_pending")}
    if not compared:
        return ""
    return f"{count['from_change']:,} from this change, {count['already_pending']:,} already pending"


def kept(grants: Iterable[UnruledGrant]) -> tuple[Kept, ...]:
    """In the order given, what one person keeps of the same rules together."""
    grouped: dict[tuple[str, tuple[Reason, ...]], list[UnruledGrant]] = {}
    for grant in grants:
        grouped.setdefault((grant.developer.key, grant.why), []).append(grant)
    return tuple(Kept(group[0].developer.name, tuple(group)) for group in grouped.values())


def keeps(person: Kept, safe: Safe, most: int | None = None) -> str:
    """In words: `stays approved, in reds`; beyond `most` grants, how many more there are."""
    words = ["approved" if grant.team is None else f"in {safe(grant.team)}" for grant in person.grants[:most]]
    return f"stays {_listed(words, len(person.grants))}"


def unruled_words(unruled: Iterable[UnruledGrant]) -> str:
    """`3 people lose their last rule and stay live`, and how many keep a team only."""
    live, in_teams = _approved_and_members(unruled)
    said = []
    if live:
        said.append(f"{people(live)} {_verb('lose', live)} their last rule and {_verb('stay', live)} live")
    if in_teams:
        said.append(f"{people(in_teams)} {_verb('stay', in_teams)} in a team by no rule")
    return ", ".join(said)


def unruled_advice(unruled: Iterable[UnruledGrant], provider: str, code: Safe) -> str:
    """What that means, and what to write on this kind of portal where more was meant; `code` sets off a key."""
    live, in_teams = _approved_and_members(unruled)
    said = ["None of this is taken away."]
    if live:
        denial = f"{code('denied_domains')}, or an override with {code('status: revoked')}"
        deletion = f"an override with {code('status: absent')}, which deletes the account"
        rules = denial if "revoked" in provider_named(provider).statuses else deletion
        said.append(f"Who shall lose access needs a rule that says so: {rules}.")
    if in_teams:
        rules = f"{code('membership: exclusive')} with its {code('members')}, or an override with {code('teams')}"
        said.append(f"Who shall leave a team needs {rules}.")
    return " ".join(said)


def _verb(verb: str, count: int) -> str:
    return f"{verb}s" if count == 1 else verb


def _approved_and_members(unruled: Iterable[UnruledGrant]) -> tuple[int, int]:
    """How many people keep their approval, and how many only teams."""
    grants = tuple(unruled)
    live = {grant.developer.key for grant in grants if grant.team is None}
    return len(live), len({grant.developer.key for grant in grants} - live)


def digest_words(digest: str | None, safe: Safe) -> str:
    """A digest, or why none is shown."""
    return safe(digest) if digest is not None else "not shown (set PORTALCTL_MASK_KEY)"


def place(why: Reason) -> str | None:
    """Where a rule stands, as `file:line`; None for a built-in default."""
    return f"{why.file}:{why.line}" if why.file is not None else None


def rule(why: Reason, safe: Safe) -> str:
    """The rule in words: `trusted domain liverpoolfc.com`. Rules that name a person are not told with the name."""
    return RULES[why.rule] if why.rule in {"overrides", "members"} else f"{RULES[why.rule]} {safe(why.value)}"


def _listed(words: Sequence[str], total: int) -> str:
    return ", ".join([*words, *([f"{total - len(words):,} more"] if total > len(words) else [])])


def _who(change: Change) -> str:
    return change.developer.name if change.developer else change.team or ""


def _kind(change: Change) -> Kind:
    return KINDS[change.effect]
