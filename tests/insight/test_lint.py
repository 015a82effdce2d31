"""Each lint finds what its line in the table says, where it stands, and nothing beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.errors import Finding, Position
from portalctl.insight.lint import LINTS, Levels, lint
from portalctl.manifest.model import (
    DENIED_GRANT,
    AccessRule,
    Manifest,
    Policy,
    PortalManifest,
    Role,
)
from portalctl.portals.models import Developer, Snapshot
from portalctl.reason import Reason
from portalctl.rules.resolve import resolve
from portalctl.rules.rulebook import Rulebook
from tests.changes.build import (
    FILE,
    TODAY,
    TOMORROW,
    YESTERDAY,
    denied,
    developer,
    member,
    override,
    portal,
    snapshot,
    team,
)
from tests.changes.build import trusted as trust

ROLE = Role("API Viewer", "Fixtures", Reason("teams", "API Viewer on Fixtures"))


def found(rules: PortalManifest, live: Snapshot | None = None) -> list[tuple[str | None, int]]:
    """Code and line of each finding."""
    manifest = Manifest({rules.name: rules}, (FILE,), "sha256:aa")
    return [(each.code, each.at.line) for each in lint(manifest, TODAY, live={rules.name: live} if live else None)]


def codes(live: Snapshot | None = None, /, **keys: Any) -> list[str | None]:
    return [code for code, _ in found(portal(**keys), live)]


def quiet(*domains: str) -> dict[str, Any]:
    return {"trusted_domains": tuple(trust(domain) for domain in domains)}


def test_a_plain_manifest_has_no_findings() -> None:
    rules = {
        **quiet("arsenal.com"),
        "teams": (team("gunners", ["ann@arsenal.com"]),),
        "overrides": (override("peter@arsenal.com", "revoked"), override("pilot@agency.example", "approved")),
    }
    live = snapshot(*(developer(a) for a in ("ann@arsenal.com", "pilot@agency.example")))
    assert codes(live, **rules) == []


@pytest.mark.parametrize(
    ("domains", "said"),
    [
        (["arsenal.com", "arsena1.com"], 2),
        (["arsenal.com", "my-arsenal.com"], 1),
        (["arsenal.com", "arsenal.de"], 0),  # one name under two suffixes
        (["arsenal.com", "fans.arsenal.com"], 0),
        (["arsenal.com", "chelsea.com"], 0),
    ],
)
def test_trusted_domains_that_look_alike(domains: list[str], said: int) -> None:
    assert codes(**quiet(*domains)) == ["PC001"] * said


def test_someone_from_a_look_alike_who_is_given_something() -> None:
    keys = {**quiet("arsenal.com"), "overrides": (override("ann@arsena1.com", "approved"),)}
    assert found(portal(**keys)) == [("PC001", 50)]


def test_a_look_alike_is_one_finding_however_many_of_its_developers_are_named() -> None:
    named = tuple(override(f"p{number}@arsena1.com", "approved") for number in range(1200))
    rules = portal(**quiet("arsenal.com"), overrides=named)
    (finding,) = lint(Manifest({rules.name: rules}, (FILE,), "sha256:aa"), TODAY)
    assert finding.code == "PC001"
    assert "1,200 developers of it are named" in finding.message


def test_denying_a_look_alike_is_the_remedy() -> None:
    keys = {"denied_domains": (denied("arsena1.com"),), "overrides": (override("ann@arsena1.com", "revoked"),)}
    assert codes(**quiet("arsenal.com"), **keys) == []


def test_freemail_that_is_trusted() -> None:
    assert found(portal(**quiet("gmail.com", "arsenal.com"))) == [("PC002", 10)]


@pytest.mark.parametrize(
    ("days", "expected"), [(-1, ["PC003"]), (0, ["PC004"]), (14, ["PC004"]), (15, []), (None, [])]
)
def test_what_has_ended_or_will_soon(days: int | None, expected: list[str]) -> None:
    expires = TODAY + timedelta(days) if days is not None else None
    assert codes(denied_domains=(denied("a.example", expires=expires),)) == expected
    assert codes(overrides=(override("ann@a.example", "approved", expires=expires),)) == expected
    assert codes(trusted_domains=(trust("a.example", expires=expires),)) == expected
    access = AccessRule(
        ("Fixtures",), Reason("access_requests", "Fixtures"), ("a.example",), status="approved", expires=expires
    )
    assert codes(access_requests=(access,)) == expected


def test_a_member_that_ended() -> None:
    listed = {**quiet("arsenal.com"), "teams": (team("t", [member("ann@arsenal.com", YESTERDAY)]),)}
    assert found(portal(**listed)) == [("PC003", 40)]


def test_a_review_that_is_due() -> None:
    due = (trust("a.example", review_by=YESTERDAY), trust("b.example", review_by=TODAY))
    assert codes(trusted_domains=due) == ["PC005"]


def test_a_member_whom_no_rule_approves() -> None:
    listed = {**quiet("arsenal.com"), "teams": (team("t", ["ann@arsenal.com", "sam@agency.example"]),)}
    assert found(portal(**listed)) == [("PC006", 40)]
    assert codes(**listed, overrides=(override("sam@agency.example", "approved"),)) == []
    assert codes(snapshot(developer("sam@agency.example"), developer("ann@arsenal.com")), **listed) == []
    assert codes(snapshot(developer("sam@agency.example", "pending"), developer("ann@arsenal.com")), **listed) == [
        "PC006"
    ]


def test_where_approvals_made_by_hand_are_kept_members_are_expected_to_have_them() -> None:
    listed = {"teams": (team("t", ["sam@agency.example"]),)}
    keep = Policy(unmatched_why=Reason.of("policy", "unmatched", Position("p.yaml", 7, 3)))
    assert found(portal(**listed, policy=keep)) == []
    assert codes(snapshot(developer("sam@agency.example", "pending")), **listed, policy=keep) == ["PC006"]
    assert codes(**listed, policy=replace(keep, unmatched_approved="revoked")) == ["PC006"]


def test_an_invited_member_is_no_outsider() -> None:
    invited = replace(member("sam@agency.example"), invite=True)
    assert codes(teams=(team("t", [invited]),)) == []


def test_rules_that_speak_of_nobody_on_the_portal() -> None:
    keys: dict[str, Any] = {
        "trusted_domains": (trust("arsenal.com", line=10), trust("chelsea.com", line=11)),
        "denied_domains": (denied("spam.example"),),
        "teams": (team("t", ["ann@arsenal.com", "bob@arsenal.com"]),),
        "overrides": (override("sam@agency.example", "approved"), override("peter@arsenal.com", "revoked")),
    }
    assert found(portal(**keys), snapshot(developer("Ann@Arsenal.com"))) == [
        ("PC007", 11),
        ("PC007", 40),
        ("PC007", 50),
    ]
    assert codes(**keys) == [], "only the portal can tell"


def test_sub_domains_count_where_the_rule_covers_them() -> None:
    live = snapshot(developer("ann@fans.arsenal.com"))
    assert codes(live, trusted_domains=(trust("arsenal.com", subdomains=True),)) == []
    assert codes(live, trusted_domains=(trust("arsenal.com"),)) == ["PC007"]


def test_an_override_that_repeats_a_rule() -> None:
    keys = {**quiet("arsenal.com"), "overrides": (override("ann@arsenal.com", "approved"),)}
    assert found(portal(**keys)) == [("PC008", 50)]


@pytest.mark.parametrize(
    "more",
    [
        {"teams": []},  # complete: it takes her out of every team
        {"id": "5b0c0b5e"},
        {"reinstate": True},
        {"on_revoke": "revoke_registrations"},
    ],
)
def test_an_override_that_says_more_repeats_nothing(more: dict[str, Any]) -> None:
    said = codes(**quiet("arsenal.com"), overrides=(override("ann@arsenal.com", "approved", **more),))
    assert said == []


def test_an_override_that_outlives_the_trust_repeats_nothing() -> None:
    later, soon = TODAY + timedelta(60), TODAY + timedelta(30)
    domains = (trust("arsenal.com", expires=soon),)
    assert codes(trusted_domains=domains, overrides=(override("ann@arsenal.com", "approved", expires=later),)) == []
    assert codes(trusted_domains=domains, overrides=(override("ann@arsenal.com", "approved", expires=soon),)) == [
        "PC008"
    ]


def test_an_unverified_address_makes_an_override_worth_having() -> None:
    rules = replace(portal(**quiet("arsenal.com")), provider="api7")
    rules = replace(rules, overrides=(override("ann@arsenal.com", "approved"),))
    assert found(rules) == []
    assert found(replace(rules, policy=Policy(require_verified_email=False))) == [("PC008", 50)]


ADDRESSES = st.sampled_from([f"{name}@{domain}" for name in "ab" for domain in ("x.example", "y.example")])


@given(st.lists(ADDRESSES, unique=True), st.sets(ADDRESSES), st.booleans())
def test_what_is_said_to_repeat_can_be_left_out(overridden: list[str], listed: set[str], reinstate: bool) -> None:
    rules = portal(
        trusted_domains=(trust("x.example", "t"),),
        teams=(team("t", sorted(listed)),),
        overrides=tuple(
            replace(
                override(address, "approved", reinstate=True if reinstate and n == 0 else None),
                why=Reason.of("overrides", address, Position(FILE, 100 + n, 5)),
            )
            for n, address in enumerate(overridden)
        ),
    )
    repeated = {line for code, line in found(rules) if code == "PC008"}
    kept = tuple(each for each in rules.overrides if each.why.at is not None and each.why.at.line not in repeated)
    people = [Developer(address, address, "pending") for address in ("a@x.example", "b@x.example", "a@y.example")]

    def decided(which: PortalManifest) -> Iterator[object]:
        for account, decision in resolve(Rulebook.of(which, TODAY), people):
            yield account, decision.verdict, sorted(decision.teams), decision.reinstate

    assert list(decided(rules)) == list(decided(replace(rules, overrides=kept)))
    assert all(each.reinstate or each.developer.endswith("@y.example") for each in kept)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (team("t"), ["PC009"]),
        (team("t", description="T"), ["PC009"]),
        (team("t", []), []),  # kept empty
        (team("t", membership="idp"), []),
        (team("t", roles=(ROLE,)), []),
    ],
)
def test_a_team_that_no_rule_uses(declared: Any, expected: list[str]) -> None:
    assert codes(teams=(declared,)) == expected
    assert "PC009" not in codes(teams=(declared,), trusted_domains=(trust("arsenal.com", "t"),))


def test_a_rule_for_a_team_that_is_never_written() -> None:
    keys: dict[str, Any] = {
        "trusted_domains": (trust("arsenal.com", "sso", "t"),),
        "overrides": (override("ann@arsenal.com", teams=["sso"]), override("bob@arsenal.com", teams=["t"])),
    }
    teams = (team("t", []), team("sso", membership="idp"))
    assert found(portal(**keys, teams=teams)) == [("PC011", 10), ("PC011", 50)]
    assert codes(**keys, teams=(team("t", []), team("sso", []))) == []


def test_levels_change_severity_and_switch_off() -> None:
    rules = portal(trusted_domains=(trust("gmail.com", expires=TOMORROW, review_by=YESTERDAY),))
    manifest = Manifest({"partners": rules}, (FILE,), "sha256:aa")
    levels = Levels({"PC002": "error", "PC004": "off"})
    assert [(each.code, each.severity) for each in lint(manifest, TODAY, levels)] == [
        ("PC002", "error"),
        ("PC005", "warning"),
    ]


def test_one_file_for_two_portals_is_told_once() -> None:
    one = portal(**quiet("gmail.com"))
    manifest = Manifest({"one": one, "two": replace(one, name="two")}, (FILE,), "sha256:aa")
    assert len(lint(manifest, TODAY)) == 1


def test_warnings_of_loading_have_a_code_too() -> None:
    warning = Finding(Position(FILE, 3, 5), "no effect", DENIED_GRANT, "warning")
    manifest = Manifest({}, (FILE,), "sha256:aa", (warning,))
    assert [str(each) for each in lint(manifest, TODAY)] == [f"{FILE}:3:5: warning {DENIED_GRANT}: no effect"]
    assert lint(manifest, TODAY, Levels({DENIED_GRANT: "off"})) == ()


def test_codes_are_for_ever() -> None:
    """Whoever switched one off must not find another thing switched off."""
    assert [f"{code} {each.name}" for code, each in LINTS.items()] == [
        "PC001 look-alike",
        "PC002 freemail",
        "PC003 expired",
        "PC004 expires-soon",
        "PC005 review-due",
        "PC006 outsider",
        "PC007 nobody",
        "PC008 repeats",
        "PC009 unused-team",
        "PC010 denied-grant",
        "PC011 not-written",
        "PC012 not-read",
        "PC013 look-alike-team",
        "PC014 claimable-group",
    ]
