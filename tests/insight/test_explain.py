"""What is said of a person, domain or team is what the plan does, and every rule about them is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.insight.explain import PortalExplanation, Standing, Topic, explain, explain_offline, subjects_of
from portalctl.manifest.model import AccessRule, PortalManifest
from portalctl.portals.models import Snapshot
from portalctl.portals.models import Team as LiveTeam
from tests.changes.build import (
    TODAY,
    YESTERDAY,
    as_read,
    denied,
    developer,
    difference,
    ids,
    member,
    override,
    portal,
    protected,
    reason,
    snapshot,
    team,
    trusted,
)

RULES = portal(
    trusted_domains=(trusted("x.com", "city"), trusted("b.x.com", line=11), trusted("x.org", "city", line=12)),
    denied_domains=(denied("bad.com"),),
    teams=(team("city", ["gone@x.com", "ann@y.com"]), team("reds")),
    overrides=(override("gone@x.com", "revoked"), override("only@x.com", teams=["reds"])),
    protected=(protected("gone@x.com"),),
    access_requests=(
        AccessRule(("Tickets",), reason("access_requests", "Tickets"), teams=("city",), status="approved"),
    ),
)


def told(manifest: PortalManifest, live: Snapshot, text: str) -> PortalExplanation:
    (subject,) = subjects_of(text, [manifest])
    seen = replace(as_read(manifest, live), scope=subject.scope)
    return explain(manifest, seen, difference(manifest, live), subject, TODAY)


def heard(explanation: PortalExplanation) -> list[tuple[str, str]]:
    return [(f"{voice.why.rule} {voice.why.value}", voice.effect) for voice in explanation.rules]


def only(explanation: PortalExplanation) -> Standing:
    (standing,) = explanation.standings
    return standing


def test_the_override_decides_and_every_other_rule_says_why_it_does_not() -> None:
    found = told(RULES, snapshot(developer("gone@x.com"), teams={"city": ["gone@x.com"]}), "Gone@X.com")
    assert [(f"{v.why.rule} {v.why.value}", v.effect, v.because) for v in found.rules] == [
        ("overrides gone@x.com", "decides", None),
        ("trusted_domains x.com", "overruled", "an override takes precedence over rules for domains"),
        ("members gone@x.com", "overruled", "a denied developer is added to no team"),
        ("policy protected", "adds", None),
    ]
    assert ids(found.changes) == ["revoke:gone@x.com"]
    assert [each.code for each in found.refusals] == ["protected"]
    assert (only(found).status, only(found).teams, only(found).verdict) == ("approved", ("city",), "revoked")


@pytest.mark.parametrize(
    ("rules", "name", "expected"),
    [
        (
            portal(trusted_domains=(trusted("x.com", subdomains=True), trusted("a.x.com"))),
            "p@a.x.com",
            [("a.x.com", "decides", None), ("x.com", "overruled", "a.x.com is more specific")],
        ),
        (
            portal(denied_domains=(denied("x.com", subdomains=True), denied("a.x.com"))),
            "p@a.x.com",
            [("a.x.com", "decides", None), ("x.com", "overruled", "a.x.com is more specific")],
        ),
        (
            portal(trusted_domains=(trusted("a.x.com"),), denied_domains=(denied("x.com", subdomains=True),)),
            "p@a.x.com",
            [
                ("x.com", "decides", None),
                ("a.x.com", "overruled", "a denied domain takes precedence over a trusted one"),
            ],
        ),
        (
            portal(overrides=(override("p@x.com", "revoked"), override("p+2@x.com", "approved"))),
            "p+2@x.com",
            [
                ("p@x.com", "decides", None),
                ("p+2@x.com", "overruled", "the denial of p@x.com takes precedence over every grant"),
            ],
        ),
        (
            portal(trusted_domains=(trusted("x.com", expires=YESTERDAY),)),
            "p@x.com",
            [
                ("x.com", "ended", f"it held through {YESTERDAY}; what only it granted is withdrawn"),
                ("unmatched", "decides", None),
            ],
        ),
        (
            portal(teams=(team("city", ["p@x.com"]), team("reds")), overrides=(override("p@x.com", teams=["reds"]),)),
            "p@x.com",
            [
                ("p@x.com", "adds", None),
                ("p@x.com", "overruled", "the override's `teams` are this developer's complete list"),
            ],
        ),
    ],
)
def test_why_a_rule_comes_to_nothing(rules: PortalManifest, name: str, expected: list[Any]) -> None:
    found = told(rules, snapshot(developer(name)), name)
    assert [(voice.why.value, voice.effect, voice.because) for voice in found.rules] == expected


def test_somebody_without_an_account_is_told_what_signing_up_would_bring() -> None:
    found = told(RULES, snapshot(), "new@x.com")
    assert (only(found).id, only(found).status) == (None, "pending")
    assert ids(only(found).changes) == ["add_member:new@x.com:city", "approve:new@x.com"]
    assert found.changes == ()
    assert heard(found) == [("trusted_domains x.com", "decides"), ("access_requests Tickets", "adds")]


def test_an_account_that_will_be_made_is_a_change() -> None:
    invited = replace(member("new@x.com"), invite=True)
    found = told(portal(teams=(team("city", [invited]),)), snapshot(teams={"city": ()}), "new@x.com")
    assert ids(found.changes) == ["create_developer:new@x.com"]


def test_an_ambiguous_address_is_explained() -> None:
    live = snapshot(developer("ann@x.com", "pending", "1"), developer("ANN@x.com", "pending", "2"))
    found = told(RULES, live, "ann@x.com")
    assert [(each.developer, each.blocked, each.changes) for each in found.standings] == [
        ("ann@x.com", "ambiguous", ()),
        ("ANN@x.com", "ambiguous", ()),
    ]
    assert heard(found)[0] == ("trusted_domains x.com", "blocked")
    assert [each.code for each in found.standings[1].notices] == ["ambiguous_address"]
    assert found.ambiguous == ("1", "2")
    by_id = explain(RULES, as_read(RULES, live), difference(RULES, live), Topic("developer", "2"), TODAY)
    assert (only(by_id).developer, by_id.ambiguous) == ("ANN@x.com", ())


def test_teams_wait_for_those_who_are_not_in_yet() -> None:
    rules = portal(teams=(team("city", ["sam@y.com"]), team("sso", membership="idp"), team("reds")))
    rules = replace(rules, trusted_domains=(trusted("x.com", "city", "sso"),))
    for status, awaited in (("pending", ("city",)), ("revoked", ("city",)), ("approved", ())):
        live = snapshot(developer("sam@y.com", status), teams={"city": (), "sso": (), "reds": ()})
        assert only(told(rules, live, "sam@y.com")).awaited == awaited
    live = snapshot(
        developer("ann@x.com", "pending"), developer("eve@x.com", "revoked"), teams={"city": (), "sso": ()}
    )
    assert only(told(rules, live, "ann@x.com")).awaited == (), "she joins at once"
    assert only(told(rules, live, "eve@x.com")).awaited == ("city",)
    twice = snapshot(developer("sam@y.com"), live_teams=(LiveTeam("1", "city"), LiveTeam("2", "city")))
    assert only(told(rules, twice, "sam@y.com")).awaited == (), "it waits for nobody's approval"


def test_an_exclusive_team_is_a_rule_about_who_is_in_it() -> None:
    rules = portal(teams=(team("city", [], membership="exclusive"),))
    found = told(rules, snapshot(developer("ann@y.com"), teams={"city": ["ann@y.com"]}), "ann@y.com")
    assert heard(found) == [("policy unmatched", "decides"), ("teams city", "takes")]
    assert ids(found.changes) == ["remove_member:ann@y.com:city"]


@pytest.mark.parametrize("name", ["new@x0rg.com", "x0rg.com"])
def test_a_domain_that_looks_like_a_trusted_one_is_warned_of(name: str) -> None:
    rules = portal(trusted_domains=(trusted("xorg.com"),))
    assert [each.message for each in only(told(rules, snapshot(), name)).notices] == [
        "x0rg.com looks like trusted xorg.com"
    ]
    assert only(told(rules, snapshot(), name.replace("0", "o"))).notices == ()


@pytest.mark.parametrize("name", ['"x y"@x.com', "zoë@x.com", "@", "a@b@x.com", "\x1b@x.com"])
def test_an_address_that_is_none_is_explained_live_or_not(name: str) -> None:
    for live in (snapshot(), snapshot(developer(name, "pending"))):
        found = told(RULES, live, name)
        assert only(found).blocked == "malformed"
        assert only(found).verdict == "unmatched"
        assert "decides" not in {effect for rule, effect in heard(found) if not rule.startswith("policy")}


def test_a_domain_has_its_rules_its_exceptions_and_its_people() -> None:
    live = snapshot(developer("a@x.com", "pending"), developer("gone@x.com"), developer("b@y.com", "pending"))
    found = told(RULES, live, "X.com")
    assert heard(found) == [
        ("trusted_domains x.com", "decides"),
        ("access_requests Tickets", "adds"),
        ("overrides gone@x.com", "exception"),
        ("overrides only@x.com", "exception"),
        ("members gone@x.com", "exception"),
    ]
    assert found.live == {"approved": 1, "pending": 1}
    assert "approve:a@x.com" in ids(found.changes)
    assert "b@y.com" not in "".join(ids(found.changes))
    assert "approve:*@x.com" in ids(only(found).changes)


def test_a_team_has_every_rule_that_puts_people_into_it() -> None:
    live = snapshot(developer("a@x.com"), developer("in@z.com", "revoked"), teams={"city": ["in@z.com"], "reds": ()})
    found = told(RULES, live, "city")
    assert [voice.why.value for voice in found.rules] == [
        "city",
        "gone@x.com",
        "ann@y.com",
        "x.com",
        "x.org",
        "Tickets",
    ]
    assert found.live == {"revoked": 1}
    assert ids(found.changes) == ["add_member:a@x.com:city"]


def test_offline_nothing_is_claimed_of_what_is_live() -> None:
    found = explain_offline(RULES, Topic("developer", "new@x.com"), TODAY)
    assert (found.observed_at, found.live, found.changes) == (None, {}, ())
    assert ids(only(found).changes) == ["add_member:new@x.com:city", "approve:new@x.com"]


def test_trust_needs_a_verified_address_where_the_portal_tells() -> None:
    rules = replace(portal(trusted_domains=(trusted("x.com"),)), provider="api7")
    found = told(rules, snapshot(), "new@x.com")
    assert heard(found) == [("trusted_domains x.com", "decides"), ("policy require_verified_email", "adds")]
    assert ids(only(found).changes) == ["approve:new@x.com"]
    assert heard(told(rules, snapshot(), "new@y.com")) == [("policy unmatched", "decides")], "no domain is trusted"
    waiting = replace(developer("new@x.com", "pending"), email_verified=False)
    assert only(told(rules, snapshot(waiting), "new@x.com")).blocked == "unverified"


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("a@x.com", "developer"),
        ("city", "team"),
        ("Bücher.example", "domain"),
        ("@", "developer"),
        ("E3E70682-c209-4cac-a29f-6fbed82c07cd", "developer"),
        ("citty", None),
        ("", None),
    ],
)
def test_what_a_word_means(text: str, about: str | None) -> None:
    assert [meant.about for meant in subjects_of(text, [RULES])] == ([about] if about else [])


@pytest.mark.parametrize("text", ["club.com", "CLUB.com"])
def test_a_team_named_like_a_domain_or_an_address_is_both_of_them(text: str) -> None:
    rules = portal(trusted_domains=(trusted("club.com"),), teams=(team("club.com"), team("ann@x.com")))
    assert {meant.about for meant in subjects_of(text, [rules])} == (
        {"team", "domain"} if text.islower() else {"domain"}
    )
    assert subjects_of(text, [rules], "domain") == (Topic("domain", "club.com"),)
    assert [meant.about for meant in subjects_of("ann@x.com", [rules])] == ["developer", "team"]
    assert subjects_of("ann@x.com", [rules], "team") == (Topic("team", "ann@x.com"),)
    assert subjects_of("club.com", [portal(teams=(team("club.com"),))]) == (Topic("team", "club.com"),)
    assert subjects_of("club.com", [portal(teams=(team("club.com"),))], "domain") == (Topic("domain", "club.com"),)


def test_on_api7_a_word_may_be_a_developer_id() -> None:
    rules = replace(portal(overrides=(override("org.ann", "approved"),)), provider="api7")
    assert subjects_of("org.ann", [rules]) == (Topic("developer", "org.ann"),)
    assert subjects_of("org_bob", [rules]) == (Topic("developer", "org_bob"),)
    assert ids(only(told(rules, snapshot(), "org.ann")).changes) == ["approve:org.ann"]


STATUSES = st.sampled_from(["approved", "pending", "revoked", "rejected"])
NAMES = ["gone@x.com", "only@x.com", "ann@y.com", "a@x.com", "A@x.com", "p@b.x.com", "p@bad.com", "p@z.com", "?"]


@given(st.dictionaries(st.sampled_from(NAMES), STATUSES), st.sampled_from(NAMES))
def test_what_would_change_is_what_the_plan_says(people: dict[str, str], name: str) -> None:
    live = snapshot(*(developer(*each) for each in people.items()), teams={"city": people, "reds": ()})
    found = explain(RULES, as_read(RULES, live), difference(RULES, live), Topic("developer", name.lower()), TODAY)
    planned = difference(RULES, live).changes
    same = {each for each in people if each.lower() == name.lower()}
    assert ids(found.changes) == ids(each for each in planned if each.developer and each.developer.email in same)
    assert sum(voice.effect == "decides" for voice in found.rules) <= 1
