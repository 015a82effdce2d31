"""Who joins a team, who leaves it, who waits, and what becomes of the teams themselves."""

from __future__ import annotations

from typing import Any

import pytest

from portalctl.changes.operation import CLASSES
from portalctl.changes.operations import NAMES
from portalctl.changes.order import rank
from portalctl.changes.selection import Selection
from portalctl.manifest.model import AccessRule, Membership, Policy, Role
from portalctl.portals.models import AccessRequest, Assignment, Registration
from portalctl.portals.models import Team as LiveTeam
from portalctl.rules.rulebook import Rulebook
from portalctl.words import plural
from tests.changes.build import (
    FILE,
    TODAY,
    YESTERDAY,
    as_read,
    denied,
    developer,
    drift,
    ids,
    member,
    override,
    planned,
    portal,
    reason,
    snapshot,
    team,
    trusted,
    where,
)

ANN, BOB, EVE = "ann@city.com", "bob@city.com", "eve@x.org"
WITHOUT_KEY = None
WEATHER = "0a6f2c0e-0000-4000-8000-000000000001"


# Who stays in each kind of team, by what `members` says


@pytest.mark.parametrize(
    ("membership", "members", "changes", "kept"),
    [
        ("additive", WITHOUT_KEY, [], 0),  # nothing says who is to be in it: not managed
        ("additive", [], [], 2),
        ("additive", [ANN], [], 1),
        ("additive", [ANN, BOB], ["add_member:bob@city.com:reds"], 1),
        ("exclusive", WITHOUT_KEY, [], 0),
        ("exclusive", [], ["remove_member:ann@city.com:reds", "remove_member:eve@x.org:reds"], 0),
        ("exclusive", [ANN], ["remove_member:eve@x.org:reds"], 0),
        (
            "exclusive",
            [BOB],
            ["add_member:bob@city.com:reds", "remove_member:ann@city.com:reds", "remove_member:eve@x.org:reds"],
            0,
        ),
        ("idp", WITHOUT_KEY, [], 0),
    ],
)
def test_members_absent_none_or_listed(membership: Membership, members: Any, changes: list[str], kept: int) -> None:
    manifest = portal(teams=(team("reds", members, membership),))
    live = snapshot(developer(ANN), developer(BOB), developer(EVE), teams={"reds": [ANN, EVE]})
    plan = planned(manifest, live)
    assert ids(plan.changes) == changes
    counted = [n.message for n in plan.notices if n.code == "unruled_members"]
    developers = {1: "1 developer", 2: "2 developers"}.get(kept)
    assert counted == ([f"team reds keeps {developers} that no rule puts there (additive)"] if kept else [])


@pytest.mark.parametrize(
    "rules",
    [
        {"trusted_domains": (trusted("city.com", "reds"),)},
        {"overrides": (override(ANN, teams=["reds"]),)},
    ],
)
def test_an_exclusive_team_named_by_a_domain_or_an_override_loses_everyone_not_wanted(rules: Any) -> None:
    manifest = portal(teams=(team("reds", None, "exclusive"),), **rules)
    plan = planned(manifest, snapshot(developer(ANN), developer(EVE), teams={"reds": [ANN, EVE]}))
    assert [(c.id, where(c)) for c in plan.changes] == [("remove_member:eve@x.org:reds", [("teams", FILE, 30)])]


@pytest.mark.parametrize(
    "rules",
    [
        {"trusted_domains": (trusted("city.com", "reds", expires=YESTERDAY),)},
        {"overrides": (override(ANN, "approved", ["reds"], expires=YESTERDAY),)},
    ],
)
def test_an_expired_rule_no_longer_makes_a_team_lose_people(rules: Any) -> None:
    manifest = portal(teams=(team("reds", None, "exclusive"),), **rules)
    plan = planned(manifest, snapshot(developer(ANN), developer(EVE), teams={"reds": [ANN, EVE]}))
    assert ids(plan.changes) == ["revoke:ann@city.com", "remove_member:ann@city.com:reds"]


def test_an_exclusive_team_whose_members_have_all_expired_is_empty() -> None:
    manifest = portal(teams=(team("reds", [member(ANN, YESTERDAY)], "exclusive"),))
    plan = planned(manifest, snapshot(developer(ANN), developer(EVE), teams={"reds": [ANN, EVE]}))
    assert [(c.id, c.op_class) for c in plan.changes] == [
        ("remove_member:ann@city.com:reds", "expire"),
        ("remove_member:eve@x.org:reds", "offboard"),
    ]


def test_only_teams_that_rules_can_touch_are_read() -> None:
    teams = (
        team("listed", []),
        team("by-domain"),
        team("by-override"),
        team("was-by-domain"),
        team("untouched", None, "exclusive"),
        team("idp", None, "idp"),
    )
    rules: dict[str, Any] = {
        "teams": teams,
        "trusted_domains": (
            trusted("city.com", "by-domain", "idp"),
            trusted("x.org", "was-by-domain", expires=YESTERDAY),
        ),
    }
    touched = Rulebook.of(portal(**rules), TODAY).touched_teams()
    assert touched == {"listed", "by-domain", "was-by-domain"}
    complete = portal(**rules, overrides=(override(ANN, teams=["by-override"]),))
    assert Rulebook.of(complete, TODAY).touched_teams() == {item.name for item in teams} - {"idp"}


def test_another_persons_complete_list_makes_no_stranger_unruled() -> None:
    manifest = portal(teams=(team("reds"), team("blues")), overrides=(override(ANN, teams=["reds"]),))
    live = snapshot(developer(ANN), developer(EVE), teams={"reds": [ANN], "blues": [EVE]})
    assert planned(manifest, live).changes == ()
    assert [(f.kind, f.developer, f.team) for f in drift(manifest, live) if f.team] == []


# Sources add up; an override's list is complete


def test_team_sources_add_up_and_every_reason_is_given() -> None:
    manifest = portal(
        trusted_domains=(trusted("city.com", "reds", "blues"),),
        teams=(team("reds", [ANN]), team("blues"), team("greens", [ANN])),
    )
    plan = planned(manifest, snapshot(developer(ANN), teams={"reds": [], "blues": [], "greens": []}))
    assert [(c.team, [why[0] for why in where(c)]) for c in plan.changes] == [
        ("blues", ["trusted_domains"]),
        ("greens", ["members"]),
        ("reds", ["trusted_domains", "members"]),
    ]


@pytest.mark.parametrize(
    ("listed", "changes"),
    [
        (None, ["add_member:ann@city.com:blues", "add_member:ann@city.com:reds"]),
        ([], ["remove_member:ann@city.com:greens"]),
        (["reds"], ["add_member:ann@city.com:reds", "remove_member:ann@city.com:greens"]),
        (["greens"], []),
    ],
)
def test_an_overrides_teams_are_the_whole_list(listed: list[str] | None, changes: list[str]) -> None:
    manifest = portal(
        trusted_domains=(trusted("city.com", "blues"),),
        teams=(team("reds", [ANN]), team("blues"), team("greens")),
        overrides=(override(ANN, "approved", listed),),
    )
    live = snapshot(
        developer(ANN), developer(BOB), teams={"reds": [], "blues": [BOB], "greens": [ANN], "by-hand": [ANN]}
    )
    plan = planned(manifest, live)
    assert ids(plan.changes) == changes
    assert all(where(c) == [("overrides", FILE, 50)] for c in plan.changes if listed is not None)


def test_a_complete_list_leaves_the_identity_providers_teams_alone() -> None:
    manifest = portal(teams=(team("staff", None, "idp"),), overrides=(override(ANN, teams=[]),))
    assert planned(manifest, snapshot(developer(ANN), teams={"staff": [ANN]})).changes == ()


# Status and teams


@pytest.mark.parametrize("status", ["revoked", "rejected"])
@pytest.mark.parametrize(
    ("rules", "kind"),
    [
        ({"overrides": (override(ANN, "revoked"),)}, "overrides"),
        ({"denied_domains": (denied("city.com"),)}, "denied_domains"),
        ({"trusted_domains": (trusted("city.com", "closed", "open"),)}, "teams"),  # withheld
        ({}, "teams"),
    ],
)
def test_who_is_out_leaves_exclusive_teams_and_stays_in_additive_ones(rules: Any, kind: str, status: str) -> None:
    manifest = portal(teams=(team("closed", [ANN], "exclusive"), team("open", [])), **rules)
    live = snapshot(developer(ANN, status), teams={"closed": [ANN], "open": [ANN]})
    plan = planned(manifest, live)
    assert [(c.id, where(c)[0][0]) for c in plan.changes] == [("remove_member:ann@city.com:closed", kind)]
    assert [n.code for n in plan.notices if n.code == "unruled_members"] == []


@pytest.mark.parametrize(
    "rules",
    [
        {"overrides": (override(ANN, "approved", []),)},
        {
            "overrides": (override(ANN, "approved", []),),
            "trusted_domains": (trusted("city.com", "open", expires=YESTERDAY),),
        },
        {
            "trusted_domains": (
                trusted("com", "open", subdomains=True),
                trusted("city.com", "open", expires=YESTERDAY),
            ),
        },
    ],
    ids=["complete list", "complete list and expired domain", "expired domain and another"],
)
def test_who_is_out_stays_in_an_additive_team_that_no_expired_rule_alone_gave(rules: Any) -> None:
    manifest = portal(teams=(team("open"),), **rules)
    assert planned(manifest, snapshot(developer(ANN, "revoked"), teams={"open": [ANN]})).changes == ()


def test_who_is_put_out_leaves_exclusive_teams_at_once() -> None:
    manifest = portal(
        teams=(team("closed", [ANN], "exclusive"), team("open", [ANN])), overrides=(override(ANN, "revoked"),)
    )
    plan = planned(manifest, snapshot(developer(ANN), teams={"closed": [ANN], "open": [ANN]}))
    assert ids(plan.changes) == ["revoke:ann@city.com", "remove_member:ann@city.com:closed"]


@pytest.mark.parametrize(
    ("rules", "op_class", "rule"),
    [
        ({"trusted_domains": (trusted("city.com", expires=YESTERDAY),)}, "offboard", "trusted_domains"),
        ({"overrides": (override(ANN, "approved", expires=YESTERDAY),)}, "expire", "overrides"),
    ],
)
def test_all_removals_that_follow_from_an_expiry_are_of_one_class(rules: Any, op_class: str, rule: str) -> None:
    """So that a selection never removes a membership of a developer who stays approved for now."""
    manifest = portal(teams=(team("closed", [ANN], "exclusive"),), **rules)
    live = snapshot(developer(ANN), teams={"closed": [ANN]})
    changes = planned(manifest, live).changes
    assert [(c.op, c.op_class, where(c)[0][0]) for c in changes] == [
        ("revoke", op_class, rule),
        ("remove_member", op_class, rule),
    ]


@pytest.mark.parametrize(
    ("status", "changes", "awaited"),
    [
        ("approved", ["add_member:ann@city.com:reds"], 0),
        ("pending", [], 1),
        ("revoked", [], 0),
        ("rejected", [], 0),
    ],
)
def test_a_list_adds_only_who_is_approved_and_awaits_who_may_be(
    status: str, changes: list[str], awaited: int
) -> None:
    plan = planned(portal(teams=(team("reds", [ANN]),)), snapshot(developer(ANN, status), teams={"reds": []}))
    assert ids(plan.changes) == changes
    assert plan.summary["awaited"] == awaited


def test_who_is_becoming_approved_is_added_too() -> None:
    manifest = portal(
        policy=Policy(reinstate=True), trusted_domains=(trusted("city.com", "reds"),), teams=(team("reds"),)
    )
    live = snapshot(developer(ANN, "pending"), developer(BOB, "revoked"), teams={"reds": []})
    assert ids(planned(manifest, live).changes) == [
        "add_member:ann@city.com:reds",
        "add_member:bob@city.com:reds",
        "approve:ann@city.com",
        "approve:bob@city.com",
    ]


def test_who_is_set_back_to_pending_is_not_added_and_keeps_what_rules_give() -> None:
    manifest = portal(
        overrides=(override(ANN, "pending"),), teams=(team("reds", [ANN]), team("blues", [ANN], "exclusive"))
    )
    plan = planned(manifest, snapshot(developer(ANN), teams={"reds": [], "blues": [ANN]}))
    assert ids(plan.changes) == ["reopen:ann@city.com"]
    assert plan.summary["awaited"] == 1


@pytest.mark.parametrize(
    ("rules", "awaited"),
    [
        ({}, 3),  # ann and tagged by list, kim by override
        (
            {"overrides": (override("kim@x.org", "approved"), override(ANN, "revoked"))},
            1,
        ),  # ann's denial covers the tag
    ],
)
def test_people_who_have_not_registered_are_awaited_unless_denied(rules: Any, awaited: int) -> None:
    by_default = {"overrides": (override("kim@x.org", "approved"),)}
    manifest = portal(teams=(team("reds", [ANN, "ann+x@city.com"]),), **(by_default | rules))
    assert planned(manifest, snapshot(teams={"reds": []})).summary["awaited"] == awaited


def test_a_registration_under_another_spelling_is_not_awaited() -> None:
    plan = planned(
        portal(teams=(team("reds", [ANN]),)), snapshot(developer("Ann@CITY.com"), teams={"reds": ["Ann@CITY.com"]})
    )
    assert (plan.changes, plan.summary["awaited"]) == ((), 0)


# Teams themselves


def test_a_missing_team_is_created_before_anyone_is_added() -> None:
    manifest = portal(teams=(team("reds", [ANN], description="Red"), team("blues")))
    plan = planned(manifest, snapshot(developer(ANN)))
    assert [(c.id, c.before, c.after) for c in plan.changes] == [
        ("create_team:blues", None, {"name": "blues"}),
        ("create_team:reds", None, {"name": "reds", "description": "Red"}),
        ("add_member:ann@city.com:reds", {"member": False}, {"member": True}),
    ]
    assert where(plan.changes[0]) == [("teams", FILE, 30)]


@pytest.mark.parametrize(
    ("wanted", "live", "after"),
    [
        (None, "by hand", None),
        ("Red", "Red", None),
        ("Red", "by hand", {"description": "Red"}),
        ("Red", None, {"description": "Red"}),
    ],
)
def test_a_description_is_managed_once_it_is_written(wanted: str | None, live: str | None, after: Any) -> None:
    manifest = portal(teams=(team("reds", description=wanted),))
    plan = planned(manifest, snapshot(live_teams=(LiveTeam("t-reds", "reds", live),)))
    assert [(c.op, c.before, c.after) for c in plan.changes] == (
        [("update_team", {"description": live}, after)] if after else []
    )


def test_the_identity_providers_team_is_never_written() -> None:
    manifest = portal(
        teams=(team("staff", None, "idp", description="Ours"), team("gone", None, "idp")),
        trusted_domains=(trusted("city.com", "staff", "gone"),),
    )
    plan = planned(manifest, snapshot(developer(ANN), developer(EVE), teams={"staff": [EVE]}))
    assert plan.changes == ()
    assert [n.code for n in plan.notices] == ["missing_idp_team"]


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("city", "they differ only in letter case"),
        ("Cit\u0443", "the first has U+0443 CYRILLIC SMALL LETTER U"),
        ("C i ty", "they differ only in white space"),
    ],
)
def test_a_new_team_that_looks_like_a_live_one_gets_a_notice(name: str, how: str) -> None:
    plan = planned(portal(teams=(team(name), team("blues"))), snapshot(teams={"City": [], "Reds": []}))
    assert {(c.op, c.team) for c in plan.changes} == {("create_team", "blues"), ("create_team", name)}
    assert [(n.code, n.severity) for n in plan.notices] == [("similar_team", "warning")]
    assert plan.notices[0].message == f"team {name} is not on the portal and looks like City, which is: {how}"


def test_a_missing_team_of_the_identity_provider_that_looks_like_a_live_one_gets_a_notice() -> None:
    plan = planned(portal(teams=(team("city", None, "idp"),)), snapshot(teams={"City": []}))
    assert [n.code for n in plan.notices] == ["missing_idp_team", "similar_team"]


def test_two_live_teams_of_one_name_refuse_and_are_left_alone() -> None:
    manifest = portal(teams=(team("reds", [ANN], "exclusive", description="Red"),))
    twice = (LiveTeam("t-reds", "reds"), LiveTeam("t-2", "reds"))
    live = snapshot(developer(ANN), developer(EVE), teams={"reds": [EVE]}, live_teams=twice)
    plan = planned(manifest, live)
    assert plan.changes == ()
    assert [(r.code, r.team) for r in plan.refusals] == [("ambiguous_team", "reds")]
    idp = planned(portal(teams=(team("reds", None, "idp"),)), live)
    assert idp.refusals == ()


def test_live_teams_that_nobody_declared_are_nobodys_business() -> None:
    live = snapshot(developer(ANN), teams={"by-hand": [ANN]})
    assert planned(portal(teams=(), trusted_domains=(trusted("city.com"),)), live).changes == ()


# Order and selection

EVERYTHING = portal(
    policy=Policy(reinstate=True),
    trusted_domains=(trusted("city.com", "reds"),),
    overrides=(
        override("z@old.com", "approved", expires=YESTERDAY),
        override("rev@x.org", "revoked", on_revoke="revoke_registrations"),
        override("rej@x.org", "rejected"),
        override("pen@x.org", "pending"),
        override("back@x.org", "pending"),
        override("gone@x.org", "absent"),
        override("guest@x.org", "approved", ["blues"], invite=True, full_name="Guest"),
    ),
    access_requests=(
        AccessRule(("Weather",), reason("access_requests", "Weather"), domains=("city.com",), status="approved"),
    ),
    teams=(
        team("reds", [], "exclusive"),
        team("blues", [ANN], description="Blue", roles=(Role("API Viewer", WEATHER, reason("teams", "blues")),)),
        team("new", [ANN]),
    ),
)
USES_WEATHER = Registration("r-1", "id-rev@x.org", "a-1", "Scores", "Weather", "approved")
EVERYONE = snapshot(
    developer(ANN, "pending"),
    developer(BOB, "revoked"),
    developer("z@old.com"),
    developer("rev@x.org"),
    developer("rej@x.org"),
    developer("pen@x.org"),
    developer("back@x.org", "rejected"),
    developer("gone@x.org"),
    developer(EVE),
    teams={"reds": [EVE], "blues": []},
    roles={"t-blues": (Assignment("r-2", "API Consumer", WEATHER),)},
    requests=(AccessRequest("q-1", f"id-{ANN}", "a-2", "App", "Weather"),),
)


def test_changes_come_in_the_order_of_writing() -> None:
    changes = planned(EVERYTHING, EVERYONE, registrations=[USES_WEATHER]).changes
    assert ids(changes) == [
        "create_team:new",
        "update_team:blues",
        f"assign_role:blues:API Viewer:{WEATHER}",
        "create_developer:guest@x.org",
        "add_member:ann@city.com:blues",
        "add_member:ann@city.com:new",
        "add_member:ann@city.com:reds",
        "add_member:bob@city.com:reds",
        "add_member:guest@x.org:blues",
        "approve:ann@city.com",
        "approve_request:ann@city.com:q-1",
        "approve:bob@city.com",
        "reopen:back@x.org",
        "revoke:z@old.com",
        "revoke_registration:rev@x.org:r-1",
        "reopen:pen@x.org",
        "reject:rej@x.org",
        "revoke:rev@x.org",
        "remove_member:eve@x.org:reds",
        f"unassign_role:blues:API Consumer:{WEATHER}",
        "delete_developer:gone@x.org",
    ]
    assert changes == tuple(sorted(changes, key=rank("konnect")))
    assert {change.op for change in changes} == set(NAMES)
    assert {change.op_class for change in changes} == set(CLASSES)


@pytest.mark.parametrize(
    ("only", "kept", "lost"),
    [
        ({"structure"}, ["create_team:new", "update_team:blues", f"assign_role:blues:API Viewer:{WEATHER}"], 0),
        # The team "new" is to be created first, so ann is not approved, nor anything that needs it. Bob's approval
        # is of another class than his membership.
        ({"onboard"}, ["create_developer:guest@x.org", "add_member:guest@x.org:blues"], 6),
        ({"reinstate"}, ["reopen:back@x.org"], 1),
        (
            {"onboard", "reinstate", "structure"},
            [
                "create_team:new",
                "update_team:blues",
                f"assign_role:blues:API Viewer:{WEATHER}",
                "create_developer:guest@x.org",
                "add_member:ann@city.com:blues",
                "add_member:ann@city.com:new",
                "add_member:ann@city.com:reds",
                "add_member:bob@city.com:reds",
                "add_member:guest@x.org:blues",
                "approve:ann@city.com",
                "approve_request:ann@city.com:q-1",
                "approve:bob@city.com",
                "reopen:back@x.org",
            ],
            0,
        ),
        ({"expire"}, ["revoke:z@old.com"], 0),
        (set(), [], 0),
    ],
)
def test_a_selection_keeps_what_can_stand_alone(only: Any, kept: list[str], lost: int) -> None:
    plan = planned(EVERYTHING, EVERYONE, selection=Selection(only=frozenset(only)))
    assert ids(plan.changes) == kept
    assert plan.summary["total"] == len(kept)
    dropped = [n.message for n in plan.notices if n.code == "selection_dropped"]
    assert [message.split(" left out: ")[0] for message in dropped] == ([plural(lost, "change")] if lost else [])


def test_a_plan_needs_no_members_of_untouched_teams() -> None:
    manifest = portal(teams=(team("reds"),))
    assert as_read(manifest, snapshot(developer(ANN), teams={"reds": [ANN]})).members == {}
    assert planned(manifest, snapshot(developer(ANN), teams={"reds": [ANN]})).changes == ()
