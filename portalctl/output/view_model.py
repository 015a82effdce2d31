"""The content that all forms of a document share: grouped changes and notices, figures, and phrases.

Nothing here is specific to a form. Where text from outside becomes part of a phrase, the caller passes the function
of `portalctl.output.escaping` that makes it printable in that form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil

from portalctl.changes.operation import Effect, Origin
from portalctl.changes.operations import Change, CreateTeam
from portalctl.changes.order import reading_rank
from portalctl.changes.pending_ages import PendingAges
from portalctl.changes.plan import BaseComparison, Notice, PortalPlan, Refusal, RuleChange, UnruledGrant
from portalctl.changes.removal_limits import gainers, losers
from portalctl.changes.submitted_forms import SubmittedForm
from portalctl.insight.access_review import REMARKS, DeveloperAccess, PortalAccess
from portalctl.insight.explain import PortalExplanation, Standing
from portalctl.portals.models import OUT, FormAnswer
from portalctl.providers.registry import provider_named
from portalctl.reason import Reason
from portalctl.rules.blocks import BLOCKED
from portalctl.words import age_words, plural, shortened

Safe = Callable[[str], str]
Former = Mapping[tuple[str, str | None], tuple[Reason, ...]]  # rules by developer and team; None: the approval

SIGNS: Mapping[Effect, str] = {"removes": "-", "grants": "+", "changes": "~"}
HEADINGS: Mapping[Effect, str] = {"removes": "Removals", "grants": "Grants", "changes": "Other changes"}
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
    "undo": "undo of the apply of",
    "protected": "protected",
}
ACTIONS = ("added", "removed", "changed")
ORIGINS: Mapping[Origin, str] = {"change": "from this change", "pending": "not from this change"}
WRITES_PER_SECOND = 25  # 16 in flight, at about 0.6 s each including the read that confirms them
OLD = timedelta(hours=1)  # younger pending sign-ups are not mentioned
MOST_ALIKE = 20  # equal rows that are all shown
SHOWN_OF_ALIKE = 3  # rows shown of more equal ones
SUBMITTED = "Answers of pending sign-ups and requests"
MOST_SUBMITTED = 20  # forms shown in a text
MOST_ANSWERS = 10  # answers shown of one form, and values of one answer
LONGEST_ANSWER = 120  # characters


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """Removals, or grants and other changes, of one developer or team, with the same reasons and origin.

    `effect` is that of the first change. `name` is the developer's address or id, or the team's name.
    """

    effect: Effect
    name: str
    about_team: bool
    changes: tuple[Change, ...]

    @property
    def key(self) -> str:
        """The developer's id, else the address or the team's name."""
        developer = self.changes[0].developer
        return developer.key if developer is not None else self.name

    @property
    def why(self) -> tuple[Reason, ...]:
        """The reasons of the changes."""
        return self.changes[0].why

    @property
    def origin(self) -> Origin | None:
        """The origin of the changes, None in a plan without a base."""
        return self.changes[0].origin

    @property
    def teams(self) -> tuple[str, ...]:
        """The teams that the changes are about."""
        return tuple(change.team for change in self.changes if change.team is not None)


@dataclass(frozen=True, slots=True)
class KeptAccess:
    """The access that a developer keeps without a rule, after the rules that granted it were deleted.

    `name` is the developer's address or id.
    """

    name: str
    grants: tuple[UnruledGrant, ...]

    @property
    def why(self) -> tuple[Reason, ...]:
        """The deleted rules."""
        return self.grants[0].why


@dataclass(frozen=True, slots=True)
class NoticeGroup:
    """Notices with one message and one place, and the developers they are about; none: about the portal."""

    message: str
    place: str | None
    warning: bool
    developers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """The figures of plans: developers who gain and who lose access, created teams, e-mails, API writes."""

    gainers: int
    losers: int
    new_teams: int
    mails: int
    writes: int


def change_groups(changes: Iterable[Change]) -> tuple[ChangeGroup, ...]:
    """Group changes for display. A developer's removals and grants are separate groups."""
    grouped: dict[tuple[bool, str, bool, tuple[Reason, ...], Origin | None], list[Change]] = {}
    for change in sorted(changes, key=reading_rank):
        key = change.developer.key if change.developer else change.team or ""
        removes = change.effect == "removes"
        grouped.setdefault((removes, key, change.developer is None, change.why, change.origin), []).append(change)
    return tuple(
        ChangeGroup(group[0].effect, _name(group[0]), group[0].developer is None, tuple(group))
        for group in grouped.values()
    )


def by_rule(changes: Iterable[Change]) -> tuple[ChangeGroup, ...]:
    """Group changes as `change_groups` does, sorted by the file and line of their rules.

    Changes of built-in defaults come after those of rules, and changes that the base's plan also has come last.
    """
    return tuple(sorted(change_groups(changes), key=_file_order))


def _file_order(group: ChangeGroup) -> tuple[bool, bool, str, int]:
    first = group.why[0]
    return was_pending(group), first.file is None, first.file or "", first.line or 0


def totals(portals: Iterable[PortalPlan]) -> Totals:
    """Return the figures of plans. A developer counts once for each portal."""
    portals = list(portals)
    return Totals(
        gainers=sum(len(gainers(portal.changes)) for portal in portals),
        losers=sum(len(losers(portal.changes)) for portal in portals),
        new_teams=sum(isinstance(change, CreateTeam) for portal in portals for change in portal.changes),
        mails=sum(portal.summary["mails"] for portal in portals),
        writes=sum(len(portal.changes) for portal in portals),
    )


def of_origin(portal: PortalPlan, origin: Origin) -> PortalPlan:
    """Return a plan that was compared with a base, with only the changes of one origin."""
    return replace(portal, changes=tuple(change for change in portal.changes if change.origin == origin))


def totals_words(count: Totals) -> str:
    """Return the figures in words: `97 developers gain access, 6 lose access. 11 e-mails, 153 API writes`."""
    return f"{access_words(count)}. {cost_words(count)}"


def access_words(count: Totals, strong: Safe = str) -> str:
    """Return the figures of access: `97 developers gain access, 6 lose access, 1 team created`.

    Args:
        strong: emphasises the number of developers who lose access.
    """
    parts = [f"{plural(count.gainers, 'developer')} {_verb('gain', count.gainers)} access"] if count.gainers else []
    if count.losers:
        number = f"{count.losers:,}" if parts else plural(count.losers, "developer")
        parts.append(strong(f"{number} {_verb('lose', count.losers)} access"))
    created = [f"{plural(count.new_teams, 'team')} created"] if count.new_teams else []
    return ", ".join([*(parts or ["no developer gains or loses access"]), *created])


def cost_words(count: Totals) -> str:
    """Return the figures of the apply: `11 e-mails, 153 API writes`."""
    return f"{plural(count.mails, 'e-mail')}, {plural(count.writes, 'API write')}"


def duration_words(writes: int) -> str:
    """Return the approximate duration of API writes: `4 s`, `2 min`."""
    seconds = ceil(writes / WRITES_PER_SECOND)
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60):,} min"


def notice_groups(notices: Iterable[Notice]) -> tuple[NoticeGroup, ...]:
    """Group notices with the same message, place and severity."""
    groups: dict[tuple[str, str | None, bool], list[str]] = {}
    for notice in notices:
        place = f"{notice.file}:{notice.line}" if notice.file else None
        developers = groups.setdefault((notice.message, place, notice.severity == "warning"), [])
        if notice.developer:
            developers.append(notice.developer)
    return tuple(NoticeGroup(*key, tuple(developers)) for key, developers in groups.items())


def unchanged_developers(portal: PortalPlan) -> tuple[str, ...]:
    """Return the numbers of developers that the plan does not change, with the cause."""
    unmanaged, awaited = portal.summary["unmanaged"], portal.summary["awaited"]
    unmatched = f"{plural(unmanaged, 'developer')} {'matches' if unmanaged == 1 else 'match'} no rule"
    lines = [f"{unmatched}; unchanged (policy.unmatched: keep)"] if unmanaged else []
    awaited_line = f"{plural(awaited, 'developer')} awaited: named by a rule, not signed up or not approved yet"
    return (*lines, awaited_line) if awaited else tuple(lines)


def pending_words(ages: PendingAges | None) -> tuple[str, ...]:
    """Return the ages of pending sign-ups in words, nothing where all are recent or of unknown age."""
    if ages is None or timedelta(seconds=ages.oldest_seconds) < OLD:
        return ()
    oldest, middle = (age_words(timedelta(seconds=age)) for age in (ages.oldest_seconds, ages.median_seconds))
    return (f"pending sign-ups: oldest {oldest}, median {middle}",)


def change_words(group: ChangeGroup, safe: Safe, most: int | None = None) -> str:
    """Return the changes in words: `pending → approved, joins reds`; beyond `most`, how many more."""
    return _listed([change.words(change.would, safe) for change in group.changes[:most]], len(group.changes))


def was_pending(group: ChangeGroup) -> bool:
    """Return whether the base's plan also has these changes, so that the reviewer does not decide on them."""
    return group.origin == "pending"


def origin_of(origin: Origin, request: str = "change") -> str:
    """Return `from this pull request`, or `not from this pull request`; `request` is the word for the change."""
    return ORIGINS[origin].replace("change", request)


def former_rules(base: BaseComparison | None) -> Former:
    """Return the base's rules behind the access that is removed, by developer and team (None: the approval)."""
    return {(grant.developer.key, grant.team): grant.why for grant in base.lost} if base is not None else {}


def deleted_rules(group: ChangeGroup, former: Former) -> tuple[Reason, ...]:
    """Return the rules, deleted since the base, that granted the access which a group of changes removes."""
    if group.effect != "removes" or group.about_team or not former:
        return ()
    found = (former.get((group.key, change.team), ()) for change in group.changes)
    return tuple(dict.fromkeys(why for reasons in found for why in reasons))


def rule_counts(rules: Sequence[RuleChange]) -> str:
    """Return the numbers of changed rules: `Rules: 1 added, 2 removed`."""
    counts: Counter[str] = Counter(rule.action for rule in rules)
    return f"Rules: {', '.join(f'{counts[action]:,} {action}' for action in ACTIONS if counts[action])}"


def rule_values(change: RuleChange, safe: Safe, most: int | None = None) -> str:
    """Return the values that differ, old and new: `teams: reds → reds, city; expires: none → 2027-01-31`."""
    keys = list(dict.fromkeys((*change.before, *change.after)))
    values = change.before if change.action == "removed" else change.after
    words = [
        f"{safe(key)}: {_value(change.before, key, safe)} → {_value(change.after, key, safe)}"
        if change.action == "changed"
        else f"{safe(key)}: {safe(values[key])}"
        for key in keys[:most]
    ]
    return "; ".join([*words, *([f"{len(keys) - len(words):,} more keys"] if len(keys) > len(words) else [])])


def _value(values: Mapping[str, str], key: str, safe: Safe) -> str:
    return safe(values[key]) if values.get(key) else "none"


def refused_words(portal: PortalPlan | PortalExplanation, safe: Safe) -> str:
    """Return the heading of a plan's refusals."""
    return f"Refused: no changes will be made to {safe(portal.name)}"


def by_count(count: int, one: str, many: str) -> str:
    """Return the text for one thing, or the text for several."""
    return one if count == 1 else many


def origin_note(about: ChangeGroup | Refusal) -> str:
    """Return the origin in parentheses, ` (not from this change)`; empty without a base."""
    return f" ({ORIGINS[about.origin]})" if about.origin is not None else ""


def origin_words(portals: Iterable[PortalPlan]) -> str:
    """Return `3 from this change, 2 not from this change`; empty for plans without a base."""
    compared = [portal.summary for portal in portals if portal.base is not None]
    count = {key: sum(summary.get(key, 0) for summary in compared) for key in ("from_change", "already_pending")}
    if not compared:
        return ""
    here, elsewhere = ORIGINS["change"], ORIGINS["pending"]
    return f"{count['from_change']:,} {here}, {count['already_pending']:,} {elsewhere}"


def kept_access(grants: Iterable[UnruledGrant]) -> tuple[KeptAccess, ...]:
    """Group the access that developers keep by developer and deleted rules, in the order of `grants`."""
    grouped: dict[tuple[str, tuple[Reason, ...]], list[UnruledGrant]] = {}
    for grant in grants:
        grouped.setdefault((grant.developer.key, grant.why), []).append(grant)
    return tuple(KeptAccess(group[0].developer.name, tuple(group)) for group in grouped.values())


def kept_words(kept: KeptAccess, safe: Safe, most: int | None = None) -> str:
    """Return kept access in words: `stays approved, in reds`; beyond `most` grants, how many more."""
    words = ["approved" if grant.team is None else f"in {safe(grant.team)}" for grant in kept.grants[:most]]
    return f"stays {_listed(words, len(kept.grants))}"


def unruled_words(unruled: Iterable[UnruledGrant]) -> str:
    """Return the number of developers who keep access: `3 developers stay approved without a rule`."""
    approved, in_teams = _approved_and_members(unruled)
    parts = []
    if approved:
        parts.append(f"{plural(approved, 'developer')} {_verb('stay', approved)} approved without a rule")
    if in_teams:
        parts.append(f"{plural(in_teams, 'developer')} {_verb('stay', in_teams)} in a team without a rule")
    return ", ".join(parts)


def unruled_advice(unruled: Iterable[UnruledGrant], provider: str, code: Safe) -> str:
    """Return the advice on how to remove access that no rule grants, on portals of this provider.

    Args:
        code: formats a key of the manifest.
    """
    approved, in_teams = _approved_and_members(unruled)
    lines = ["Deleting a rule removes no access."]
    if approved:
        denial = f"{code('denied_domains')}, or an override with {code('status: revoked')}"
        deletion = f"an override with {code('status: absent')}, which deletes the account"
        rules = denial if "revoked" in provider_named(provider).statuses else deletion
        lines.append(f"To remove the access, write {rules}.")
    if in_teams:
        rules = f"{code('membership: exclusive')} with its {code('members')}, or an override with {code('teams')}"
        lines.append(f"To remove developers from a team, write {rules}.")
    return " ".join(lines)


def _verb(verb: str, count: int) -> str:
    return f"{verb}s" if count == 1 else verb


def _approved_and_members(unruled: Iterable[UnruledGrant]) -> tuple[int, int]:
    """Return the number of developers who keep their approval, and of those who only keep teams."""
    grants = tuple(unruled)
    approved = {grant.developer.key for grant in grants if grant.team is None}
    return len(approved), len({grant.developer.key for grant in grants} - approved)


def digest_words(digest: str | None, safe: Safe) -> str:
    """Return a digest, or the reason why it is not shown."""
    return safe(digest) if digest is not None else "not shown (set PORTALCTL_MASK_KEY)"


def place(why: Reason) -> str | None:
    """Return the position of a rule as `file:line`; None for a built-in default."""
    return f"{why.file}:{why.line}" if why.file is not None else None


def rule(why: Reason, safe: Safe) -> str:
    """Return the rule in words, without the developer of a rule for one developer: `trusted domain arsenal.com`."""
    answer = safe(why.answer) if why.answer is not None else "any other answer"
    by = f", {safe(why.field)}: {answer}" if why.field is not None else ""
    if why.directory is not None:
        return safe(f"{'trusted group' if why.rule == 'trusted_groups' else 'group'} {why.value}") + by
    if why.rule == "trusted_domains":
        return f"{RULES[why.rule]} {safe(why.value)}{by}"
    return RULES[why.rule] if why.rule in {"overrides", "members"} else f"{RULES[why.rule]} {safe(why.value)}"


def unchanged_words(standing: Standing) -> str:
    """Return the reason why a developer's status does not change."""
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


def access_counts(portal: PortalAccess) -> Iterator[tuple[int, str, Effect | None]]:
    """Yield the figures of an access review, each with its words and its effect: approvals, other statuses, marks."""
    approved = [developer for developer in portal.developers if developer.status == "approved"]
    by_rule = sum(bool(developer.approved_by) for developer in approved)
    yield by_rule, "approved by a rule", None
    yield len(approved) - by_rule, "approved by no rule", "removes"
    others = Counter(
        developer.status for developer in portal.developers if developer.status not in {"approved", "absent"}
    )
    yield from ((count, status, None) for status, count in sorted(others.items()))
    marks = Counter(mark for developer in portal.developers for mark in developer.remarks)
    yield from ((marks[mark], f"{mark}: {words}", "removes") for mark, words in REMARKS.items() if marks[mark])


def approval(developer: DeveloperAccess) -> str:
    """Return the rules that approve a developer: `trusted domain arsenal.com`, `no rule`; empty if not approved."""
    if developer.status != "approved":
        return ""
    return "; ".join(rule(why, str) for why in developer.approved_by) or "no rule"


def rule_named(why: Reason, safe: Safe) -> str:
    """Return the rule in words including its developer: `override ann@example.com`."""
    return f"{RULES.get(why.rule) or safe(why.rule)} {safe(why.value)}"


def answer_words(answers: Sequence[FormAnswer], safe: Safe) -> str:
    """Return answers in words: `Department: payments; Company: Acme`. Long texts are cut."""
    shown = [f"{safe(_cut(one.label or one.field))}: {', '.join(map(safe, _values(one)))}" for one in answers]
    return _listed(shown[:MOST_ANSWERS], len(shown), "; ")


def _values(answer: FormAnswer) -> list[str]:
    return [_cut(value) for value in answer.values[:MOST_ANSWERS]]


def _cut(text: str) -> str:
    return shortened(text, LONGEST_ANSWER)


def form_words(form: SubmittedForm, safe: Safe) -> str:
    """Return a submitted form in words, for what access where it is a request."""
    asks = f"asks for {safe(form.api or '')} ({safe(form.application)}): " if form.application is not None else ""
    return asks + answer_words(form.answers, safe)


def _listed(words: Sequence[str], total: int, between: str = ", ") -> str:
    return between.join([*words, *([f"{total - len(words):,} more"] if total > len(words) else [])])


def _name(change: Change) -> str:
    return change.developer.name if change.developer else change.team or ""
