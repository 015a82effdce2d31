"""The trace of a decision:

every rule about a developer, domain or team, in rank order, and its effect. Pure. The rules come from the rulebook's
look-ups that `resolve` uses, and the deciding rule from its decision. Only the texts for the other rules are made
here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeVar

from portalctl.identity import domain_of, normal_address, suspects
from portalctl.manifest.group_rules import TrustedGroup
from portalctl.manifest.model import AccessRule, DeniedDomain, Override, Policy, TrustedDomain
from portalctl.providers.registry import provider_named
from portalctl.reason import Reason
from portalctl.rules.answers import every_team
from portalctl.rules.blocks import BLOCKED
from portalctl.rules.dates import ending
from portalctl.rules.groups import GroupState
from portalctl.rules.resolve import Decision
from portalctl.rules.rulebook import Rulebook, covering, is_for
from portalctl.words import plural

# decides: the status. adds: a team, or something else. takes: a team. overruled: another rule takes precedence.
# blocked: it grants nothing to this account. ended: it has expired. exception: it is for one developer of the domain.
RuleEffect = Literal["decides", "adds", "takes", "overruled", "blocked", "ended", "exception"]
D = TypeVar("D", DeniedDomain, TrustedDomain)
_NOT_IN = "it gives this developer nothing"
_REVOKED = "an approved developer there who is in no trusted group is revoked"
VERIFIED = Reason("policy", "require_verified_email")


@dataclass(frozen=True, slots=True)
class TracedRule:
    """One rule: its text, and its effect. `because` is None where nothing has to be explained."""

    why: Reason
    says: str
    effect: RuleEffect
    because: str | None = None


def developer_rules(book: Rulebook, key: str, name: str, decision: Decision, today: date) -> tuple[TracedRule, ...]:
    """Return the rules about a developer. `key` is the portal's id, `name` the address where it is known."""
    trace = _Trace(book, today, decision)
    domains = [domain_of(form) for form in suspects(name)]
    return (
        *trace.overrides(key, name),
        *trace.domains(domains),
        *trace.groups(normal_address(name) or name),
        *trace.memberships(normal_address(name) or name),
        *trace.others(name, key),
    )


def domain_rules(book: Rulebook, domain: str, decision: Decision, today: date) -> tuple[TracedRule, ...]:
    """Return the rules about a domain.

    `decision` is the one for developers there that no rule names. Developers that a rule names follow as exceptions.
    """
    trace, plain = _Trace(book, today, decision), _Trace(book, today)
    named = [rule for rule in book.portal.overrides if domain_of(rule.developer) == domain]
    listed = {**book.now.members, **book.lapsed.members}
    return (
        *trace.domains([domain]),
        *plain.authorities(domain),
        *trace.others(f"@{domain}"),
        *(plain.exception(rule.why, f"{rule.developer}: {_override_text(rule)}", rule.expires) for rule in named),
        *(rule for name in sorted(listed) if domain_of(name) == domain for rule in plain.exceptions(name)),
    )


def team_rules(book: Rulebook, name: str, today: date) -> tuple[TracedRule, ...]:
    """Return the declaration of a team, and the rules that add developers to it or grant its members something."""
    portal, trace = book.portal, _Trace(book, today)
    rules: list[TracedRule] = []
    for team in portal.teams:
        if team.name == name:
            listed = "no list of members" if team.members is None else f"{len(team.members):,} listed"
            owned = "declared, idp: the identity provider decides its members; portalctl never changes them"
            rules.append(
                trace.plain(team.why, owned if team.membership == "idp" else _declared(team.membership, listed))
            )
            rules += [trace.plain(m.why, f"{m.developer} belongs to it", m.expires) for m in team.members or ()]
    domains = [rule for rule in portal.trusted_domains if name in every_team(rule)]
    overrides = [rule for rule in portal.overrides if name in (rule.teams or ())]
    access = [rule for rule in portal.access_requests if name in rule.teams]
    rules += trace.feeding(name)
    rules += [
        trace.plain(rule.why, f"developers at {rule.domain}{_choosing(rule, name)} belong to it", rule.expires)
        for rule in domains
    ]
    rules += [trace.plain(rule.why, f"{rule.developer} belongs to it", rule.expires) for rule in overrides]
    rules += [trace.plain(rule.why, _access_text(rule), rule.expires) for rule in access]
    return tuple(rules)


class _Trace:
    """Traces the rules of one rulebook. `decision`: the result of the rules."""

    def __init__(self, book: Rulebook, today: date, decision: Decision | None = None) -> None:
        self._book = book
        self._portal = book.portal
        self._today = today
        self._decision = decision or Decision("unmatched", ())
        self._expires = {(why, why.column): expires for expires, why, _ in ending(book.portal)}
        self._exclusive = {team.name for team in book.portal.teams if team.membership == "exclusive"}

    def overrides(self, key: str, name: str) -> Iterator[TracedRule]:
        for rules in (self._book.now, self._book.lapsed):
            for rule in rules.overrides_of(key, name):
                yield self._judged(rule.why, _override_text(rule), rule.expires, elsewhere=not is_for(rule, key))

    def domains(self, domains: Sequence[str]) -> Iterator[TracedRule]:
        """Yield denials before trust, the more specific first, and the conditions of trust."""
        both = (self._book.now, self._book.lapsed)
        denied = {rule.domain: rule for side in both for name in domains for rule in covering(side.denied, name)}
        trusted = {rule.domain: rule for side in both for name in domains for rule in covering(side.trusted, name)}
        owned = {team.name for team in self._portal.teams if team.membership == "idp"}
        rules: list[DeniedDomain | TrustedDomain] = [*_by_length(denied), *_by_length(trusted)]
        for rule in rules:
            yield self._judged(rule.why, _domain_text(rule, owned), rule.expires)
        abilities = provider_named(self._portal.provider).abilities
        if trusted and "verified_email" in abilities and self._portal.policy.require_verified_email:
            yield self._judged(VERIFIED, "trust in a domain is for verified addresses only")

    def groups(self, address: str) -> Iterator[TracedRule]:
        """Yield the rules that rest on groups, where the group has the address or may take something away."""
        for state in self._book.now.groups:
            presence = state.presence(address)
            if state.reading is None:
                yield TracedRule(state.why, _group_text(state), "blocked", "the group was not read")
            elif presence == "shared":
                yield TracedRule(state.why, _group_text(state), "blocked", "two identities have this address")
            elif presence == "member" and not state.grants:
                yield TracedRule(state.reason(address), _group_text(state, address), "blocked", "over `maximum`")
            elif presence == "member":
                yield self._judged(state.reason(address), _group_text(state, address), _last_day(state))
            elif self._matters(state, address) or presence == "disabled":
                yield self._absent(state, address)
        for state in self._book.lapsed.groups:
            if state.presence(address) == "member":
                yield self._judged(state.reason(address), _group_text(state, address), _last_day(state))

    def _matters(self, state: GroupState, address: str) -> bool:
        """Return whether a developer loses something because they are not in this group."""
        return domain_of(address) in state.authoritative_for or not self._exclusive.isdisjoint(state.teams)

    def _absent(self, state: GroupState, address: str) -> TracedRule:
        why = state.absence(address)
        exclusive = [team for team in state.teams if team in self._exclusive]
        if why in self._decision.why:
            return TracedRule(why, why.reason or "", "decides")
        if exclusive:
            return TracedRule(why, f"{why.reason}, and {', '.join(exclusive)} is exclusive", "takes")
        return TracedRule(why, why.reason or "", "overruled", _NOT_IN)

    def authorities(self, domain: str) -> Iterator[TracedRule]:
        """Yield the groups that decide alone about a domain."""
        for state in self._book.now.groups:
            if domain in state.authoritative_for:
                yield self.plain(state.why, f"the authority for {domain}: {_REVOKED}", _last_day(state))

    def feeding(self, team: str) -> Iterator[TracedRule]:
        """Yield the rules that add a group's identities to a team."""
        for state in (*self._book.now.groups, *self._book.lapsed.groups):
            if team in state.every_team:
                size = plural(state.reading.counts.active, "identity") if state.reading is not None else "not read"
                choosing = _choosing(state.rule, team) if isinstance(state.rule, TrustedGroup) else ""
                text = f"the members of this group{choosing} belong to it ({size})"
                yield self.plain(state.why, text, _last_day(state))

    def memberships(self, address: str) -> Iterator[TracedRule]:
        return (self._judged(why, f"in {team}", expires) for team, why, expires in self._lists(address))

    def others(self, name: str, key: str = "") -> Iterator[TracedRule]:
        """Yield the rules of the policy, where they apply, and the rules that set no status."""
        decision, portal = self._decision, self._portal
        if decision.verdict == "unmatched":
            yield self._judged(portal.policy.unmatched_why, _unmatched_text(portal.policy))
        for protected in portal.protected:
            if protected.developer in {*suspects(name), name, key}:
                yield self._judged(protected.why, "nothing may be removed from this developer")
        for rule in portal.access_requests:
            if domain_of(name) in rule.domains or not decision.teams.keys().isdisjoint(rule.teams):
                yield self._judged(rule.why, _access_text(rule), rule.expires)

    def plain(self, why: Reason, text: str, expires: date | None = None) -> TracedRule:
        """Return a rule as it stands, without regard to one developer's decision."""
        return TracedRule(why, text, *self._timely(expires, "adds"))

    def exception(self, why: Reason, text: str, expires: date | None) -> TracedRule:
        return TracedRule(why, text, *self._timely(expires, "exception"))

    def exceptions(self, address: str) -> Iterator[TracedRule]:
        return (self.exception(why, f"{address}: in {team}", end) for team, why, end in self._lists(address))

    def _lists(self, address: str) -> list[tuple[str, Reason, date | None]]:
        """Return the teams that list an address, by name, with the last day of each entry."""
        both = (*self._book.now.members.get(address, ()), *self._book.lapsed.members.get(address, ()))
        found = [(team, why, self._expires.get((why, why.column))) for team, why in both]
        return sorted(found, key=lambda entry: entry[0])

    def _timely(self, expires: date | None, effect: RuleEffect) -> tuple[RuleEffect, str | None]:
        if expires is not None and expires < self._today:
            return "ended", f"it held through {expires}"
        return effect, None

    def _judged(self, why: Reason, text: str, expires: date | None = None, *, elsewhere: bool = False) -> TracedRule:
        """Return a rule with its effect in the decision. `elsewhere`: it names another account of the address."""
        decision = self._decision
        effect, because = self._timely(expires, "adds")
        if effect == "ended":
            lapsed = (*decision.lapsed, *(reason for reasons in decision.lapsed_teams.values() for reason in reasons))
            more = "; what only it granted is withdrawn" if _has(lapsed, why) else ""
            return TracedRule(why, text, effect, f"{because}{more}")
        if elsewhere and decision.blocked != "pin":
            return TracedRule(why, text, "overruled", "its `id` names another account")
        gives = decision.verdict in {"approved", "silent", "unmatched"} and why.rule != "policy"
        if decision.blocked is not None and gives:
            return TracedRule(why, text, "blocked", BLOCKED[decision.blocked][1])
        if why in decision.why and decision.verdict != "silent":
            return TracedRule(why, text, "decides")
        adds = any(_has(reasons, why) for reasons in decision.teams.values()) or why == decision.complete
        if adds or why.rule in {"policy", "access_requests"}:
            return TracedRule(why, text, "adds")
        return TracedRule(why, text, "overruled", _overruled(why, decision))


def _has(reasons: Sequence[Reason], rule: Reason) -> bool:
    return any(reason.rule_alone == rule for reason in reasons)


def _overruled(reason: Reason, decision: Decision) -> str:
    """Return why this rule has no effect: the rule that takes precedence."""
    winner = decision.why[0]
    if reason.rule == "members":
        whole = "the override's `teams` are this developer's complete list"
        return whole if decision.complete is not None else "a denied developer is added to no team"
    if winner.rule == reason.rule == "overrides":
        return f"the denial of {winner.value} takes precedence over every grant"
    if winner.rule == reason.rule:
        return f"{winner.value} is more specific"
    return {
        "overrides": "an override takes precedence over rules for domains",
        "denied_domains": "a denied domain takes precedence over a trusted one",
    }.get(winner.rule, "it does not apply to this account")


def _group_text(state: GroupState, address: str = "") -> str:
    """Return what a rule gives to members of its group, and how one of them is in it."""
    mapped = _mapped(state.rule) if isinstance(state.rule, TrustedGroup) else []
    parts = [*(["approved"] if state.approves else []), *(f"in {team}" for team in state.teams), *mapped]
    gives = ", ".join(parts)
    member = state.reading.members.get(address) if state.reading is not None else None
    return f"{gives} (through {' > '.join(member.via)})" if member is not None and member.via else gives


def _last_day(state: GroupState) -> date | None:
    return state.rule.expires if isinstance(state.rule, TrustedGroup) else None


def _declared(membership: str, listed: str) -> str:
    return f"declared, {membership}, {listed}"


def _by_length(rules: dict[str, D]) -> list[D]:
    return sorted(rules.values(), key=lambda rule: -len(rule.domain))


def _domain_text(rule: DeniedDomain | TrustedDomain, owned: set[str]) -> str:
    """`owned`: the teams of the identity provider."""
    if isinstance(rule, DeniedDomain):
        return "denied"
    into = (f"in {team}" + " (the identity provider's: not written)" * (team in owned) for team in rule.teams)
    return ", ".join(["approved", *into, *_mapped(rule)])


def _mapped(rule: TrustedDomain | TrustedGroup) -> list[str]:
    """Return the teams by an answer to the sign-up form, in words."""
    mapping = rule.teams_by
    if mapping is None:
        return []
    other = [f"in {', '.join(mapping.otherwise)} otherwise"] if mapping.otherwise else []
    by = f"by the answer to {mapping.field}"
    options = [f"in {', '.join(teams)} for {option}" for option, teams in mapping.map.items() if teams]
    return [f"{by}: {'; '.join([*options, *other])}"]


def _choosing(rule: TrustedDomain | TrustedGroup, team: str) -> str:
    """Return which of a rule's developers belong to a team; empty: all of them."""
    mapping = rule.teams_by
    if team in rule.teams or mapping is None:
        return ""
    options = [option for option, teams in mapping.map.items() if team in teams]
    other = ["anything else"] if team in mapping.otherwise else []
    return f" who answered {' or '.join([*options, *other])} to {mapping.field}"


def _unmatched_text(policy: Policy) -> str:
    both = (("pending", policy.unmatched_pending), ("approved", policy.unmatched_approved))
    words = [f"{live} ones become {status}" for live, status in both if status != "keep"]
    if not words:
        return "unmatched developers stay unchanged"
    return f"unmatched developers: {' and '.join(words)}"


def _override_text(rule: Override) -> str:
    parts: list[str] = [rule.status] if rule.status is not None else []
    if rule.teams is not None:
        parts.append(
            f"in {', '.join(rule.teams)} and in no other managed team" if rule.teams else "in no managed team"
        )
    if rule.id is not None:
        parts.append(f"for the account {rule.id} only")
    return ", ".join(parts)


def _access_text(rule: AccessRule) -> str:
    return f"requests for {', '.join(rule.products)} are approved"
