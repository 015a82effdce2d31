"""Everybody is in an access review, with the rule behind what they have, or the mark that there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.insight.access_review import DeveloperAccess, Origin, review
from portalctl.manifest.model import Policy, PortalManifest
from portalctl.portals.models import Developer, Scope, Snapshot
from tests.changes.build import FILE, TODAY, TOMORROW, YESTERDAY, denied, developer, override, portal, snapshot, team
from tests.changes.build import trusted as trust


def whole(found: Snapshot) -> Snapshot:
    return replace(found, scope=Scope(every_team=True))


def reviewed(rules: PortalManifest, live: Snapshot) -> dict[str, DeveloperAccess]:
    return {each.developer: each for each in review(rules, whole(live), TODAY).developers}


def test_each_has_status_since_teams_and_the_rule_behind_them() -> None:
    rules = portal(
        trusted_domains=(trust("arsenal.com", "gunners"),),
        teams=(team("gunners"), team("readers", ["ann@arsenal.com"])),
    )
    ann = Developer("id-ann", "Ann@arsenal.com", "approved", "Ann", created_at="2024-02-01T00:00:00Z")
    found = reviewed(rules, snapshot(ann, teams={"gunners": ["id-ann"], "readers": ["id-ann"]}))["Ann@arsenal.com"]
    assert (found.status, found.since, found.full_name) == ("approved", "2024-02-01T00:00:00Z", "Ann")
    assert [(why.rule, why.file, why.line) for why in found.why] == [("trusted_domains", FILE, 10)]
    assert {each.team: [why.line for why in each.why] for each in found.teams} == {"gunners": [10], "readers": [40]}
    assert (found.override, found.remarks) == (None, ())


def test_what_the_portal_does_not_tell_is_unknown() -> None:
    assert reviewed(portal(), snapshot(developer("ann@a.example")))["ann@a.example"].since == "unknown"


@pytest.mark.parametrize(
    ("status", "rules", "remarks"),
    [
        ("approved", {}, ("unmanaged",)),
        ("approved", {"policy": Policy(unmatched_approved="revoked")}, ("unmanaged", "differs")),
        ("pending", {"policy": Policy(unmatched_approved="revoked")}, ("unmanaged",)),
        ("pending", {"policy": Policy(unmatched_pending="rejected")}, ("unmanaged", "differs")),
        ("revoked", {"policy": Policy(unmatched_approved="revoked")}, ("unmanaged",)),
        ("pending", {"trusted_domains": (trust("a.example"),)}, ("differs",)),
        ("revoked", {"trusted_domains": (trust("a.example"),)}, ("differs",)),
        ("approved", {"denied_domains": (denied("a.example"),)}, ("differs",)),
        ("revoked", {"denied_domains": (denied("a.example"),)}, ()),
        ("rejected", {"overrides": (override("ann@a.example", "revoked"),)}, ()),
        ("revoked", {"overrides": (override("ann@a.example", "absent"),)}, ("differs",)),
        ("approved", {"overrides": (override("ann@a.example", "approved", id="5b0c"),)}, ("blocked",)),
        (
            "approved",
            {"overrides": (override("ann@a.example", "approved", expires=YESTERDAY),)},
            ("unmanaged", "differs"),
        ),
    ],
)
def test_remarks(status: str, rules: dict[str, object], remarks: tuple[str, ...]) -> None:
    assert reviewed(portal(**rules), snapshot(developer("ann@a.example", status)))["ann@a.example"].remarks == remarks


def test_an_orphan_is_in_a_team_by_no_rule_even_one_that_no_file_declares() -> None:
    rules = portal(trusted_domains=(trust("a.example", "known"),), teams=(team("known"),))
    live = snapshot(developer("ann@a.example"), teams={"known": ["ann@a.example"], "secret": ["ann@a.example"]})
    found = reviewed(rules, live)["ann@a.example"]
    assert found.remarks == ("orphan",)
    assert [(each.team, bool(each.why)) for each in found.teams] == [("known", True), ("secret", False)]


def test_a_place_in_a_team_of_the_identity_provider_is_no_orphan() -> None:
    rules = portal(trusted_domains=(trust("a.example"),), teams=(team("sso", membership="idp"),))
    found = reviewed(rules, snapshot(developer("ann@a.example"), teams={"sso": ["ann@a.example"]}))["ann@a.example"]
    assert found.remarks == ()
    assert [(each.rule, each.value) for each in found.teams[0].why] == [("teams", "sso")]


def test_whom_a_rule_names_and_who_has_no_account_comes_last() -> None:
    rules = portal(
        teams=(team("t", ["zoe@a.example", "ann@a.example"]),),
        overrides=(override("bob@b.example", "approved"), override("eve@b.example", "revoked")),
    )
    made = review(rules, whole(snapshot(developer("Zoe@a.example"))), TODAY)
    assert [(each.developer, each.status, each.rules_say, each.remarks) for each in made.developers] == [
        ("Zoe@a.example", "approved", "silent", ()),
        ("ann@a.example", "absent", "silent", ("absent",)),
        ("bob@b.example", "absent", "approved", ("absent",)),
        ("eve@b.example", "absent", "revoked", ("absent",)),
    ]
    assert [each.override is not None for each in made.developers] == [False, False, True, True]


def test_overrides_are_told_with_their_end_after_it_too() -> None:
    rules = portal(
        overrides=(
            override("ann@a.example", "approved", expires=TOMORROW),
            override("bob@a.example", "approved", expires=YESTERDAY),
            override("eve@a.example", "revoked"),
        )
    )
    live = snapshot(*(developer(address) for address in ("ann@a.example", "bob@a.example", "eve+2@a.example")))
    found = reviewed(rules, live)
    told = {name: each.override for name, each in found.items() if each.status != "absent"}
    assert [(name, o.status, o.why.expires) for name, o in told.items() if o] == [
        ("ann@a.example", "approved", TOMORROW),
        ("bob@a.example", "approved", YESTERDAY),
        ("eve+2@a.example", "revoked", None),
    ]


def test_the_origin_of_a_line_goes_with_its_rules() -> None:
    origin = Origin("3f51fa25", "Ann <ann@arsenal.com>")
    rules = portal(trusted_domains=(trust("a.example"),))
    made = review(rules, whole(snapshot(developer("ann@a.example"))), TODAY, {(FILE, 10): origin, (FILE, 11): origin})
    assert [why.origin for why in made.developers[0].why] == [origin]


def test_a_reading_of_some_teams_is_refused() -> None:
    with pytest.raises(ValueError, match="every team"):
        review(portal(), snapshot(developer("ann@a.example")), TODAY)


EMAILS = st.sampled_from(["ann@a.example", "Ann@A.example", "no address", None, "bob@b.example", "=1@c.example"])
STATUSES = st.sampled_from(["approved", "pending", "revoked", "rejected", "strange"])


@given(st.lists(st.tuples(EMAILS, STATUSES), max_size=6), st.integers(0, 6))
def test_nobody_and_no_membership_is_left_out(people: list[tuple[str | None, str]], members: int) -> None:
    developers = [Developer(f"id-{n}", email, status) for n, (email, status) in enumerate(people)]
    inside = [each.id for each in developers[:members]]
    rules = portal(trusted_domains=(trust("a.example", "t"),), teams=(team("t", ["bob@b.example"]),))
    made = review(rules, whole(snapshot(*developers, teams={"t": inside})), TODAY)
    told = [(each.id, each.status) for each in made.developers if each.status != "absent"]
    assert sorted(told) == [(d.id, d.status) for d in developers]
    assert sorted(each.id for each in made.developers if each.teams) == inside
