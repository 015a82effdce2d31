"""Manifest × snapshot × groups × day → decisions: what the rules yield for each live developer, and why.

Rank for status: override > denied domain > trusted group = trusted domain > `unmatched`; a denial of the developer
beats every grant, and covers `+tag` forms and unreadable spellings too. An override with an `id` decides for that
account alone. Nothing here depends on what would have to change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from portalctl.identity import domain_of, suspects, untagged
from portalctl.manifest.model import OnRevoke, Override
from portalctl.portals.models import OUT, Developer
from portalctl.providers.registry import provider_named
from portalctl.reason import Reason
from portalctl.rules.answers import Answers, Fed, fed_by, teams_of
from portalctl.rules.groups import GroupState
from portalctl.rules.rulebook import DENIALS, Rulebook, is_for
from portalctl.rules.shared_addresses import Sharing, by_address, sharing

# "denied": by domain. "silent": a rule matches, but sets no status.
Verdict = Literal["approved", "pending", "rejected", "revoked", "absent", "denied", "silent", "unmatched"]
Block = Sharing | Literal["malformed", "pin", "unverified", "over_maximum", "untied"]
GRANTING = frozenset({"approved", "pending", "silent"})  # statuses under which rules may grant something

SSO_VOUCHES = Reason("policy", "require_verified_email", reason="single sign-on verifies it")


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision for one developer.

    Developers of one domain share one object unless a rule names them or a group has them. `teams` are wanted, with
    all reasons; `complete` is the override that made them the complete list. `kept` are those of `teams` that the
    developer stays in and is not added to. `lapsed` are the expired rules that alone granted approval, `lapsed_teams`
    the teams that expired rules alone granted. `blocked` is the reason why nothing is granted, whatever the rules
    yield. `on_revoke` None: as in the policy."""

    verdict: Verdict
    why: tuple[Reason, ...]
    teams: Mapping[str, tuple[Reason, ...]] = field(default_factory=dict)
    lapsed: tuple[Reason, ...] = ()
    lapsed_teams: Mapping[str, tuple[Reason, ...]] = field(default_factory=dict)
    complete: Reason | None = None
    reinstate: bool = False
    blocked: Block | None = None
    on_revoke: OnRevoke | None = None
    kept: frozenset[str] = frozenset()


def resolve(book: Rulebook, developers: Iterable[Developer]) -> Iterator[tuple[Developer, Decision]]:
    """Yield one decision per developer, in the given order."""
    decided = _resolve(book, developers)
    maximums = {rule.domain: rule.maximum for rule in book.now.trusted.values() if rule.maximum is not None}
    return _within(maximums, tuple(decided)) if maximums else decided


def _within(
    maximums: Mapping[str, int], decided: Sequence[tuple[Developer, Decision]]
) -> Iterator[tuple[Developer, Decision]]:
    """Yield the decisions without new grants of the domains that have more developers than their `maximum`."""
    inside = (decision for developer, decision in decided if developer.status not in OUT)
    counts = Counter(domain for decision in inside for domain in _approving(decision))
    over = {domain for domain, maximum in maximums.items() if counts[domain] > maximum}
    for developer, decision in decided:
        if over.isdisjoint(_approving(decision)):
            yield developer, decision
        elif developer.status == "approved":
            only = {team for team, why in decision.teams.items() if all(_is_of(reason, over) for reason in why)}
            yield developer, replace(decision, kept=decision.kept | only)
        elif all(_is_of(reason, over) for reason in decision.why):
            yield developer, _block(decision, "over_maximum")
        else:
            yield developer, decision


def _approving(decision: Decision) -> set[str]:
    """Return the trusted domains that a decision approves by."""
    if decision.verdict != "approved":
        return set()
    return {reason.value for reason in decision.why if reason.rule == "trusted_domains" and reason.value is not None}


def _is_of(reason: Reason, domains: Collection[str]) -> bool:
    return reason.rule == "trusted_domains" and reason.value in domains


def _resolve(book: Rulebook, developers: Iterable[Developer]) -> Iterator[tuple[Developer, Decision]]:
    listed = tuple(developers)
    addresses = [developer.address for developer in listed]
    shared = by_address(zip(listed, addresses, strict=True))
    by_domain: dict[tuple[str, bool, Answers], Decision] = {}
    tells_verified = "verified_email" in provider_named(book.portal.provider).abilities
    vouched = tells_verified and book.portal.policy.require_verified_email
    asks = bool(book.portal.mappings)
    for developer, address in zip(listed, addresses, strict=True):
        accounts = shared.get(address or "", ())
        if developer.id in book.named:
            decision = _by_id(book, developer, address, accounts)
        elif address is None:
            decision = _malformed(book, developer)
        elif address in book.named or accounts or "+" in address or book.has_group(address):
            decision = _personal(book, developer, address, accounts)
        else:
            domain = domain_of(address)
            key = domain, developer.status == "pending", _counting(book, domain, developer) if asks else ()
            if key not in by_domain:
                trusted = _by_domain(book, domain, developer.answers)
                by_domain[key] = _ungrouped(book, address, trusted, pending=key[1])
            decision = by_domain[key]
        if vouched:
            decision = _vouched(developer, decision)
        if not developer.approvable and decision.verdict in {"approved", "absent"}:
            decision = _block(decision, "untied")
        yield developer, decision


def _counting(book: Rulebook, domain: str, developer: Developer) -> Answers:
    """Return the answers on which the decision for developers at a domain depends."""
    trust = (side.trust_of(domain) for side in (book.now, book.lapsed))
    fields = {rule.teams_by.field for rule in trust if rule is not None and rule.teams_by is not None}
    return tuple(answer for answer in developer.answers if answer.field in fields)


def _by_id(book: Rulebook, developer: Developer, address: str | None, accounts: Sequence[Developer]) -> Decision:
    """Return the decision for an account that a rule names by its developer_id. A denial of its address holds."""
    by_address = _malformed(book, developer) if address is None else _personal(book, developer, address, accounts)
    override = book.now.overrides.get(developer.id)
    lapsed = book.lapsed.overrides.get(developer.id)
    if by_address.verdict in DENIALS:
        return by_address
    if override is None:
        return by_address if lapsed is None else _without_lapsed(by_address, lapsed)
    if override.status in DENIALS:
        return _kept_out(override, by_address.lapsed_teams)
    return _overridden(book, replace(by_address, blocked=None), override)


def _vouched(developer: Developer, decision: Decision) -> Decision:
    """Block a decision that rests on trust in a domain or group where the address is not verified.

    An override holds anyway.
    """
    if decision.verdict != "approved" or decision.why[0].rule not in {"trusted_domains", "trusted_groups"}:
        return decision
    if developer.provider == "sso":
        return replace(decision, why=(*decision.why, SSO_VOUCHES))
    return decision if developer.email_verified else _block(decision, "unverified")


def _malformed(book: Rulebook, developer: Developer) -> Decision:
    if developer.email is None:
        return Decision("unmatched", _default(book))
    names = suspects(developer.email)
    if denial := book.now.denial_of_developer(names, developer.id):
        return _kept_out(denial, {})
    domains = (book.now.denial_of_domain(domain_of(name)) for name in names)
    if denied := next((rule for rule in domains if rule is not None), None):
        return Decision("denied", (denied.why,))
    return Decision("unmatched", _default(book), blocked="malformed")


def _by_domain(book: Rulebook, domain: str, answers: Answers) -> Decision:
    """Return the decision for developers at a domain that no rule names, with these answers."""
    denial = book.now.denial_of_domain(domain)
    if denial is not None:
        return Decision("denied", (denial.why,))
    trust = book.now.trust_of(domain)
    lapsed = book.lapsed.trust_of(domain)
    if trust is not None and lapsed is not None and len(lapsed.domain) < len(trust.domain):
        lapsed = None  # the more specific rule took precedence, so this one granted these developers nothing
    current = _added({}, teams_of(trust, trust.why, answers)) if trust else {}
    ended = teams_of(lapsed, lapsed.why, answers) if lapsed else ()
    lapsed_teams = _added({}, ((team, why) for team, why in ended if team not in current))
    if trust is not None:
        reinstate = book.portal.policy.reinstate
        return Decision("approved", (trust.why,), current, lapsed_teams=lapsed_teams, reinstate=reinstate)
    return Decision("unmatched", _default(book), lapsed=(lapsed.why,) if lapsed else (), lapsed_teams=lapsed_teams)


def _ungrouped(book: Rulebook, address: str, decision: Decision, *, pending: bool) -> Decision:
    """Return the decision for all developers at a domain who are in no group."""
    return _with_authority(book, address, _without_uncertain(book, decision), pending=pending)


def _personal(book: Rulebook, developer: Developer, address: str, accounts: Sequence[Developer]) -> Decision:
    """Return the decision for an account that a rule may name. A denial is never blocked; a grant may be.

    Args:
        accounts: those that share the address, this one among them; empty where it has the address for itself.
    """
    override = book.now.overrides.get(address)
    lapsed = book.lapsed.overrides.get(address)
    decision = _by_domain(book, domain_of(address), developer.answers)
    decision = _with_groups(book, address, decision, developer.answers)
    decision = _with_members(book, address, decision)
    if lapsed is not None and override is None and is_for(lapsed, developer.id):
        decision = _without_lapsed(decision, lapsed)
    decision = _without_uncertain(book, decision)
    if override is None and developer.id not in book.now.overrides:
        decision = _with_authority(book, address, decision, pending=developer.status == "pending")
    denial = book.now.denial_of_developer((address, untagged(address)), developer.id)
    if denial is not None:
        return _kept_out(denial, decision.lapsed_teams)
    if override is not None and not is_for(override, developer.id):
        return _beside_pinned(decision, override)
    if override is not None:
        decision = _overridden(book, decision, override)
        if override.id is not None:
            return decision
    return _shared(decision, developer, accounts)


def _beside_pinned(decision: Decision, override: Override) -> Decision:
    """Return the decision for an account at an address that has an override with the `id` of another account.

    The override decides about that account alone, and the others stay blocked while it exists: also once it has
    revoked that account, so that a plan right after an apply is empty. They are not treated as unmatched either,
    since the `id` may be a slip."""
    if decision.verdict == "unmatched":
        decision = replace(decision, verdict="silent", why=(override.why,))
    return _block(decision, "pin")


def _shared(decision: Decision, developer: Developer, accounts: Sequence[Developer]) -> Decision:
    """Return the decision without the grants that other accounts of the same address block."""
    block = sharing(developer, accounts)
    if block == "shared":  # the decision stands, and is withheld
        return replace(decision, reinstate=False, blocked=block) if decision.reinstate else decision
    return _block(decision, block) if block is not None and decision.verdict in GRANTING else decision


def _with_groups(book: Rulebook, address: str, decision: Decision, answers: Answers) -> Decision:
    """Groups approve and add teams as domains do, and team sources add up. A denied domain takes precedence."""
    for state in book.now.grouped.get(address, ()):
        presence = state.presence(address)
        if presence in {"member", "shared"}:
            certain = presence == "member" and state.grants
            gives = fed_by(state, state.reason(address), answers)
            decision = _with_group(book, decision, state, gives, certain=certain)
    for state in book.lapsed.grouped.get(address, ()):
        if state.presence(address) == "member":
            decision = _with_lapsed_group(decision, state, fed_by(state, state.reason(address), answers))
    return decision


def _with_group(book: Rulebook, decision: Decision, state: GroupState, gives: Fed, *, certain: bool) -> Decision:
    """Return the decision for a member of a group. Where that is not `certain`, the member keeps what the group gives
    and is granted nothing new."""
    why, teams = gives
    fed = frozenset(team for team, _ in teams)
    verdict, reasons, reinstate = decision.verdict, decision.why, decision.reinstate
    if verdict != "denied" and state.approves and certain:
        reasons = (*reasons, why) if verdict == "approved" else (why,)
        verdict, reinstate = "approved", book.portal.policy.reinstate
    elif verdict == "unmatched":
        verdict, reasons = "silent", (why,)
    lapsed_teams = decision.lapsed_teams
    if not fed.isdisjoint(lapsed_teams):
        lapsed_teams = {team: ended for team, ended in lapsed_teams.items() if team not in fed}
    return replace(
        decision,
        verdict=verdict,
        why=reasons,
        teams=_added(decision.teams, teams),
        lapsed=() if state.approves and verdict != "denied" else decision.lapsed,
        lapsed_teams=lapsed_teams,
        reinstate=reinstate,
        kept=decision.kept - fed if certain else decision.kept | (fed - decision.teams.keys()),
    )


def _with_lapsed_group(decision: Decision, state: GroupState, gives: Fed) -> Decision:
    why, teams = gives
    withdrawn = [(team, reason) for team, reason in teams if team not in decision.teams]
    decision = replace(decision, lapsed_teams=_added(decision.lapsed_teams, withdrawn))
    if state.approves and decision.verdict in {"unmatched", "silent"}:
        return replace(decision, lapsed=(*decision.lapsed, why))
    return decision


def _without_uncertain(book: Rulebook, decision: Decision) -> Decision:
    """Return the decision without removals from developers who may be in a group that is not known well enough."""
    if not book.uncertain:
        return decision
    lapsed_teams = {team: why for team, why in decision.lapsed_teams.items() if team not in book.kept_teams}
    decision = replace(decision, lapsed_teams=lapsed_teams)
    if book.may_match_anybody is not None:
        decision = replace(decision, lapsed=())
    if decision.verdict == "unmatched":
        return replace(decision, verdict="silent", why=(book.uncertain[0].why,))
    return decision


def _with_authority(book: Rulebook, address: str, decision: Decision, *, pending: bool) -> Decision:
    """Deny a developer of a domain for which trusted groups decide alone, who is in none of them.

    Pending ones follow the policy for unmatched sign-ups.
    """
    domain = domain_of(address)
    if pending or domain not in book.authority or decision.verdict not in {"unmatched", "silent"}:
        return decision
    states = book.now.grouped.get(address, ())
    if any(state.approves and state.presence(address) in {"member", "shared"} for state in states):
        return decision
    deciding = (state for state in book.now.groups if domain in state.authoritative_for)
    return replace(decision, verdict="denied", why=tuple(state.absence(address) for state in deciding), lapsed=())


def _with_members(book: Rulebook, address: str, decision: Decision) -> Decision:
    """Return the decision with the teams of member lists:

    these never approve, but their developers are not unmatched.
    """
    current = book.now.members.get(address, [])
    lapsed = book.lapsed.members.get(address, [])
    if not current and not lapsed:
        return decision
    teams = _added(decision.teams, current)
    lapsed_teams = {t: why for t, why in _added(decision.lapsed_teams, lapsed).items() if t not in teams}
    silent = current and decision.verdict == "unmatched"
    why = (current[0][1],) if silent else decision.why
    verdict = "silent" if silent else decision.verdict
    return replace(decision, verdict=verdict, why=why, teams=teams, lapsed_teams=lapsed_teams)


def _without_lapsed(decision: Decision, lapsed: Override) -> Decision:
    """Return the decision with an expired override: it counts as absent; what only it granted is withdrawn."""
    if lapsed.status not in {"approved", None}:
        return decision  # it granted nothing
    before = decision.lapsed_teams
    withdrawn = {
        team: (lapsed.why, *before.get(team, ())) for team in lapsed.teams or () if team not in decision.teams
    }
    decision = replace(decision, lapsed_teams={**before, **withdrawn})
    if lapsed.status == "approved" and decision.verdict in {"unmatched", "silent"}:
        return replace(decision, lapsed=(lapsed.why, *decision.lapsed), on_revoke=lapsed.on_revoke)
    return decision


def _overridden(book: Rulebook, decision: Decision, override: Override) -> Decision:
    """Return the decision of an override that grants, or reopens; denials are handled elsewhere."""
    if override.teams is not None:
        teams = dict.fromkeys(override.teams, (override.why,))
        decision = replace(decision, teams=teams, lapsed_teams={}, complete=override.why)
    if override.status is not None:
        decision = replace(decision, verdict=override.status, why=(override.why,), lapsed=())
    elif decision.verdict == "unmatched":
        decision = replace(decision, verdict="silent", why=(override.why,))
    reinstate = book.portal.policy.reinstate if override.reinstate is None else override.reinstate
    return replace(decision, reinstate=reinstate)


def _block(decision: Decision, block: Block) -> Decision:
    """Return the decision without its grants. Its removals stay; a membership that the rules want is kept."""
    verdict: Verdict = "silent" if decision.verdict == "approved" else decision.verdict
    return replace(decision, verdict=verdict, reinstate=False, blocked=block)


def _kept_out(denial: Override, lapsed_teams: Mapping[str, tuple[Reason, ...]]) -> Decision:
    assert denial.status is not None  # noqa: S101 (a denial has one)
    return Decision(denial.status, (denial.why,), lapsed_teams=lapsed_teams, on_revoke=denial.on_revoke)


def _default(book: Rulebook) -> tuple[Reason, ...]:
    return (book.portal.policy.unmatched_why,)


def _added(
    teams: Mapping[str, tuple[Reason, ...]], more: Iterable[tuple[str, Reason]]
) -> dict[str, tuple[Reason, ...]]:
    result = dict(teams)
    for team, why in more:
        result[team] = (*result.get(team, ()), why)
    return result
