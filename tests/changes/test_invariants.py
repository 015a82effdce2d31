"""What holds for every manifest and every portal. The universe is small, so that rules and people collide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import product
from random import Random
from typing import Literal, TypeVar

from hypothesis import given
from hypothesis import strategies as st

from portalctl.changes.operations import Change
from portalctl.changes.plan import PortalPlan
from portalctl.identity import domain_of, enclosing, normal_address, suspects
from portalctl.manifest.model import (
    DeniedDomain,
    Membership,
    Override,
    Policy,
    PortalManifest,
    RemovalLimits,
    Status,
    TeamRule,
    TrustedDomain,
)
from portalctl.portals.models import OUT, Developer, Snapshot
from portalctl.portals.models import Team as LiveTeam
from tests.changes.build import (
    TODAY,
    YESTERDAY,
    carried_out,
    denied,
    developer,
    drift,
    member,
    override,
    planned,
    portal,
    snapshot,
    team,
    trusted,
)

T = TypeVar("T")

DOMAINS = ("a.com", "uk.a.com", "b.org")
ADDRESSES = ("ann@a.com", "ann+x@a.com", "bob@a.com", "ann@uk.a.com", "bob@b.org")
SPELLINGS = (*ADDRESSES, "ANN@A.com", "ann+y@a.com", "eve@b.org", "<ann@a.com>", "@b.org", None)
STATUSES = ("pending", "approved", "revoked", "rejected", "suspended")
TEAMS = ("red", "green", "blue")
VERDICTS: tuple[Status | None, ...] = (None, "approved", "pending", "rejected", "revoked")
SIGN_UPS: tuple[Literal["keep", "rejected"], ...] = ("keep", "rejected")
PEOPLE_IN: tuple[Literal["keep", "revoked"], ...] = ("keep", "revoked")
KINDS: tuple[Membership, ...] = ("additive", "exclusive")
NAMED: tuple[tuple[str, ...], ...] = ((), ("red",), ("green", "red"))
FEW = 7  # people at most

# Each rule in all its forms, made once, so that an example is a few choices. First comes the simplest: none.
DOMAIN_RULES: dict[str, list[TrustedDomain | DeniedDomain | None]] = {
    domain: [
        *[None] * 4,
        *(
            trusted(domain, *named, subdomains=subdomains, expires=expires)
            for named, subdomains, expires in product(NAMED, (False, True), (None, TODAY, YESTERDAY))
        ),
        *(
            denied(domain, subdomains=subdomains, expires=expires)
            for subdomains, expires in product((False, True), (None, None, YESTERDAY))
        ),
    ]
    for domain in DOMAINS
}
OVERRIDES: dict[str, list[Override | None]] = {
    address: [
        *[None] * 100,
        *(
            override(address, status, named, expires=expires, id=pin, reinstate=reinstate)
            for status, named, expires, pin, reinstate in product(
                VERDICTS,
                (None, *NAMED),
                (None, None, YESTERDAY),
                (None, "1"),
                (None, True),
            )
            if (status, named) != (None, None)
        ),
    ]
    for address in ADDRESSES
}
LISTS = [
    tuple(row for row in listed if row is not None)
    for listed in product(*((None, member(address), member(address, YESTERDAY)) for address in ADDRESSES))
]
TEAM_FORMS: dict[str, list[TeamRule]] = {
    name: [
        *(
            team(name, members, membership, description=described)
            for membership, members in product(KINDS, [*[None] * 60, *LISTS])
            for described in (None, "text")
        ),
        *[team(name, None, "idp", description="text")] * 100,
    ]
    for name in TEAMS
}
POLICIES = [
    Policy(
        unmatched_pending=pending, unmatched_approved=approved, reinstate=reinstate, limits=RemovalLimits(removals=2)
    )
    for pending, approved, reinstate in product(SIGN_UPS, PEOPLE_IN, (False, True))
]


def one_of_each(forms: Mapping[str, list[T]]) -> st.SearchStrategy[tuple[T, ...]]:
    return st.tuples(*map(st.sampled_from, forms.values()))


def manifest_of(
    policy: Policy,
    domains: tuple[TrustedDomain | DeniedDomain | None, ...],
    overrides: tuple[Override | None, ...],
    teams: tuple[TeamRule, ...],
) -> PortalManifest:
    """As the loader gives them: each domain trusted or denied but not both, each person overridden once."""
    return portal(
        policy=policy,
        trusted_domains=tuple(rule for rule in domains if isinstance(rule, TrustedDomain)),
        denied_domains=tuple(rule for rule in domains if isinstance(rule, DeniedDomain)),
        overrides=tuple(rule for rule in overrides if rule is not None),
        teams=teams,
    )


def portal_of(registrations: list[tuple[str | None, str]], teams: tuple[int, ...], twins: int) -> Snapshot:
    """The bits of a team's number: who is in it, whether it is there at all, whether it has a description."""
    developers = tuple(developer(email, status, str(number)) for number, (email, status) in enumerate(registrations))
    there = {name: bits for name, bits in zip((*TEAMS, "by-hand"), teams, strict=True) if bits >> FEW & 1}
    live = tuple(LiveTeam(f"t-{name}", name, "text" if bits >> FEW & 2 else None) for name, bits in there.items())
    inside = {
        name: [item.id for number, item in enumerate(developers) if bits >> number & 1]
        for name, bits in there.items()
    }
    whole = snapshot(*developers, teams=inside, live_teams=live)
    if twins < 9:
        return whole
    twin = LiveTeam("t-twin", "red")
    return replace(whole, teams=(*whole.teams, twin), members={**whole.members, twin.id: frozenset()})


MANIFESTS = st.builds(
    manifest_of,
    st.sampled_from(POLICIES),
    one_of_each(DOMAIN_RULES),
    one_of_each(OVERRIDES),
    one_of_each(TEAM_FORMS),
)
PORTALS = st.builds(
    portal_of,
    st.lists(st.sampled_from(list(product(SPELLINGS, STATUSES))), max_size=FEW),
    st.tuples(*[st.integers(0, 2 ** (FEW + 2) - 1)] * 4),
    st.integers(0, 9),
)


def taking(plan: PortalPlan) -> set[tuple[str, str, str | None]]:
    """The changes by which someone loses something, or is turned away."""
    ops = {"reject", "revoke", "reopen", "remove_member"}
    return {(c.op, c.developer.key, c.team) for c in plan.changes if c.developer is not None and c.op in ops}


def statuses(live: Snapshot) -> dict[str, str]:
    return {developer.id: developer.status for developer in live.developers}


@given(MANIFESTS, PORTALS)
def test_a_plan_carried_out_leaves_nothing_to_do(manifest: PortalManifest, live: Snapshot) -> None:
    after = carried_out(live, planned(manifest, live).changes)
    assert planned(manifest, after).changes == ()
    assert {finding.kind for finding in drift(manifest, after)} <= {"withheld", "unruled_grant", "setting"}


@given(MANIFESTS, PORTALS, st.integers(0, 1000).map(Random))
def test_the_order_of_rules_and_rows_changes_nothing(manifest: PortalManifest, live: Snapshot, order: Random) -> None:
    def shuffled(items: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(order.sample(items, len(items)))

    other = replace(
        manifest,
        trusted_domains=shuffled(manifest.trusted_domains),
        denied_domains=shuffled(manifest.denied_domains),
        overrides=shuffled(manifest.overrides),
        teams=shuffled(
            tuple(replace(item, members=item.members and shuffled(item.members)) for item in manifest.teams)
        ),
    )
    rows = replace(live, developers=shuffled(live.developers), teams=shuffled(live.teams))
    assert planned(other, rows) == planned(manifest, live)
    assert drift(other, rows) == drift(manifest, live)


@given(MANIFESTS, PORTALS, st.sampled_from(DOMAINS), st.booleans(), st.sampled_from(NAMED))
def test_trust_in_another_domain_takes_nothing_from_anyone(
    manifest: PortalManifest, live: Snapshot, domain: str, subdomains: bool, named: tuple[str, ...]
) -> None:
    """Left out, for there it does: a domain within a trusted one brings its own teams; the first rule to name an
    exclusive team makes rules decide who is in it; and who is let back in is held to their own complete list."""
    before = replace(
        manifest,
        policy=replace(manifest.policy, reinstate=False),
        overrides=tuple(replace(rule, reinstate=None) for rule in manifest.overrides),
        trusted_domains=tuple(
            rule
            for rule in manifest.trusted_domains
            if domain not in enclosing(rule.domain) and rule.domain not in enclosing(domain)
        ),
        denied_domains=tuple(rule for rule in manifest.denied_domains if rule.domain != domain),
        teams=tuple(
            replace(item, members=item.members or ()) if item.membership == "exclusive" else item
            for item in manifest.teams
        ),
    )
    added = trusted(domain, *named, subdomains=subdomains)
    after = replace(before, trusted_domains=(*before.trusted_domains, added))
    assert taking(planned(after, live)) <= taking(planned(before, live))


@given(MANIFESTS, PORTALS, st.sampled_from(TEAMS))
def test_an_additive_team_loses_nobody_but_by_a_complete_list_or_an_expiry(
    manifest: PortalManifest, live: Snapshot, name: str
) -> None:
    teams = tuple(replace(item, membership="additive") if item.name == name else item for item in manifest.teams)
    complete = {rule.developer for rule in manifest.overrides if rule.teams is not None}
    for change in planned(replace(manifest, teams=teams), live).changes:
        domain_expired = any(why.rule == "trusted_domains" for why in change.why)
        if (
            change.op == "remove_member"
            and change.team == name
            and change.op_class != "expire"
            and not domain_expired
        ):
            assert change.developer is not None
            assert normal_address(change.developer.email or "") in complete
            assert [why.rule for why in change.why] == ["overrides"]


@given(MANIFESTS, PORTALS)
def test_each_change_has_a_reason_and_its_own_target_as_it_is(manifest: PortalManifest, live: Snapshot) -> None:
    changes = planned(manifest, live).changes
    inside = {item.name: live.members[item.id] for item in live.teams if item.id != "t-twin"}
    for change in changes:
        assert change.why
        for why in change.why:
            assert (why.file and why.line) or (why.rule, why.value) == ("policy", "unmatched")
        assert change.before != change.after
        if change.developer is not None and change.team is None:
            assert change.before == {"status": statuses(live)[change.developer.key]}
        elif change.developer is not None:
            assert change.before == {"member": change.developer.key in inside.get(change.team or "", ())}
    targets = [(change.developer, change.team) for change in changes]
    assert len(set(targets)) == len(targets)  # so no two contradict each other
    assert len({change.id for change in changes}) == len(changes)


def in_force(manifest: PortalManifest, *names: str | None) -> list[Override]:
    return [rule for rule in manifest.overrides if rule.expires != YESTERDAY and rule.developer in names]


def denied_by(manifest: PortalManifest, developer: Developer) -> bool:
    """Whether a rule in force keeps this account out, told the long way round."""
    names = suspects(developer.email or "")
    address = normal_address(developer.email or "")
    mine = [rule for rule in in_force(manifest, *names) if rule.id in {None, developer.id}]
    if any(rule.status in OUT for rule in mine):
        return True
    if any(rule.developer == address and rule.status is not None for rule in mine):
        return False
    domains = {domain_of(name) for name in names}
    return any(
        domain == rule.domain or (rule.subdomains and domain.endswith(f".{rule.domain}"))
        for rule in manifest.denied_domains
        for domain in domains
        if rule.expires != YESTERDAY
    )


def may_gain(manifest: PortalManifest, developer: Developer, accounts: Mapping[str, Developer]) -> bool:
    """Whether other accounts of the same address let this one have something, told the long way round."""
    address = normal_address(developer.email or "")
    others = [
        account.status
        for account in accounts.values()
        if normal_address(account.email or "") == address and account != developer
    ]
    pins = {rule.id for rule in in_force(manifest, address)} - {None}
    if developer.id in pins:
        return True
    match developer.status:
        case "rejected":
            alone = not others
        case _:
            alone = set(others) <= {"rejected"}
    return alone and not pins


@given(MANIFESTS, PORTALS)
def test_who_may_gain_something_and_who_must_be_out(manifest: PortalManifest, live: Snapshot) -> None:
    changes = planned(manifest, live).changes
    before, after = statuses(live), statuses(carried_out(live, changes))
    lets_back = manifest.policy.reinstate or any(rule.reinstate for rule in manifest.overrides)
    accounts = {item.id: item for item in live.developers}
    kept_out = {item.id for item in live.developers if denied_by(manifest, item)}
    assert all(after[item] in {"revoked", "rejected", "suspended"} for item in kept_out)
    for change in changes:
        if change.developer is None or not gains(change):
            continue
        developer = accounts[change.developer.key]
        assert developer.id not in kept_out
        assert normal_address(developer.email or "") is not None
        assert may_gain(manifest, developer, accounts)
        assert before[developer.id] not in OUT or lets_back
        assert after[developer.id] == ("pending" if change.op == "reopen" else "approved")


@given(MANIFESTS, PORTALS, st.sampled_from(STATUSES), st.integers(0, FEW))
def test_another_sign_up_under_an_address_takes_nothing_from_who_is_approved(
    manifest: PortalManifest, live: Snapshot, status: str, number: int
) -> None:
    """Whatever becomes of the twin, and whatever spelling it has; and a rejected twin changes nothing at all."""
    named = [account for account in live.developers if normal_address(account.email or "") is not None]
    if not named:
        return
    chosen = named[number % len(named)]
    twin = developer((chosen.email or "").swapcase(), status, "twin")
    crowd = replace(live, developers=(*live.developers, twin))
    alone, beside = planned(manifest, live), planned(manifest, crowd)
    approved = {account.id for account in live.developers if account.status == "approved"}

    def losses(plan: PortalPlan) -> set[tuple[str, str, str | None]]:
        return {loss for loss in taking(plan) if loss[1] in approved}

    assert losses(beside) <= losses(alone)
    if status == "rejected" and chosen.status in {"approved", "pending"}:
        mine = [change for change in beside.changes if change.developer is None or change.developer.id != "twin"]
        assert targets(mine) == targets(alone.changes)


def targets(changes: Iterable[Change]) -> list[tuple[str, str | None, str | None]]:
    return [(change.op, change.developer.key if change.developer else None, change.team) for change in changes]


def gains(change: Change) -> bool:
    out = change.before in ({"status": "revoked"}, {"status": "rejected"})
    return change.op in {"approve", "add_member"} or (change.op == "reopen" and out)


@given(MANIFESTS, PORTALS)
def test_removals_are_the_people_who_have_less_afterwards(manifest: PortalManifest, live: Snapshot) -> None:
    plan = planned(manifest, live)

    def held(state: Snapshot, developer: Developer) -> set[str]:
        inside = {team_id for team_id, developers in state.members.items() if developer.id in developers}
        return inside | ({"approval"} if statuses(state)[developer.id] == "approved" else set())

    after = carried_out(live, plan.changes)
    poorer = [item for item in live.developers if held(live, item) - held(after, item)]
    assert plan.summary["removals"] == len(poorer)
    assert ("removals" in {refusal.code for refusal in plan.refusals}) == (len(poorer) > 2)
