"""What a portal cannot do is found offline, at the place that asks for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from portalctl.errors import InputError, Position
from portalctl.manifest.model import (
    AccessRule,
    Manifest,
    Override,
    Policy,
    PortalManifest,
    Role,
    RuleKind,
    TeamRule,
    TrustedDomain,
)
from portalctl.reason import Reason
from portalctl.rules.unsupported import check

AT = Position("partners.yaml", 3, 1)


def manifest(provider: str, **rules: object) -> Manifest:
    portal = replace(PortalManifest("partners", provider, AT, title="Partners"), **rules)  # type: ignore[arg-type]
    return Manifest({"partners": portal}, ("partners.yaml",), "sha256:0")


def reason(line: int, rule: RuleKind = "teams") -> Reason:
    return Reason.of(rule, "reds", Position("partners.yaml", line, 5))


def findings(wanted: Manifest) -> list[str]:
    with pytest.raises(InputError) as raised:
        check(wanted)
    return [str(finding) for finding in raised.value.findings]


TEAMS = (TeamRule("reds", reason(7)), TeamRule("blues", reason(9)))


@pytest.mark.parametrize("provider", ["konnect", "konnect-v2"])
def test_both_kinds_of_konnect_portal_can_do_all_that_is_asked_today(provider: str) -> None:
    override = Override("ann@x.com", reason(12), reason="HR", status="rejected", teams=("reds",))
    check(manifest(provider, teams=TEAMS, overrides=(override,)))


def test_what_a_kind_of_portal_lacks_is_refused_at_each_place_that_asks_for_it() -> None:
    override = Override("ann@x.com", reason(12, "overrides"), reason="HR", status="rejected")
    assert findings(manifest("api7", teams=TEAMS, overrides=(override,))) == [
        "partners.yaml:7:5: API7 Enterprise has no teams; leave them out",
        "partners.yaml:9:5: API7 Enterprise has no teams; leave them out",
        "partners.yaml:12:5: API7 Enterprise has no status rejected; write status: absent, which deletes the account",
    ]


def test_each_rule_that_names_teams_is_told_where_there_are_none() -> None:
    wanted = manifest(
        "api7",
        trusted_domains=(TrustedDomain("x.com", reason(4), teams=("reds",)), TrustedDomain("y.com", reason(5))),
        access_requests=(AccessRule(("Tickets",), reason(6), teams=("reds",), status="approved"),),
        overrides=(Override("acme", reason(8, "overrides"), reason="HR", status="approved", teams=()),),
    )
    assert [finding.split(":")[1] for finding in findings(wanted)] == ["4", "6", "8"]


def test_what_is_nothing_without_something_else_that_is_missing_is_not_told_twice() -> None:
    reds = TeamRule("reds", reason(7), roles=(Role("API Viewer", "Fixtures", reason(8)),))
    assert findings(manifest("api7", teams=(reds,))) == [
        "partners.yaml:7:5: API7 Enterprise has no teams; leave them out"
    ]


def test_an_account_by_developer_id_has_no_name_gets_no_mail_and_does_not_wait() -> None:
    plain = Override("acme", reason(12, "overrides"), reason="HR", status="approved", invite=True)
    check(manifest("api7", overrides=(plain,)))
    for change in (
        {"full_name": "Acme"},
        {"send_invitation_email": True},
        {"status": "pending"},
    ):
        (told,) = findings(manifest("api7", overrides=(replace(plain, **change),)))
        assert told.endswith("write status: approved, without full_name and send_invitation_email")


def test_what_api7_can_do_is_let_through() -> None:
    people = (
        Override("ann@x.com", reason(12, "overrides"), reason="HR", status="approved"),
        Override("acme-dev", reason(13, "overrides"), reason="HR", status="absent"),
        Override("bob@x.com", reason(14, "overrides"), reason="HR", status="pending"),
    )
    check(manifest("api7", overrides=people))


def test_what_keeps_people_out_on_api7_is_refused_where_it_is_asked_for() -> None:
    policy = Policy(unmatched_pending="rejected", unmatched_why=reason(4, "policy"), on_revoke="revoke_registrations")
    invited = Override("ann@x.com", reason(12, "overrides"), reason="HR", status="approved", invite=True)
    assert findings(manifest("api7", policy=policy, overrides=(invited,))) == [
        "partners.yaml:3:1: API7 Enterprise has no registrations to revoke; write on_revoke: report",
        "partners.yaml:4:5: API7 Enterprise has no status rejected; write keep",
        "partners.yaml:12:5: API7 Enterprise creates no account for an address; the developer has to sign up",
    ]
