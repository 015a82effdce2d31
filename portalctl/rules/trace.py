"""Every rule that speaks of a person, domain or team, in rank order, and what becomes of what it says. Pure.

What decides is taken from the decision; this only says why the others do not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from portalctl.identity import covers, domain_of, normal_address, suspects
from portalctl.manifest.model import AccessRule, DeniedDomain, Override, Policy, PortalManifest, TrustedDomain
from portalctl.providers.registry import provider_named
from portalctl.reason import Reason
from portalctl.rules.blocks import BLOCKED
from portalctl.rules.resolve import Decision
from portalctl.rules.rulebook import DENIALS, is_for

# decides: the status. adds: a team, or what else it says. takes: a team. overruled: another rule goes before it.
# blocked: it gives nothing to this registration. ended: it has expired. exception: it is about one of the domain.
Effect = Literal["decides", "adds", "takes", "overruled", "blocked", "ended", "exception"]
VERIFIED = Reason("policy", "require_verified_email")


@dataclass(frozen=True, slots=True)
class Voice:
    """One rule: what it says, and what becomes of that. `because` is None where nothing has to be explained."""

    why: Reason
    says: str
    effect: Effect
    because: str | None = None


@dataclass(frozen=True, slots=True)
class _Claim:
    """`elsewhere`: it is for another account of the address, which its `id` names."""

    reason: Reason
    says: str
    expires: date | None = None
    elsewhere: bool = False


def person_voices(portal: PortalManifest, key: str, name: str, decision: Decision, today: date) -> tuple[Voice, ...]:
    """`key` is the portal's id of the person, `name` the address as well as it is known."""
    claims = [
        *_overrides(portal, key, {key, normal_address(name)}, suspects(name)),
        *_trusted_if_verified(portal, _domains(portal, [domain_of(each) for each in suspects(name)])),
        *_lists(portal, normal_address(name) or name),
        *_others(portal, name, decision, key),
    ]
    return tuple(_heard(claim, decision, today) for claim in claims)


def domain_voices(portal: PortalManifest, domain: str, decision: Decision, today: date) -> tuple[Voice, ...]:
    """`decision` is that about somebody there whom no rule names. People who are named are told as exceptions."""
    claims = [
        *_trusted_if_verified(portal, _domains(portal, [domain])),
        *_others(portal, f"@{domain}", decision),
    ]
    named = [rule for rule in portal.overrides if domain_of(rule.developer) == domain]
    listed = [member.developer for team in portal.teams for member in team.members or ()]
    people = dict.fromkeys(developer for developer in listed if domain_of(developer) == domain)
    exceptions = [
        *(_Claim(rule.why, f"{rule.developer}: {_override_says(rule)}", rule.expires) for rule in named),
        *(claim for person in people for claim in _lists(portal, person, f"{person}: ")),
    ]
    return (
        *(_heard(claim, decision, today) for claim in claims),
        *(Voice(each.reason, each.says, *_timely(each, today, "exception")) for each in exceptions),
    )


def team_voices(portal: PortalManifest, name: str, today: date) -> tuple[Voice, ...]:
    """Where the team is declared, and every rule that puts people into it or gives them something for being there."""
    claims: list[_Claim] = []
    for team in portal.teams:
        if team.name == name:
            listed = "no list of members" if team.members is None else f"{len(team.members):,} listed"
            owned = "declared, idp: the identity provider decides who is in it, and nothing is written"
            said = owned if team.membership == "idp" else f"declared, {team.membership}, {listed}"
            claims.append(_Claim(team.why, said))
            claims += [_Claim(m.why, f"{m.developer} belongs to it", m.expires) for m in team.members or ()]
    domains = [rule for rule in portal.trusted_domains if name in rule.teams]
    people = [rule for rule in portal.overrides if name in (rule.teams or ())]
    access = [rule for rule in portal.access_requests if name in rule.teams]
    claims += [_Claim(rule.why, f"people at {rule.domain} belong to it", rule.expires) for rule in domains]
    claims += [_Claim(rule.why, f"{rule.developer} belongs to it", rule.expires) for rule in people]
    claims += [_Claim(rule.why, _access_says(rule), rule.expires) for rule in access]
    return tuple(Voice(each.reason, each.says, *_timely(each, today)) for each in claims)


def _overrides(
    portal: PortalManifest, key: str, exact: Collection[str | None], wide: Collection[str]
) -> Iterator[_Claim]:
    """Yield the overrides of the `exact` names, and denials of the `wide` ones, as the address without its tag.

    Denials come first. `key` is the portal's id of the account.
    """
    denials = [rule for rule in portal.overrides if rule.status in DENIALS and rule.developer in {*exact, *wide}]
    others = [rule for rule in portal.overrides if rule.status not in DENIALS and rule.developer in exact]
    for rule in (*denials, *others):
        yield _Claim(rule.why, _override_says(rule), rule.expires, elsewhere=not is_for(rule, key))


def _domains(portal: PortalManifest, domains: list[str]) -> Iterator[_Claim]:
    """Denials before trust, the more specific before the others."""
    rules: list[DeniedDomain | TrustedDomain] = [
        *sorted(portal.denied_domains, key=lambda rule: -len(rule.domain)),
        *sorted(portal.trusted_domains, key=lambda rule: -len(rule.domain)),
    ]
    for rule in rules:
        if any(covers(rule.domain, domain, subdomains=rule.subdomains) for domain in domains):
            teams = rule.teams if isinstance(rule, TrustedDomain) else ()
            status = "approved" if isinstance(rule, TrustedDomain) else "kept out"
            owned = {team.name for team in portal.teams if team.membership == "idp"}
            into = (f"in {team}" + " (the identity provider's: not written)" * (team in owned) for team in teams)
            yield _Claim(rule.why, ", ".join([status, *into]), rule.expires)


def _trusted_if_verified(portal: PortalManifest, domains: Iterable[_Claim]) -> Iterator[_Claim]:
    """The rules for domains, and what trust depends on where the portal tells."""
    claims = list(domains)
    yield from claims
    told = "verified_email" in provider_named(portal.provider).abilities and portal.policy.require_verified_email
    if told and any(claim.reason.rule == "trusted_domains" for claim in claims):
        yield _Claim(VERIFIED, "trust in a domain is for verified addresses only")


def _lists(portal: PortalManifest, address: str, before: str = "") -> Iterator[_Claim]:
    for team in portal.teams:
        for member in team.members or ():
            if member.developer == address:
                yield _Claim(member.why, f"{before}in {team.name}", member.expires)


def _others(portal: PortalManifest, name: str, decision: Decision, key: str = "") -> Iterator[_Claim]:
    """What speaks of everybody, where it comes to that; and what gives or takes no status."""
    if decision.verdict == "unmatched":
        policy = portal.policy
        yield _Claim(policy.unmatched_why, _unmatched_says(policy))
    for protected in portal.protected:
        if protected.developer in {*suspects(name), name, key}:
            yield _Claim(protected.why, "nothing may be taken from this person")
    for rule in portal.access_requests:
        if domain_of(name) in rule.domains or not decision.teams.keys().isdisjoint(rule.teams):
            yield _Claim(rule.why, _access_says(rule), rule.expires)


def _heard(claim: _Claim, decision: Decision, today: date) -> Voice:
    why = claim.reason
    effect, because = _timely(claim, today)
    if effect == "ended":
        lapsed = (*decision.lapsed, *(each for reasons in decision.lapsed_teams.values() for each in reasons))
        more = "; what only it gave is withdrawn" if claim.reason in lapsed else ""
        return Voice(why, claim.says, effect, f"{because}{more}")
    if claim.elsewhere and decision.blocked != "pin":
        return Voice(why, claim.says, "overruled", "its `id` names another account")
    gives = decision.verdict in {"approved", "silent", "unmatched"} and claim.reason.rule != "policy"
    if decision.blocked is not None and gives:
        return Voice(why, claim.says, "blocked", BLOCKED[decision.blocked][1])
    if claim.reason in decision.why and decision.verdict != "silent":
        return Voice(why, claim.says, "decides")
    adds = any(claim.reason in reasons for reasons in decision.teams.values()) or claim.reason == decision.complete
    if adds or claim.reason.rule in {"policy", "access_requests"}:
        return Voice(why, claim.says, "adds")
    return Voice(why, claim.says, "overruled", _overruled(claim.reason, decision))


def _timely(claim: _Claim, today: date, effect: Effect = "adds") -> tuple[Effect, str | None]:
    if claim.expires is not None and claim.expires < today:
        return "ended", f"it held through {claim.expires}"
    return effect, None


def _overruled(reason: Reason, decision: Decision) -> str:
    """Why this rule comes to nothing: what goes before it."""
    winner = decision.why[0]
    if reason.rule == "members":
        whole = "the override's `teams` are this person's complete list"
        return whole if decision.complete is not None else "who is kept out is put into no team"
    if winner.rule == reason.rule == "overrides":
        return f"the denial of {winner.value} goes before every grant"
    if winner.rule == reason.rule:
        return f"{winner.value} is more specific"
    return {
        "overrides": "an override goes before rules for domains",
        "denied_domains": "a denied domain goes before a trusted one",
    }.get(winner.rule, "it does not hold for this registration")


def _unmatched_says(policy: Policy) -> str:
    both = (("who waits", policy.unmatched_pending), ("who is in", policy.unmatched_approved))
    words = [f"{who} becomes {status}" for who, status in both if status != "keep"]
    if not words:
        return "people no rule speaks of stay as they are"
    return f"of people no rule speaks of, {' and '.join(words)}"


def _override_says(rule: Override) -> str:
    parts: list[str] = [rule.status] if rule.status is not None else []
    if rule.teams is not None:
        parts.append(
            f"in {', '.join(rule.teams)} and in no other managed team" if rule.teams else "in no managed team"
        )
    if rule.pin is not None:
        parts.append(f"for the account {rule.pin} only")
    return ", ".join(parts)


def _access_says(rule: AccessRule) -> str:
    return f"requests for {', '.join(rule.products)} are approved"
