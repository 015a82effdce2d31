"""The brake, protected people and the identity provider's teams: what refuses a plan, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from portalctl.changes.plan import PortalPlan
from portalctl.changes.selection import Selection
from portalctl.manifest.model import Policy, RemovalLimits
from portalctl.portals.models import Developer, Settings
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
)

ANN = "ann@city.com"
LOOSE = {"removals": 10_000, "removals_percent": 100, "team_percent": 100}


def codes(plan: PortalPlan) -> list[str]:
    return [refusal.code for refusal in plan.refusals]


def crowd(count: int, domain: str, status: str = "approved") -> list[Developer]:
    return [developer(f"p{n}@{domain}", status) for n in range(count)]


def limited(**limits: Any) -> Policy:
    return Policy(limits=RemovalLimits(**(LOOSE | limits)))


# How many people


@pytest.mark.parametrize(("count", "refused"), [(0, False), (9, False), (10, False), (11, True)])
def test_removals_by_default_ten(count: int, refused: bool) -> None:
    manifest = portal(denied_domains=(denied("bad.com"),), trusted_domains=(trusted("city.com"),))
    plan = planned(manifest, snapshot(*crowd(count, "bad.com"), *crowd(500, "city.com")))
    assert plan.summary["removals"] == count
    assert codes(plan) == ["removals"] * refused


@pytest.mark.parametrize(("count", "refused"), [(2, False), (3, False), (4, True)])
def test_removals_as_the_manifest_says(count: int, refused: bool) -> None:
    manifest = portal(policy=limited(removals=3), denied_domains=(denied("bad.com"),))
    assert codes(planned(manifest, snapshot(*crowd(count, "bad.com")))) == ["removals"] * refused


def losing(kind: str, count: int) -> PortalPlan:
    """`count` people who each lose one thing, in a large portal."""
    developers = crowd(count, "x.org")
    every: dict[str, dict[str, Any]] = {
        "revoke": {"denied_domains": (denied("x.org"),)},
        "reject": {"overrides": tuple(override(f"p{n}@x.org", "rejected") for n in range(count))},
        "reopen": {"overrides": tuple(override(f"p{n}@x.org", "pending") for n in range(count))},
        "expire": {"trusted_domains": (trusted("x.org", expires=YESTERDAY),)},
        "unmatched": {"policy": Policy(unmatched_approved="revoked"), "trusted_domains": (trusted("city.com"),)},
        "exclusive": {"teams": (team("reds", [], "exclusive"),)},
        "override teams": {
            "teams": (team("reds"),),
            "overrides": tuple(override(f"p{n}@x.org", teams=[]) for n in range(count)),
        },
        "expired member": {"teams": (team("reds", [member(f"p{n}@x.org", YESTERDAY) for n in range(count)]),)},
    }
    rules = every[kind]
    stay = crowd(300, "city.com")
    listed = (
        tuple(override(developer.email or "", teams=["reds"]) for developer in stay) if kind == "exclusive" else ()
    )
    in_team = {"reds": [developer.id for developer in (*developers, *stay)]}
    manifest = portal(**({"overrides": listed} | rules))
    return planned(manifest, snapshot(*developers, *stay, teams=in_team))


@pytest.mark.parametrize(
    "kind",
    ["revoke", "reject", "reopen", "expire", "unmatched", "exclusive", "override teams", "expired member"],
)
@pytest.mark.parametrize(("count", "refused"), [(10, False), (11, True)])
def test_every_kind_of_loss_counts(kind: str, count: int, refused: bool) -> None:
    plan = losing(kind, count)
    assert plan.summary["removals"] == count
    assert codes(plan) == ["removals"] * refused


def test_people_are_counted_and_not_changes() -> None:
    teams = tuple(team(name, [], "exclusive") for name in ("a", "b", "c"))
    manifest = portal(policy=limited(removals=3), denied_domains=(denied("bad.com"),), teams=teams)
    gone = crowd(3, "bad.com")
    plan = planned(manifest, snapshot(*gone, teams={item.name: [p.id for p in gone] for item in teams}))
    assert (len(plan.changes), plan.summary["removals"], codes(plan)) == (12, 3, [])


def test_two_registrations_of_one_address_are_two() -> None:
    manifest = portal(policy=limited(removals=1), overrides=(override(ANN, "revoked"),))
    assert codes(planned(manifest, snapshot(developer(ANN, id="1"), developer("ANN@city.com", id="2")))) == [
        "removals"
    ]


def test_thirty_denied_sign_ups_stop_nobody() -> None:
    rules: dict[str, Any] = {
        "policy": Policy(unmatched_pending="rejected", limits=RemovalLimits(removals=0, removals_percent=0)),
        "denied_domains": (denied("bad.com"),),
        "trusted_domains": (trusted("city.com"),),
        "overrides": tuple(override(f"p{n}@worse.com", "revoked") for n in range(5)),
    }
    sign_ups = [
        *crowd(30, "bad.com", "pending"), *crowd(5, "worse.com", "pending"), *crowd(5, "stranger.org", "pending")
    ]  # fmt: skip
    plan = planned(portal(**rules), snapshot(*sign_ups, developer(ANN, "pending")))
    assert {"approve": 1, "reject": 35, "revoke": 5}.items() <= plan.summary.items()
    assert (plan.summary["removals"], codes(plan)) == (0, [])


# Which share of the approved people


@pytest.mark.parametrize(
    ("leave", "stay", "refused"),
    [
        (4, 0, False),  # four of four: a small number says nothing
        (5, 0, True),
        (5, 44, True),  # 10.2 %
        (5, 45, False),  # 10 % exactly
        (6, 54, False),
        (6, 53, True),
    ],
)
def test_removals_percent_counts_from_five_people_on(leave: int, stay: int, refused: bool) -> None:
    manifest = portal(denied_domains=(denied("bad.com"),), trusted_domains=(trusted("city.com"),))
    waiting = crowd(200, "waiting.org", "pending") + crowd(200, "out.org", "revoked")  # not approved: no part of it
    plan = planned(manifest, snapshot(*crowd(leave, "bad.com"), *crowd(stay, "city.com"), *waiting))
    assert codes(plan) == ["removals_percent"] * refused


@pytest.mark.parametrize(("percent", "refused"), [(49, True), (50, False)])
def test_removals_percent_as_the_manifest_says(percent: int, refused: bool) -> None:
    manifest = portal(policy=limited(removals_percent=percent), denied_domains=(denied("bad.com"),))
    plan = planned(manifest, snapshot(*crowd(5, "bad.com"), *crowd(5, "city.com")))
    assert codes(plan) == ["removals_percent"] * refused


@pytest.mark.parametrize(("count", "refused"), [(4, False), (5, True)])
def test_a_portal_without_approved_people_is_braked_too(count: int, refused: bool) -> None:
    gone = crowd(count, "bad.com", "revoked")
    manifest = portal(policy=limited(removals_percent=10), teams=(team("reds", [], "exclusive"),))
    plan = planned(manifest, snapshot(*gone, teams={"reds": [developer.id for developer in gone]}))
    assert codes(plan) == ["removals_percent"] * refused


def test_an_empty_portal_refuses_nothing() -> None:
    plan = planned(portal(denied_domains=(denied("bad.com"),), teams=(team("reds", [], "exclusive"),)), snapshot())
    assert (plan.summary["removals"], codes(plan)) == (0, [])


# How much of one team


@pytest.mark.parametrize(
    ("size", "leave", "percent", "refused"),
    [
        (3, 3, 50, False),  # smaller than four: no share is counted
        (4, 2, 50, False),
        (4, 3, 50, True),
        (5, 2, 50, False),
        (5, 3, 50, True),
        (10, 1, 10, False),
        (10, 2, 10, True),
        (4, 1, 0, True),
    ],
)
def test_team_percent_counts_in_teams_of_four_or_more(size: int, leave: int, percent: int, refused: bool) -> None:
    developers = crowd(size, "city.com")
    stay = [developer.email or "" for developer in developers[leave:]]
    manifest = portal(policy=limited(team_percent=percent), teams=(team("reds", stay, "exclusive"),))
    plan = planned(manifest, snapshot(*developers, teams={"reds": [developer.id for developer in developers]}))
    assert [(refusal.code, refusal.team) for refusal in plan.refusals] == [("team_percent", "reds")] * refused


def test_each_team_is_counted_by_itself() -> None:
    developers = crowd(8, "city.com")
    halves = {"blues": developers[:4], "reds": developers[4:]}
    manifest = portal(
        policy=limited(),
        teams=(team("blues", [p.email or "" for p in developers[2:4]], "exclusive"), team("reds", [], "exclusive")),
    )
    braked = portal(policy=limited(team_percent=50), teams=manifest.teams)
    live = snapshot(*developers, teams={name: [p.id for p in half] for name, half in halves.items()})
    assert codes(planned(manifest, live)) == []
    assert [(r.code, r.team) for r in planned(braked, live).refusals] == [("team_percent", "reds")]


# Protected people


@pytest.mark.parametrize(
    "spelling", ["owner@city.com", "Owner@CITY.com", "owner+admin@city.com", "OWNER+a+b@City.com"]
)
def test_a_removal_planned_for_a_protected_person_refuses(spelling: str) -> None:
    manifest = portal(protected=(protected("owner@city.com"),), denied_domains=(denied("city.com"),))
    plan = planned(manifest, snapshot(developer(spelling), developer(ANN)))
    assert [(refusal.code, refusal.developer) for refusal in plan.refusals] == [("protected", spelling)]


def test_a_protected_person_loses_no_team_either() -> None:
    manifest = portal(protected=(protected(ANN),), teams=(team("reds", [], "exclusive"),))
    plan = planned(manifest, snapshot(developer(ANN), teams={"reds": [ANN]}))
    assert codes(plan) == ["protected"]


def test_a_protected_tagged_form_protects_that_form() -> None:
    manifest = portal(protected=(protected("ann+x@city.com"),), denied_domains=(denied("city.com"),))
    assert codes(planned(manifest, snapshot(developer(ANN)))) == []
    assert codes(planned(manifest, snapshot(developer("ann+x@city.com")))) == ["protected"]


def test_a_pending_sign_up_loses_nothing_and_is_protected_from_nothing() -> None:
    manifest = portal(protected=(protected(ANN),), denied_domains=(denied("city.com"),))
    assert codes(planned(manifest, snapshot(developer(ANN, "pending")))) == []


# Until, allowances, selections


@pytest.mark.parametrize(
    ("until", "limits"), [(None, (50, 60, 70)), (TODAY, (50, 60, 70)), (YESTERDAY, (10, 10, 50))]
)
def test_limits_hold_through_their_last_day_and_then_the_defaults(until: Any, limits: tuple[int, int, int]) -> None:
    policy = Policy(limits=RemovalLimits(50, 60, 70, until))
    manifest = portal(policy=policy, denied_domains=(denied("bad.com"),))
    plan = planned(manifest, snapshot(*crowd(11, "bad.com"), *crowd(11, "city.com")))
    held = plan.guard.limits
    assert (held.removals, held.removals_percent, held.team_percent) == limits
    assert codes(plan) == ([] if limits[0] == 50 else ["removals", "removals_percent"])


@pytest.mark.parametrize(("allowed", "refused"), [(11, True), (12, False), (0, True)])
def test_an_allowance_stands_in_for_all_three_limits(allowed: int, refused: bool) -> None:
    developers = crowd(12, "bad.com")
    manifest = portal(denied_domains=(denied("bad.com"),), teams=(team("reds", [], "exclusive"),))
    live = snapshot(*developers, teams={"reds": [developer.id for developer in developers]})
    assert codes(planned(manifest, live)) == ["removals", "removals_percent", "team_percent"]
    plan = planned(manifest, live, selection=Selection(allow_removals=allowed))
    assert codes(plan) == ["removals"] * refused
    assert plan.guard.allow_removals == allowed


def test_an_allowance_may_be_stricter_than_the_manifest() -> None:
    plan = losing("revoke", 2)
    assert codes(plan) == []
    manifest = portal(denied_domains=(denied("x.org"),))
    strict = planned(manifest, snapshot(*crowd(2, "x.org")), selection=Selection(allow_removals=1))
    assert codes(strict) == ["removals"]


def test_no_allowance_covers_protected_people_or_the_identity_providers_teams() -> None:
    manifest = portal(protected=(protected(ANN),), teams=(team("reds", [], "exclusive"),))
    live = snapshot(developer(ANN), teams={"reds": [ANN]}, settings=Settings(team_mapping=True))
    plan = planned(manifest, live, selection=Selection(allow_removals=99))
    assert codes(plan) == ["protected", "idp_owned_team"]


def test_only_what_would_be_sent_is_counted() -> None:
    manifest = portal(
        denied_domains=(denied("bad.com"),),
        trusted_domains=(trusted("city.com"),),
        overrides=tuple(override(f"p{number}@old.com", "approved", expires=YESTERDAY) for number in range(8)),
        protected=(protected("p0@bad.com"),),
    )
    live = snapshot(*crowd(8, "bad.com"), *crowd(8, "old.com"), *crowd(200, "city.com"), developer(ANN, "pending"))
    seen = {
        only: planned(manifest, live, selection=Selection(only=frozenset(only) if only else None))
        for only in ((), ("offboard",), ("expire",), ("onboard",))
    }
    assert {only: plan.summary["removals"] for only, plan in seen.items()} == {
        (): 16, ("offboard",): 8, ("expire",): 8, ("onboard",): 0
    }  # fmt: skip
    assert {only: codes(plan) for only, plan in seen.items()} == {
        (): ["protected", "removals"], ("offboard",): ["protected"], ("expire",): [], ("onboard",): []
    }  # fmt: skip


# The identity provider's teams


@pytest.mark.parametrize(
    ("mapping", "synced", "refused"),
    [
        (True, None, True),
        (True, True, True),
        (True, False, False),
        (False, None, False),
        (False, True, False),
        (False, False, False),
        (None, None, False),  # the portal does not tell, and neither does the manifest: a notice
        (None, True, True),
        (None, False, False),
    ],
)
@pytest.mark.parametrize("change", ["create_team", "update_team", "add_member", "remove_member"])
def test_a_change_to_a_synced_team_refuses(
    change: str, mapping: bool | None, synced: bool | None, refused: bool
) -> None:
    rules: dict[str, Any] = {
        "create_team": team("reds", synced=synced),
        "update_team": team("reds", description="Red", synced=synced),
        "add_member": team("reds", [ANN, "bob@city.com"], synced=synced),
        "remove_member": team("reds", [], "exclusive", synced=synced),
    }
    teams = {} if change == "create_team" else {"reds": [ANN]}
    live = snapshot(developer(ANN), developer("bob@city.com"), teams=teams, settings=Settings(team_mapping=mapping))
    plan = planned(portal(teams=(rules[change],)), live)
    assert [c.op for c in plan.changes] == [change]
    assert [(refusal.code, refusal.team) for refusal in plan.refusals] == [("idp_owned_team", "reds")] * refused
    told = [notice.code for notice in plan.notices if notice.code == "team_mapping_unknown"]
    assert told == ["team_mapping_unknown"] * (mapping is None)


def test_a_team_left_to_the_identity_provider_refuses_nothing() -> None:
    manifest = portal(
        teams=(team("staff", None, "idp"), team("own", [ANN], synced=False)),
        trusted_domains=(trusted("city.com", "staff"),),
    )
    live = snapshot(developer(ANN, "pending"), teams={"staff": [], "own": []}, settings=Settings(team_mapping=True))
    plan = planned(manifest, live)
    assert ([c.op for c in plan.changes], codes(plan)) == (["add_member", "approve"], [])


def test_synced_teams_without_changes_refuse_nothing() -> None:
    manifest = portal(teams=(team("reds", [ANN]),), trusted_domains=(trusted("city.com"),))
    live = snapshot(
        developer(ANN),
        developer("bob@city.com", "pending"),
        teams={"reds": [ANN]},
        settings=Settings(team_mapping=True),
    )
    assert codes(planned(manifest, live)) == []


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        (Settings(auto_approve_developers=True, team_mapping=False), "auto_approve_developers"),
        (Settings(single_sign_on=True, team_mapping=False), "single_sign_on"),
        (Settings(rbac_enabled=False, team_mapping=False), "rbac_off"),
    ],
)
def test_what_the_portal_does_by_itself_is_a_notice(settings: Settings, code: str) -> None:
    plan = planned(portal(teams=(team("reds"),)), snapshot(teams={"reds": []}, settings=settings))
    assert [(notice.code, notice.severity) for notice in plan.notices] == [(code, "warning")]
    assert codes(plan) == []
