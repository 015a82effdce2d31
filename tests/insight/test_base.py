"""What a change of the manifest does: beside the plan of its base, on one reading."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.changes.plan import PortalPlan
from portalctl.changes.planning import compare, plan_portal
from portalctl.changes.saved_plan import without_base
from portalctl.changes.selection import Selection
from portalctl.insight.base import Base, against, former_access
from portalctl.insight.rule_changes import rule_changes
from portalctl.manifest.model import Membership, Policy, PortalManifest, RemovalLimits
from portalctl.portals.models import Snapshot
from tests.changes.build import (
    TODAY,
    YESTERDAY,
    denied,
    developer,
    member,
    override,
    planned,
    portal,
    protected,
    snapshot,
    team,
    trusted,
    whole_plan,
)

ANN, BOB, EVE, NEW = "ann@city.com", "bob@old.com", "eve@x.org", "new@city.com"
LIVE = snapshot(
    developer(ANN),
    developer(BOB),
    developer(EVE),
    developer(NEW, "pending"),
    developer("out@old.com", "revoked"),
    teams={"reds": [ANN, EVE], "blues": []},
)


def compared(base: PortalManifest, head: PortalManifest, live: Snapshot = LIVE, **chosen: Any) -> PortalPlan:
    """The whole comparison, as a run makes it; `live` has the members of every team."""
    found, was = compare(head, live, TODAY), compare(base, live, TODAY)
    selection = Selection(**chosen)
    former = former_access(base, head, live, TODAY, found.changes)
    made = plan_portal(head, live, found, TODAY, selection)
    return against(made, plan_portal(base, live, was, TODAY, selection), former, rule_changes(base, head))


def origins(plan: PortalPlan) -> dict[str, str | None]:
    return {change.id: change.origin for change in plan.changes}


def prevented(plan: PortalPlan) -> list[str]:
    assert plan.base is not None
    return [change.id for change in plan.base.prevented]


def unruled(plan: PortalPlan) -> list[tuple[str, str | None, str]]:
    assert plan.base is not None
    return [(each.developer.name, each.team, each.why[0].value) for each in plan.base.unruled]


def test_each_change_says_whose_doing_it_is_and_they_are_counted_apart() -> None:
    city = portal(trusted_domains=(trusted("city.com", line=10),))
    both = portal(trusted_domains=(trusted("new.com"), trusted("city.com", line=11)), teams=(team("reds", [BOB]),))
    plan = compared(city, both)
    assert origins(plan) == {f"approve:{NEW}": "pending", f"add_member:{BOB}:reds": "change"}
    assert (plan.summary["from_change"], plan.summary["already_pending"]) == (1, 1)
    assert prevented(plan) == []


def test_the_same_manifest_changes_nothing() -> None:
    rules = portal(trusted_domains=(trusted("city.com", "blues"),), teams=(team("blues"), team("new")))
    plan = compared(rules, rules)
    assert set(origins(plan).values()) == {"pending"}
    assert plan.base is not None
    assert not plan.base.has_content


def test_what_only_the_base_would_do_is_prevented() -> None:
    trusting = portal(trusted_domains=(trusted("city.com"),), overrides=(override(EVE, "revoked"),))
    plan = compared(trusting, portal(denied_domains=(denied("city.com"),)))
    assert prevented(plan) == [f"approve:{NEW}", f"revoke:{EVE}"]
    assert origins(plan) == {f"reject:{NEW}": "change", f"revoke:{ANN}": "change"}


def test_the_same_write_with_another_outcome_is_of_this_change_and_prevents_nothing() -> None:
    red, blue = (portal(teams=(team("new", description=words),)) for words in ("Red", "Blue"))
    plan = compared(red, blue)
    assert (origins(plan), prevented(plan)) == ({"create_team:new": "change"}, [])


@pytest.mark.parametrize(
    ("rules", "lost"),
    [
        ({"trusted_domains": (trusted("old.com"),)}, [(BOB, None, "old.com")]),
        ({"trusted_domains": (trusted("city.com", "reds"),), "teams": (team("reds"),)},
         [(ANN, None, "city.com"), (ANN, "reds", "city.com")]),
        ({"teams": (team("reds", [EVE]),)}, [(EVE, "reds", EVE)]),
        ({"overrides": (override(EVE, "approved", ["reds"]),), "teams": (team("reds"),)},
         [(EVE, None, EVE), (EVE, "reds", EVE)]),
        ({"trusted_domains": (trusted("old.com", expires=YESTERDAY),)}, []),  # gave nothing any more
        ({"denied_domains": (denied("old.com"),)}, []),
    ],
)  # fmt: skip
def test_a_deleted_rule_takes_nothing_away_and_whoever_it_held_is_named(
    rules: dict[str, Any], lost: list[tuple[str, str | None, str]]
) -> None:
    plan = compared(portal(**rules), portal())
    assert unruled(plan) == lost
    assert plan.changes == ()


def test_whoever_another_rule_still_holds_loses_nothing() -> None:
    base = portal(trusted_domains=(trusted("city.com", "reds"),), teams=(team("reds"),))
    listed = portal(overrides=(override(ANN, "approved"),), teams=(team("reds", [ANN]),))
    assert unruled(compared(base, listed)) == []
    only_listed = portal(teams=(team("reds", [ANN]),))
    assert unruled(compared(base, only_listed)) == [(ANN, None, "city.com")]


def test_what_is_taken_away_is_no_last_rule_lost_also_when_it_is_not_selected() -> None:
    base = portal(trusted_domains=(trusted("old.com"),), teams=(team("reds", [EVE, ANN], "exclusive"),))
    head = portal(policy=Policy(unmatched_approved="revoked"), teams=(team("reds", [ANN], "exclusive"),))
    assert unruled(compared(base, head)) == []
    assert unruled(compared(base, head, only=frozenset({"onboard"}))) == []


def test_whoever_leaves_an_exclusive_team_and_stays_approved_does_not_stay_in_it() -> None:
    approved = override(EVE, "approved")
    base = portal(overrides=(approved,), teams=(team("reds", [EVE, ANN], "exclusive"),))
    head = portal(overrides=(approved,), teams=(team("reds", [ANN], "exclusive"),))
    plan = compared(base, head)
    assert (origins(plan), unruled(plan)) == ({f"remove_member:{EVE}:reds": "change"}, [])


def test_whoever_is_sent_out_does_not_stay_live_though_an_additive_team_keeps_them() -> None:
    base = portal(teams=(team("reds", [EVE]),))
    head = portal(teams=(team("reds", []),), overrides=(override(EVE, "revoked"),))
    plan = compared(base, head)
    assert (origins(plan), unruled(plan)) == ({f"revoke:{EVE}": "change"}, [])


def test_a_pin_for_somebody_else_leaves_who_is_in_without_a_rule() -> None:
    base, head = (portal(overrides=(override(EVE, "approved", id=pin),)) for pin in (None, "another"))
    assert unruled(compared(base, head)) == [(EVE, None, EVE)]


LOSES = portal(overrides=(override(ANN, "revoked"),), policy=Policy(limits=RemovalLimits(removals=0)))


def refused(plan: PortalPlan) -> dict[str, str | None]:
    return {refusal.code: refusal.origin for refusal in plan.refusals}


def test_a_refusal_that_was_there_already_is_not_of_this_change() -> None:
    more = portal(
        overrides=(override(ANN, "revoked"),),
        policy=LOSES.policy,
        trusted_domains=(trusted("new.com"),),
    )
    assert refused(compared(LOSES, more)) == {"removals": "pending"}
    assert refused(compared(portal(), LOSES)) == {"removals": "change"}


def test_a_refusal_that_counts_is_of_this_change_when_it_takes_from_more_people() -> None:
    worse = portal(overrides=(override(ANN, "revoked"), override(EVE, "revoked")), policy=LOSES.policy)
    assert refused(compared(LOSES, worse)) == {"removals": "change"}
    assert refused(compared(worse, LOSES)) == {"removals": "pending"}


def test_a_person_who_loses_more_is_not_counted_twice() -> None:
    """Removed from a team besides being revoked: the brake counts one person, before and after."""
    more = portal(overrides=LOSES.overrides, policy=LOSES.policy, teams=(team("reds", [EVE], "exclusive"),))
    plan = compared(LOSES, more)
    assert origins(plan)[f"remove_member:{ANN}:reds"] == "change"
    assert refused(plan) == {"removals": "pending"}


def test_a_team_that_was_braked_already_is_not_held_against_a_change_of_another() -> None:
    names = [f"p{number}@x.org" for number in range(4)]
    live = snapshot(*map(developer, names), teams={"reds": names, "blues": names[:1]})
    reds, blues = team("reds", [], "exclusive"), team("blues", [], "exclusive")
    before = portal(teams=(reds, team("blues")))
    assert refused(compared(before, portal(teams=(reds, blues)), live)) == {"team_percent": "pending"}
    fewer = portal(teams=(team("reds", names[:1], "exclusive"), team("blues")))
    assert refused(compared(fewer, before, live)) == {"team_percent": "change"}


def test_a_newly_protected_person_is_refused_by_this_change() -> None:
    plan = compared(LOSES, portal(overrides=LOSES.overrides, policy=LOSES.policy, protected=(protected(ANN),)))
    assert refused(plan) == {"protected": "change", "removals": "pending"}


def test_the_digest_and_what_would_be_sent_do_not_depend_on_the_base() -> None:
    head = portal(trusted_domains=(trusted("city.com"),), overrides=(override(EVE, "revoked"),), policy=LOSES.policy)
    alone = planned(head, LIVE)
    for base in (portal(), head, LOSES):
        plan = compared(base, head)
        assert whole_plan(plan).digest == whole_plan(alone).digest
        assert without_base(plan).changes == alone.changes
        assert without_base(plan).refusals == alone.refusals


def test_only_a_refusal_of_this_change_counts() -> None:
    assert not whole_plan(compared(LOSES, LOSES)).newly_refused
    assert whole_plan(compared(LOSES, LOSES)).refused
    assert whole_plan(compared(portal(), LOSES)).newly_refused
    assert whole_plan(planned(LOSES, LIVE)).newly_refused


def test_another_portal_under_the_name_or_none_says_nothing() -> None:
    head = portal(trusted_domains=(trusted("city.com"),))
    other = PortalManifest("partners", "konnect", head.at, id="p-2", trusted_domains=head.trusted_domains)
    assert Base({"partners": head}).of(head) == head
    for base in (Base({"partners": other}), Base({}), Base({}, "broken")):
        assert base.of(head) == portal()
    assert [notice.code for notice in Base({}, "broken", ("it is gone",)).notices()] == ["no_base", "portal_gone"]


def named(name: str, id: str | None = None, title: str | None = None) -> PortalManifest:
    return PortalManifest(name, "konnect", portal().at, id=id, title=title)


@pytest.mark.parametrize(
    ("base", "head", "same"),
    [
        (named("a", "p-1"), named("a", "p-1"), True),
        (named("a", "p-1"), named("b", "p-1"), True),
        (named("a", title="P"), named("b", title="P"), True),
        (named("a", "p-1"), named("a", title="P"), True),
        (named("a", "p-1"), named("b", title="P"), False),
        (named("a", "p-1"), named("a", "p-2"), False),
        (named("a", title="P"), named("a", title="Q"), False),
        (named("a", "p-1"), replace(named("a", "p-1"), provider="konnect-v2"), False),
    ],
)
def test_a_portal_is_known_again_by_its_id_or_title_whatever_its_handle(
    base: PortalManifest, head: PortalManifest, *, same: bool
) -> None:
    base = replace(base, trusted_domains=(trusted("city.com"),))
    compared_with = Base({base.name: base}).of(head)
    assert (compared_with.trusted_domains != ()) == same
    assert compared_with.name == head.name
    assert (Base({base.name: base}).without({head.name: head}).gone == ()) == same


def test_two_portals_that_change_handles_stay_themselves() -> None:
    first, second = named("a", "p-1"), replace(named("b", "p-2"), trusted_domains=(trusted("city.com"),))
    base = Base({"a": first, "b": second})
    assert base.of(named("a", "p-2")) == replace(second, name="a")
    assert base.without({"a": named("a", "p-2"), "b": named("b", "p-1")}).gone == ()


DOMAINS = st.lists(st.sampled_from(["city.com", "old.com", "x.org"]), unique=True)
MEMBERS = st.none() | st.lists(st.sampled_from([ANN, BOB, EVE, NEW]), unique=True)


@st.composite
def manifests(draw: st.DrawFn) -> PortalManifest:
    listed = draw(MEMBERS)
    membership: Membership = draw(st.sampled_from(["additive", "exclusive"]))
    who = None if listed is None else [member(address) for address in listed]
    return portal(
        trusted_domains=tuple(trusted(name, *draw(st.sampled_from([(), ("reds",)]))) for name in draw(DOMAINS)),
        teams=(team("reds", who, membership),),
        overrides=tuple(
            override(address, draw(st.sampled_from(["approved", "revoked", "pending"])))
            for address in draw(st.lists(st.sampled_from([ANN, EVE, NEW]), unique=True))
        ),
    )


@given(base=manifests(), head=manifests())
def test_changes_pending_and_prevented_are_those_of_the_base(base: PortalManifest, head: PortalManifest) -> None:
    plan = compared(base, head)
    before = {change.id for change in planned(base, LIVE).changes}
    pending = {name for name, origin in origins(plan).items() if origin == "pending"}
    assert pending <= before
    assert set(prevented(plan)) == before - set(origins(plan))


@given(base=manifests(), head=manifests())
def test_nobody_is_said_to_stay_who_loses_it_or_is_held_by_a_rule(base: PortalManifest, head: PortalManifest) -> None:
    plan = compared(base, head)
    losing = {(change.developer.name, change.team) for change in plan.changes if change.developer}
    held = {address for rule in head.overrides for address in [rule.developer] if rule.status == "approved"}
    for name, team_name, _ in unruled(plan):
        assert (name, team_name) not in losing
        assert team_name is not None or name not in held


@given(head=manifests(), base=manifests())
def test_reading_more_than_needed_changes_no_plan(head: PortalManifest, base: PortalManifest) -> None:
    """Base and head share one that covers both; `planned` has what the head alone needs."""
    assert without_base(compared(base, head)).changes == planned(head, LIVE).changes
