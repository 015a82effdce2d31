"""Where portal and files disagree, by kind."""

from __future__ import annotations

from typing import Any

import pytest

from portalctl.insight.drift import FAILING, KINDS
from portalctl.manifest.model import Policy
from portalctl.portals.models import Snapshot
from portalctl.portals.models import Team as LiveTeam
from tests.changes.build import (
    FILE,
    YESTERDAY,
    denied,
    developer,
    drift,
    member,
    override,
    portal,
    snapshot,
    team,
    trusted,
)

ANN, EVE = "ann@city.com", "eve@x.org"
CITY: dict[str, Any] = {"trusted_domains": (trusted("city.com", "reds"),), "teams": (team("reds"),)}


def found(rules: dict[str, Any], live: Snapshot) -> list[tuple[str, str | None, str | None, str, str]]:
    return [(f.kind, f.developer, f.team, f.live, f.wanted) for f in drift(portal(**rules), live)]


def test_backlog_is_who_would_be_let_in_with_their_first_memberships() -> None:
    assert found(CITY, snapshot(developer(ANN, "pending"), teams={"reds": []})) == [
        ("backlog", ANN, None, "pending", "approved"),
        ("backlog", ANN, "reds", "not a member", "member"),
    ]


def test_missing_grant_is_what_an_approved_person_lacks() -> None:
    assert found(CITY, snapshot(developer(ANN), teams={"reds": []})) == [
        ("missing_grant", ANN, "reds", "not a member", "member")
    ]


def test_missing_grant_is_also_who_is_to_be_reinstated() -> None:
    rules = CITY | {"policy": Policy(reinstate=True)}
    assert found(rules, snapshot(developer(ANN, "revoked"), teams={"reds": []})) == [
        ("missing_grant", ANN, None, "revoked", "approved"),
        ("missing_grant", ANN, "reds", "not a member", "member"),
    ]


def test_withheld_is_who_the_rules_approve_and_the_portal_keeps_out() -> None:
    (finding,) = drift(portal(**CITY), snapshot(developer(ANN, "rejected"), teams={"reds": []}))
    assert (finding.kind, finding.developer, finding.live, finding.wanted) == (
        "withheld",
        ANN,
        "rejected",
        "approved",
    )
    assert finding.why is not None
    assert (finding.why.file, finding.why.line) == (FILE, 10)


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        ({"denied_domains": (denied("city.com"),)}, "revoked"),
        ({"overrides": (override(ANN, "revoked"),)}, "revoked"),
        ({"overrides": (override(ANN, "rejected"),)}, "rejected"),
        ({"overrides": (override(ANN, "pending"),)}, "pending"),
        ({"policy": Policy(unmatched_approved="revoked")}, "revoked"),
    ],
)
def test_unexpected_grant_is_approval_that_the_rules_forbid(rules: dict[str, Any], wanted: str) -> None:
    assert found(rules, snapshot(developer(ANN))) == [("unexpected_grant", ANN, None, "approved", wanted)]


@pytest.mark.parametrize(
    "rules",
    [
        {"teams": (team("reds", [], "exclusive"),)},
        {"teams": (team("reds"),), "overrides": (override(ANN, "approved", []),)},
    ],
)
def test_unexpected_grant_is_a_membership_that_the_rules_forbid(rules: dict[str, Any]) -> None:
    kinds = [finding[:3] for finding in found(rules, snapshot(developer(ANN), teams={"reds": [ANN]}))]
    assert ("unexpected_grant", ANN, "reds") in kinds


def test_unruled_grant_is_what_no_rule_gives_and_none_forbids() -> None:
    rules = {"teams": (team("reds", []),)}
    assert found(rules, snapshot(developer(EVE), teams={"reds": [EVE]})) == [
        ("unruled_grant", EVE, None, "approved", "no rule"),
        ("unruled_grant", EVE, "reds", "member", "no rule"),
    ]


def test_unruled_grant_is_someone_else_behind_a_pinned_address() -> None:
    rules = {"overrides": (override(ANN, "approved", id="meant"),)}
    assert found(rules, snapshot(developer(ANN, id="other"))) == [("unruled_grant", ANN, None, "approved", "no rule")]
    assert found(rules, snapshot(developer(ANN, id="meant"))) == []


def test_a_strangers_second_spelling_makes_no_drift_of_a_partner() -> None:
    both = snapshot(developer(ANN), developer("ANN@city.com", "pending"), teams={"reds": [ANN]})
    assert found(CITY, both) == []


def test_setting_is_a_team_that_is_missing_differs_or_is_there_twice() -> None:
    rules = {"teams": (team("new"), team("reds", description="Red"), team("twice"))}
    teams = (LiveTeam("1", "reds", "Blue"), LiveTeam("2", "twice"), LiveTeam("3", "twice"))
    assert found(rules, snapshot(live_teams=teams)) == [
        ("setting", None, "new", "not on the portal", "name: new"),
        ("setting", None, "reds", "description: Blue", "description: Red"),
        ("setting", None, "twice", "more than one team of this name", "one"),
    ]


def test_expired_is_what_only_an_expired_rule_gave() -> None:
    rules = {
        "trusted_domains": (trusted("city.com", expires=YESTERDAY),),
        "teams": (team("reds", [member(EVE, YESTERDAY)]),),
        "overrides": (override(EVE, "approved"),),
    }
    live = snapshot(developer(ANN), developer(EVE), teams={"reds": [EVE]})
    assert found(rules, live) == [
        ("expired", ANN, None, "approved", "revoked"),
        ("expired", EVE, "reds", "member", "not a member"),
    ]


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"policy": Policy(unmatched_pending="rejected")},
        {"denied_domains": (denied("city.com"),)},
        {"overrides": (override(ANN, "rejected"),)},
        {"overrides": (override(ANN, "revoked"),)},
        {"overrides": (override(ANN, "approved", id="another"),)},
        {"teams": (team("reds", [ANN]),)},
        CITY,
    ],
)
@pytest.mark.parametrize("spelling", [ANN, "ann+x@city.com", "<ann@city.com>"])
def test_a_pending_sign_up_is_never_drift_that_fails(rules: dict[str, Any], spelling: str) -> None:
    live = snapshot(developer(spelling, "pending"), teams={"reds": []})
    assert {finding[0] for finding in found(rules, live)} <= {"backlog"}


def test_who_is_kept_out_as_wanted_is_no_drift() -> None:
    rules = {"overrides": (override(ANN, "revoked"),), "denied_domains": (denied("x.org"),)}
    assert found(rules, snapshot(developer(ANN, "rejected"), developer(EVE, "revoked"))) == []


def test_every_kind_but_backlog_fails_and_findings_are_sorted_by_kind() -> None:
    assert frozenset(KINDS) - FAILING == {"backlog"}
    rules = {
        "trusted_domains": (trusted("city.com", "reds"), trusted("old.com", expires=YESTERDAY)),
        "denied_domains": (denied("bad.com"),),
        "teams": (team("reds"), team("new")),
    }
    people = [
        developer(ANN),
        developer("a@old.com"),
        developer("a@bad.com"),
        developer(EVE),
        developer("b@city.com", "revoked"),
    ]
    live = snapshot(*people, developer("c@city.com", "pending"), teams={"reds": []})
    kinds = [finding[0] for finding in found(rules, live)]
    assert list(dict.fromkeys(kinds)) == list(KINDS)
