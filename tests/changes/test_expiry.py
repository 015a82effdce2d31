"""Expiry: a rule holds through its last day; then it counts as absent, and what only it granted is withdrawn."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from portalctl.manifest.model import Member, Override, Policy
from tests.changes.build import (
    FILE,
    LINES,
    TODAY,
    TOMORROW,
    UNMATCHED,
    YESTERDAY,
    carried_out,
    denied,
    developer,
    ids,
    member,
    override,
    planned,
    portal,
    snapshot,
    team,
    trusted,
    where,
)

ANN = "ann@city.com"


@pytest.mark.parametrize("expires", [None, TOMORROW, TODAY])
def test_a_rule_holds_through_its_last_day(expires: date | None) -> None:
    manifest = portal(
        trusted_domains=(trusted("city.com", "reds", expires=expires),),
        denied_domains=(denied("bad.com", expires=expires),),
        overrides=(override("kim@x.org", "approved", expires=expires),),
        teams=(team("reds", [member("kim@x.org", expires)]),),
    )
    live = snapshot(*(developer(who, "pending") for who in (ANN, "x@bad.com", "kim@x.org")), teams={"reds": []})
    assert ids(planned(manifest, live).changes) == [
        f"add_member:{ANN}:reds",
        "add_member:kim@x.org:reds",
        f"approve:{ANN}",
        "approve:kim@x.org",
        "reject:x@bad.com",
    ]


def test_the_day_after_a_rule_gives_nothing() -> None:
    manifest = portal(
        trusted_domains=(trusted("city.com", "reds", expires=YESTERDAY),),
        denied_domains=(denied("bad.com", expires=YESTERDAY),),
        overrides=(
            override("kim@x.org", "approved", expires=YESTERDAY),
            override("joe@x.org", "revoked", expires=YESTERDAY),
        ),
        teams=(team("reds", [member("kim@x.org", YESTERDAY)]),),
    )
    live = snapshot(
        *(developer(who, "pending") for who in (ANN, "kim@x.org")),
        developer("x@bad.com"),
        developer("joe@x.org"),
        teams={"reds": []},
    )
    plan = planned(manifest, live)
    assert plan.changes == ()
    assert plan.summary["unmanaged"] == 4


def expired(source: str) -> tuple[dict[str, Any], str]:
    """Rules of which one has expired, and the kind of that one."""
    rules: dict[str, tuple[dict[str, Any], str]] = {
        "domain": ({"trusted_domains": (trusted("city.com", "reds", expires=YESTERDAY),)}, "trusted_domains"),
        "override": ({"overrides": (override(ANN, "approved", ["reds"], expires=YESTERDAY),)}, "overrides"),
    }
    return rules[source]


@pytest.mark.parametrize("source", ["domain", "override"])
def test_what_only_an_expired_rule_gave_is_withdrawn(source: str) -> None:
    rules, kind = expired(source)
    live = snapshot(developer(ANN), teams={"reds": [ANN]})
    plan = planned(portal(teams=(team("reds"),), **rules), live)
    op_class = {"domain": "offboard", "override": "expire"}[source]
    assert [(c.op, c.op_class, where(c)) for c in plan.changes] == [
        ("revoke", op_class, [(kind, FILE, LINES[kind])]),  # type: ignore[index]
        ("remove_member", op_class, [(kind, FILE, LINES[kind])]),  # type: ignore[index]
    ]
    assert planned(portal(teams=(team("reds"),), **rules), carried_out(live, plan.changes)).changes == ()


def test_an_expired_member_leaves_the_team_and_stays_approved() -> None:
    manifest = portal(teams=(team("reds", [member(ANN, YESTERDAY)]),))
    plan = planned(manifest, snapshot(developer(ANN), teams={"reds": [ANN]}))
    assert [(c.op, c.op_class, where(c)[0][0]) for c in plan.changes] == [("remove_member", "expire", "members")]


@pytest.mark.parametrize("source", ["domain", "override"])
def test_what_something_else_gives_too_stays(source: str) -> None:
    rules, _ = expired(source)
    others: dict[str, Any] = {
        "domain": {"overrides": (override(ANN, "approved"),), "teams": (team("reds", [ANN]),)},
        "override": {"trusted_domains": (trusted("city.com", "reds"),), "teams": (team("reds"),)},
    }[source]
    live = snapshot(developer(ANN), teams={"reds": [ANN]})
    assert planned(portal(**rules, **others), live).changes == ()


def test_approval_goes_and_a_membership_that_a_list_gives_stays() -> None:
    rules, _ = expired("domain")
    plan = planned(portal(teams=(team("reds", [ANN]),), **rules), snapshot(developer(ANN), teams={"reds": [ANN]}))
    assert ids(plan.changes) == [f"revoke:{ANN}"]


@pytest.mark.parametrize("source", ["domain", "override"])
def test_a_listed_member_is_not_unmatched_once_another_rule_has_expired(source: str) -> None:
    rules, _ = expired(source)
    policy = Policy(unmatched_pending="rejected", unmatched_approved="revoked", unmatched_why=UNMATCHED)
    listed = portal(policy=policy, teams=(team("reds", [ANN]),), **rules)
    unlisted = portal(policy=policy, teams=(team("reds"),), **rules)
    live = snapshot(developer(ANN, "pending"), teams={"reds": []})
    assert planned(listed, live).changes == ()
    assert ids(planned(unlisted, live).changes) == [f"reject:{ANN}"]


def test_an_expired_rule_takes_nothing_from_people_for_whom_a_more_specific_one_spoke() -> None:
    manifest = portal(
        trusted_domains=(
            trusted("city.com", "reds", subdomains=True, expires=YESTERDAY),
            trusted("uk.city.com", "blues"),
        ),
        teams=(team("reds"), team("blues")),
    )
    live = snapshot(
        developer("a@uk.city.com"), developer(ANN), teams={"reds": ["a@uk.city.com"], "blues": ["a@uk.city.com"]}
    )
    assert ids(planned(manifest, live).changes) == [f"revoke:{ANN}"]


def test_a_rule_for_the_parent_takes_over_from_an_expired_one() -> None:
    manifest = portal(
        trusted_domains=(
            trusted("city.com", "blues", subdomains=True),
            trusted("uk.city.com", "reds", "blues", expires=YESTERDAY),
        ),
        teams=(team("reds"), team("blues")),
    )
    live = snapshot(developer("a@uk.city.com"), teams={"reds": ["a@uk.city.com"], "blues": ["a@uk.city.com"]})
    assert ids(planned(manifest, live).changes) == ["remove_member:a@uk.city.com:reds"]


@pytest.mark.parametrize(
    "rule",
    [
        override(ANN, "approved", ["reds"], expires=YESTERDAY, id="another"),
        override(ANN, "revoked", ["reds"], expires=YESTERDAY),
        override(ANN, "pending", ["reds"], expires=YESTERDAY),
    ],
)
def test_an_expired_rule_that_gave_this_person_nothing_withdraws_nothing(rule: Override) -> None:
    live = snapshot(developer(ANN), teams={"reds": [ANN]})
    assert planned(portal(overrides=(rule,), teams=(team("reds"),)), live).changes == ()


@pytest.mark.parametrize(
    "denial", [{"denied_domains": (denied("city.com"),)}, {"overrides": (override(ANN, "revoked"),)}]
)
def test_a_denied_person_loses_an_expired_membership_too(denial: dict[str, Any]) -> None:
    manifest = portal(teams=(team("reds", [member(ANN, YESTERDAY)]),), **denial)
    plan = planned(manifest, snapshot(developer(ANN), teams={"reds": [ANN]}))
    assert [(c.op, c.op_class) for c in plan.changes] == [("remove_member", "expire"), ("revoke", "offboard")]


def test_an_expired_override_no_longer_shields_from_the_denied_domain() -> None:
    rules, _ = expired("override")
    manifest = portal(denied_domains=(denied("city.com"),), teams=(team("reds"),), **rules)
    plan = planned(manifest, snapshot(developer(ANN), teams={"reds": []}))
    assert [(c.op, c.op_class, where(c)[0][0]) for c in plan.changes] == [("revoke", "offboard", "denied_domains")]


@pytest.mark.parametrize(("days", "noticed"), [(-1, False), (0, True), (14, True), (15, False)])
def test_the_end_is_announced_from_fourteen_days_before(days: int, noticed: bool) -> None:
    expires = date.fromordinal(TODAY.toordinal() + days)
    listed: Member = member(ANN, expires)
    manifest = portal(
        trusted_domains=(trusted("city.com", expires=expires),),
        denied_domains=(denied("bad.com", expires=expires),),
        overrides=(override(ANN, "approved", expires=expires),),
        teams=(team("reds", [listed]),),
    )
    found = [(n.file, n.line) for n in planned(manifest, snapshot()).notices if n.code == "expires_soon"]
    assert sorted(found) == ([(FILE, 10), (FILE, 20), (FILE, 40), (FILE, 50)] if noticed else [])


@pytest.mark.parametrize(("review_by", "noticed"), [(YESTERDAY, True), (TODAY, False)])
def test_a_review_is_due_once_its_day_has_passed(review_by: date, noticed: bool) -> None:
    manifest = portal(trusted_domains=(trusted("city.com", review_by=review_by),))
    assert [n.code for n in planned(manifest, snapshot()).notices] == ["review_due"] * noticed
