"""What all forms of a plan share: changes grouped by developer or team, notices grouped by message, and the figures.

Nothing here is specific to a medium. Where foreign text becomes part of a phrase, the caller passes the function of
`portalctl.output.escaping` that makes it printable there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

from portalctl.changes.operation import Effect, Origin
from portalctl.changes.operations import Change, CreateTeam
from portalctl.changes.order import reading_rank
from portalctl.changes.plan import BaseComparison, Notice, PortalPlan, Refusal, RuleChange, UnruledGrant
from portalctl.changes.removal_limits import gainers, losers
from portalctl.insight.access_review import REMARKS, DeveloperAccess, PortalAccess
from portalctl.insight.explain import PortalExplanation, Standing
from portalctl.portals.models import OUT
from portalctl.providers.registry import provider_named
from portalctl.reason import Reason
from portalctl.rules.blocks import BLOCKED
from portalctl.words import plural

Safe = Callable[[str], str]
Kind = Literal["takes", "gives", "changes"]
Former = Mapping[tuple[str, str | None], tuple[Reason, ...]]  # rules by developer and team; None: the approval

KINDS: Mapping[Effect, Kind] = {"removes": "takes", "grants": "gives", "changes": "changes"}
SIGNS: Mapping[Kind, str] = {"takes": "-", "gives": "+", "changes": "~"}
REMOVAL_LIMITS = frozenset({"removals", "removals_percent", "team_percent"})  # refusals that --allow-removals lifts
RULES = {
    "trusted_domains": "trusted domain",
    "trusted_groups": "trusted group",
    "denied_domains": "denied domain",
    "members": "member list",
    "teams": "team",
    "overrides": "override",
    "access_requests": "access rule for",
    "policy": "policy",
    "protected": "protected",
}
ACTIONS = ("added", "removed", "changed")
ORIGINS: Mapping[Origin, str] = {"change": "from this change", "pending": "not from this change"}
WRITES_PER_SECOND = 25  # 16 in flight, at about 0.6 s each with the look that confirms them
MOST_ALIKE = 20
SHOWN_OF_ALIKE = 3


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """All changes to one developer, or to a team itself, with the same reasons and the same origin.

    `who` is the address or id, or the team's name.
    """

    kind: Kind
    who: str
    about_team: bool
    changes: tuple[Change, ...]

    @property
    def key(self) -> str:
        """Return the developer's id, else the address or the team's name."""
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
    """What one developer keeps after the rules that granted it are gone. `who` is the address or id."""

    who: str
    grants: tuple[UnruledGrant, ...]

    @property
    def why(self) -> tuple[Reason, ...]:
        return self.grants[0].why


@dataclass(frozen=True, slots=True)
class NoticeGroup:
    """One message at one place, and the developers it is about; none: it is about the portal."""

    message: str
    place: str | None
    warning: bool
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """The figures of some plans: developers who gain and who lose access, teams created, e-mails, API writes."""

    gainers: int
    losers: int
    new_teams: int
    mails: int
    writes: int


def effects(changes: Iterable[Change]) -> tuple[ChangeGroup, ...]:
    """Group changes for readers. A developer's removals and grants are separate groups."""
    grouped: dict[tuple[bool, str, bool, tuple[Reason, ...], Origin | None], list[Change]] = {}
    for change in sorted(changes, key=reading_rank):
        key = change.developer.key if change.developer else change.team or ""
        kind = _kind(change) == "takes"
        grouped.setdefault((kind, key, change.developer is None, change.why, change.origin), []).append(change)
    return tuple(
        ChangeGroup(_kind(group[0]), _who(group[0]), group[0].developer is None, tuple(group))
        for group in grouped.values()
    )


def by_rule(changes: Iterable[Change]) -> tuple[ChangeGroup, ...]:
    """Group changes as `effects` does, sorted by their rules in the order of the files.

    Changes that the base's plan has too come last, then those of built-in defaults.
    """
    return tuple(sorted(effects(changes), key=_file_order))


def _file_order(group: ChangeGroup) -> tuple[bool, bool, str, int]:
    first = group.why[0]
    return was_pending(group), first.file is None, first.file or "", first.line or 0


def totals(portals: Iterable[PortalPlan]) -> Totals:
    """Count what the plans of some portals do. A developer counts once for each portal."""
    portals = list(portals)
    return Totals(
        gainers=sum(len(gainers(portal.changes)) for portal in portals),
        losers=sum(len(losers(portal.changes)) for portal in portals),
        new_teams=sum(isinstance(change, CreateTeam) for portal in portals for change in portal.changes),
        mails=sum(portal.summary["mails"] for portal in portals),
        writes=sum(len(portal.changes) for portal in portals),
    )


def of_origin(portal: PortalPlan, origin: Origin) -> PortalPlan:
    """Return a compared plan with its changes of one origin only."""
    return replace(portal, changes=tuple(change for change in portal.changes if change.origin == origin))


def totals_words(count: Totals) -> str:
    """Return all figures: `97 developers gain access, 6 lose access. 11 e-mails, 153 API writes`."""
    return f"{access_words(count)}. {cost_words(count)}"


def access_words(count: Totals, strong: Safe = str) -> str:
    """Return who gains and loses access: `97 developers gain access, 6 lose access, 1 team created`.

    Args:
        strong: sets off the number of developers who lose access.
    """
    parts = [f"{plural(count.gainers, 'developer')} {_verb('gain', count.gainers)} access"] if count.gainers else []
    if count.losers:
        number = f"{count.losers:,}" if parts else plural(count.losers, "developer")
        parts.append(strong(f"{number} {_verb('lose', count.losers)} access"))
    created = [f"{plural(count.new_teams, 'team')} created"] if count.new_teams else []
    return ", ".join([*(parts or ["no developer gains or loses access"]), *created])


def cost_words(count: Totals) -> str:
    """Return what applying takes: `11 e-mails, 153 API writes`."""
    return f"{plural(count.mails, 'e-mail')}, {plural(count.writes, 'API write')}"


def duration_words(writes: int) -> str:
    """Return about how long it takes to send some API writes: `4 s`, `2 min`."""
    seconds = ceil(writes / WRITES_PER_SECOND)
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60):,} min"


def notice_groups(notices: Iterable[Notice]) -> tuple[NoticeGroup, ...]:
    """Group notices with one message at one place."""
    groups: dict[tuple[str, str | None, bool], list[str]] = {}
    for notice in notices:
        place = f"{notice.file}:{notice.line}" if notice.file else None
        named = groups.setdefault((notice.message, place, notice.severity == "warning"), [])
        if notice.developer:
            named.append(notice.developer)
    return tuple(NoticeGroup(*key, tuple(named)) for key, named in groups.items())


def left_alone(portal: PortalPlan) -> tuple[str, ...]:
    """Return how many developers the plan does nothing for, and why."""
    unmanaged, awaited = portal.summary["unmanaged"], portal.summary["awaited"]
    unmatched = f"{plural(unmanaged, 'developer')} {'matches' if unmanaged == 1 else 'match'} no rule"
    lines = [f"{unmatched}; unchanged (policy.unmatched: keep)"] if unmanaged else []
    waits = f"{plural(awaited, 'developer')} awaited: named by a rule, not signed up or not approved yet"
    return (*lines, waits) if awaited else tuple(lines)


def what(effect: ChangeGroup, safe: Safe, most: int | None = None) -> str:
    """Return what happens in words: `pending → approved, joins reds`; beyond `most` changes, how many more."""
    return _listed([change.words(change.would, safe) for change in effect.changes[:most]], len(effect.changes))


def was_pending(effect: ChangeGroup) -> bool:
    """Return whether the base's plan has these changes too. They come after those that the reviewer decides on."""
    return effect.origin == "pending"


def origin_of(origin: Origin, request: str = "change") -> str:
    """Return `from this pull request`, or `not from this pull request`; `request` is the word for the change."""
    return ORIGINS[origin].replace("change", request)


def former_rules(base: BaseComparison | None) -> Former:
    """Return the base's rules of access that is removed, by developer and team (None: the approval)."""
    return {(grant.developer.key, grant.team): grant.why for grant in base.lost} if base is not None else {}


def until_now(effect: ChangeGroup, former: Former) -> tuple[Reason, ...]:
    """Return the base's rules, gone now, that granted what a group of changes removes."""
    if effect.kind != "takes" or effect.about_team or not former:
        return ()
    found = (former.get((effect.key, change.team), ()) for change in effect.changes)
    return tuple(dict.fromkeys(why for reasons in found for why in reasons))


def rule_counts(rules: Sequence[RuleChange]) -> str:
    """Return `Rules: 1 added, 2 removed`."""
    counts: Counter[str] = Counter(rule.action for rule in rules)
    return f"Rules: {', '.join(f'{counts[action]:,} {action}' for action in ACTIONS if counts[action])}"


def rule_values(change: RuleChange, safe: Safe, most: int | None = None) -> str:
    """Return the values that differ, old and new: `teams: reds → reds, city; expires: none → 2027-01-31`."""
    keys = list(dict.fromkeys((*change.before, *change.after)))
    one = change.before if change.action == "removed" else change.after
    words = [
        f"{safe(key)}: {_value(change.before, key, safe)} → {_value(change.after, key, safe)}"
        if change.action == "changed"
        else f"{safe(key)}: {safe(one[key])}"
        for key in keys[:most]
    ]
    return "; ".join([*words, *([f"{len(keys) - len(words):,} more keys"] if len(keys) > len(words) else [])])


def _value(values: Mapping[str, str], key: str, safe: Safe) -> str:
    return safe(values[key]) if values.get(key) else "none"


def refused_words(portal: PortalPlan | PortalExplanation, safe: Safe) -> str:
    """Return the heading of a plan's refusals."""
    return f"Refused: no changes will be made to {safe(portal.name)}"


def by_count(count: int, one: str, many: str) -> str:
    """Return the words for one, or those for many."""
    return one if count == 1 else many


def origin_note(about: ChangeGroup | Refusal) -> str:
    """Return ` (not from this change)` where a plan was compared with a base, else nothing."""
    return f" ({ORIGINS[about.origin]})" if about.origin is not None else ""


def origin_words(portals: Iterable[PortalPlan]) -> str:
    """Return `3 from this change, 2 not from this change`; nothing for plans without a base."""
    compared = [portal.summary for portal in portals if portal.base is not None]
    count = {key: sum(summary.get(key, 0) for summary in compared) for key in ("from_change", "already_pending")}
    if not compared:
        return ""
    here, elsewhere = ORIGINS["change"], ORIGINS["pending"]
    return f"{count['from_change']:,} {here}, {count['already_pending']:,} {elsewhere}"


def kept(grants: Iterable[UnruledGrant]) -> tuple[Kept, ...]:
    """Group what developers keep: one group for each developer and the rules it came from, in the order given."""
    grouped: dict[tuple[str, tuple[Reason, ...]], list[UnruledGrant]] = {}
    for grant in grants:
        grouped.setdefault((grant.developer.key, grant.why), []).append(grant)
    return tuple(Kept(group[0].developer.name, tuple(group)) for group in grouped.values())


def keeps(person: Kept, safe: Safe, most: int | None = None) -> str:
    """Return `stays approved, in reds`; beyond `most` grants, how many more."""
    words = ["approved" if grant.team is None else f"in {safe(grant.team)}" for grant in person.grants[:most]]
    return f"stays {_listed(words, len(person.grants))}"


def unruled_words(unruled: Iterable[UnruledGrant]) -> str:
    """Return how many developers keep what no rule grants: `3 developers stay approved without a rule`."""
    approved, in_teams = _approved_and_members(unruled)
    parts = []
    if approved:
        parts.append(f"{plural(approved, 'developer')} {_verb('stay', approved)} approved without a rule")
    if in_teams:
        parts.append(f"{plural(in_teams, 'developer')} {_verb('stay', in_teams)} in a team without a rule")
    return ", ".join(parts)


def unruled_advice(unruled: Iterable[UnruledGrant], provider: str, code: Safe) -> str:
    """Return what to write to remove that access on portals of this provider.

    Args:
        code: sets off a key of the manifest.
    """
    approved, in_teams = _approved_and_members(unruled)
    lines = ["Deleting a rule removes no access."]
    if approved:
        denial = f"{code('denied_domains')}, or an override with {code('status: revoked')}"
        deletion = f"an override with {code('status: absent')}, which deletes the account"
        rules = denial if "revoked" in provider_named(provider).statuses else deletion
        lines.append(f"To remove it, write {rules}.")
    if in_teams:
        rules = f"{code('membership: exclusive')} with its {code('members')}, or an override with {code('teams')}"
        lines.append(f"To remove developers from a team, write {rules}.")
    return " ".join(lines)


def _verb(verb: str, count: int) -> str:
    return f"{verb}s" if count == 1 else verb


def _approved_and_members(unruled: Iterable[UnruledGrant]) -> tuple[int, int]:
    """Return how many developers keep their approval, and how many only teams."""
    grants = tuple(unruled)
    approved = {grant.developer.key for grant in grants if grant.team is None}
    return len(approved), len({grant.developer.key for grant in grants} - approved)


def digest_words(digest: str | None, safe: Safe) -> str:
    """Return a digest, or why none is shown."""
    return safe(digest) if digest is not None else "not shown (set PORTALCTL_MASK_KEY)"


def place(why: Reason) -> str | None:
    """Return where a rule is written, as `file:line`; None for a built-in default."""
    return f"{why.file}:{why.line}" if why.file is not None else None


def rule(why: Reason, safe: Safe) -> str:
    """Return the rule in words: `trusted domain liverpoolfc.com`. The developer that a rule names is left out."""
    if why.directory is not None:
        return safe(f"{'trusted group' if why.rule == 'trusted_groups' else 'group'} {why.value}")
    return RULES[why.rule] if why.rule in {"overrides", "members"} else f"{RULES[why.rule]} {safe(why.value)}"


def unchanged_words(standing: Standing) -> str:
    """Return why a developer's status does not change."""
    if standing.blocked is not None:
        return BLOCKED[standing.blocked][1]
    match standing.verdict:
        case "unmatched":
            return "no rule matches"
        case "silent":
            return "no rule decides the status"
        case "approved" if standing.status in OUT:
            return "the rules would approve, and reinstate is off"
        case "denied":
            return "the rules deny access"
        case verdict:
            return f"the rules yield {verdict}"


def access_counts(portal: PortalAccess) -> Iterator[tuple[int, str, Kind | None]]:
    """Yield the figures of an access review: approvals by a rule and by none, other statuses, marks."""
    approved = [developer for developer in portal.developers if developer.status == "approved"]
    by_rule = sum(bool(developer.approved_by) for developer in approved)
    yield by_rule, "approved by a rule", None
    yield len(approved) - by_rule, "approved by no rule", "takes"
    others = Counter(each.status for each in portal.developers if each.status not in {"approved", "absent"})
    yield from ((count, status, None) for status, count in sorted(others.items()))
    marks = Counter(mark for developer in portal.developers for mark in developer.remarks)
    yield from ((marks[mark], f"{mark}: {words}", "takes") for mark, words in REMARKS.items() if marks[mark])


def approval(developer: DeveloperAccess) -> str:
    """Return what approved a developer: `trusted domain arsenal.com`, `no rule`; nothing if not approved."""
    if developer.status != "approved":
        return ""
    return "; ".join(rule(why, str) for why in developer.approved_by) or "no rule"


def rule_named(why: Reason, safe: Safe) -> str:
    """Return the rule in words, with the developer that it names: `override ann@example.com`."""
    return f"{RULES.get(why.rule) or safe(why.rule)} {safe(why.value)}"


def _listed(words: Sequence[str], total: int) -> str:
    return ", ".join([*words, *([f"{total - len(words):,} more"] if total > len(words) else [])])


def _who(change: Change) -> str:
    return change.developer.name if change.developer else change.team or ""


def _kind(change: Change) -> Kind:
    return KINDS[change.effect]
