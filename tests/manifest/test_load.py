from __future__ import annotations

import gc
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from portalctl.errors import InputError, Position
from portalctl.manifest.files import File
from portalctl.manifest.load import assemble, load
from portalctl.manifest.model import (
    DeniedDomain,
    Manifest,
    Member,
    Override,
    PortalManifest,
    Protected,
    RemovalLimits,
    TeamRule,
    TrustedDomain,
)
from portalctl.reason import Reason
from tests.manifest.examples import API7, COMPLETE, ROOT, file


def at(line: int, column: int, name: str = "portal.yaml") -> Position:
    return Position(name, line, column)


def partners(*texts: str) -> PortalManifest:
    return assemble([file(text, f"{number}.yaml") for number, text in enumerate(texts)]).portals["partners"]


def told(*texts: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        assemble([file(text, f"{number}.yaml") for number, text in enumerate(texts)])
    return [str(finding) for finding in caught.value.findings]


@pytest.mark.usefixtures("offline")
def test_a_complete_manifest_is_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("portal.yaml").write_text(COMPLETE)
    manifest = load([Path("portal.yaml")])
    assert manifest.files == ("portal.yaml",)
    assert [(warning.code, warning.at.line) for warning in manifest.warnings] == [("PC012", 55)]
    portal = manifest.portals["partners"]
    assert (portal.provider, portal.region, portal.title) == ("konnect", "eu", None)
    assert portal.id == "3f51fa25-310a-421d-bd1a-007f859021a3"
    assert portal.at == at(2, 1)
    assert (portal.policy.unmatched_pending, portal.policy.unmatched_approved) == ("keep", "revoked")
    assert portal.policy.unmatched_why == Reason.of("policy", "unmatched", at(9, 3))
    assert portal.policy.limits == RemovalLimits(12, 10, 50, date(2026, 12, 31))
    assert portal.trusted_domains == (
        TrustedDomain("arsenal.com", Reason.of("trusted_domains", "arsenal.com", at(17, 5))),
        TrustedDomain(
            "manchestercity.com",
            Reason.of("trusted_domains", "manchestercity.com", at(18, 5), "Partner since 2023"),
            teams=("city",),
            review_by=date(2027, 1, 31),
            expires=date(2028, 1, 31),
        ),
    )
    assert portal.denied_domains == (
        DeniedDomain("mailinator.com", Reason.of("denied_domains", "mailinator.com", at(26, 5))),
    )
    james, sam = "james@manchestercity.com", "sam@agency.example"
    assert portal.teams == (
        TeamRule(
            "city",
            Reason.of("teams", "city", at(29, 5)),
            description="Manchester City",
            members=(
                Member(james, Reason.of("members", james, at(33, 9))),
                Member(sam, Reason.of("members", sam, at(34, 9), "Integration"), date(2027, 3, 31)),
            ),
        ),
        TeamRule("empty", Reason.of("teams", "empty", at(36, 5)), members=(), synced=False),
        TeamRule("partners-readonly", Reason.of("teams", "partners-readonly", at(35, 5))),
    )
    contractor, peter = portal.overrides
    assert peter == Override(
        "peter@arsenal.com",
        Reason.of("overrides", "peter@arsenal.com", at(39, 5), "Left the club, HR-4711"),
        "revoked",
        reason="Left the club, HR-4711",
    )
    assert contractor == Override(
        "contractor@gmail.com",
        Reason.of("overrides", "contractor@gmail.com", at(42, 5), "Integration project"),
        "approved",
        teams=("city",),
        reason="Integration project",
        expires=date(2027, 3, 31),
        id="5b0c0b5e-0c1d-4e2f-8a3b-4c5d6e7f8091",
        reinstate=True,
        on_revoke="revoke_registrations",
    )
    assert portal.protected == (Protected("owner@example.com", Reason.of("policy", "protected", at(52, 13))),)


def test_what_is_not_written_has_the_defaults_of_the_model() -> None:
    portal = partners(ROOT)
    assert portal == PortalManifest("partners", "konnect", portal.at, title="Partners", files=("0.yaml",))
    assert portal.policy.unmatched_why.at is None


def test_an_empty_list_is_not_an_absent_one() -> None:
    portal = partners(ROOT + "teams: [{name: a}, {name: b, members: []}]\n")
    assert [team.members for team in portal.teams] == [None, ()]
    portal = partners(ROOT + "overrides: [{developer: a@b.example, status: approved, teams: [], reason: x}]\n")
    assert portal.overrides[0].teams == ()


def test_api7_knows_people_by_developer_id_too() -> None:
    text = "overrides: [{developer: Org_1.a, status: revoked, reason: x}]\nprotected: [Org-2, A@B.example]\n"
    portal = partners(API7 + text)
    assert portal.overrides[0].developer == "Org_1.a"
    assert [item.developer for item in portal.protected] == ["Org-2", "a@b.example"]
    assert len(told(ROOT + text)) == 2


def test_a_freemail_domain_needs_a_reason() -> None:
    trusted = "trusted_domains: [{domain: gmail.com, reason: We know them all}]\n"
    assert partners(ROOT + trusted).trusted_domains[0].why.reason == "We know them all"
    assert len(told(ROOT + "trusted_domains: [gmail.com]\n")) == 1


def test_files_add_up() -> None:
    first = ROOT + "teams: [{name: city, membership: exclusive, members: [b@x.example]}]\n"
    second = "version: 1\nportal: partners\nteams: [{name: city, description: City, members: [a@x.example]}]\n"
    third = "version: 1\nportal: partners\nteams: [{name: city}, {name: united}]\n"
    city, united = partners(first, second, third).teams
    assert [member.developer for member in city.members or ()] == ["a@x.example", "b@x.example"]
    assert (city.membership, city.description) == ("exclusive", "City")
    assert united.members is None


def test_one_fragment_serves_several_portals() -> None:
    roots = [ROOT, ROOT.replace("partners", "staging").replace("Partners", "Staging")]
    fragment = "version: 1\nportals: [staging, partners]\nteams: [{name: city, members: [a@x.example]}]\n"
    portals = assemble([file(text, f"{number}.yaml") for number, text in enumerate([*roots, fragment])]).portals
    assert list(portals) == ["partners", "staging"]
    assert portals["partners"].teams == portals["staging"].teams != ()


def test_the_order_of_files_changes_places_only() -> None:
    texts = [
        ROOT + "trusted_domains: [{domain: b.example, teams: [city]}]\n",
        "version: 1\nportal: partners\nteams: [{name: city, members: [b@x.example]}]\n",
        "version: 1\nportal: partners\nteams: [{name: city, description: City, members: [a@x.example]}, {name: b}]\n",
    ]

    def names_and_more(portal: PortalManifest) -> list[object]:
        teams = [(t.name, t.description, [m.developer for m in t.members or ()]) for t in portal.teams]
        return [[d.domain for d in portal.trusted_domains], teams]

    assert names_and_more(partners(*texts)) == names_and_more(partners(*reversed(texts)))
    same = [file(text, f"{number}.yaml") for number, text in enumerate(texts)]
    assert assemble(same) == assemble(same[::-1])


DENIED = ROOT + "overrides:\n  - {developer: a@x.example, status: %s, reason: Out}\n"


@pytest.mark.parametrize("status", ["revoked", "rejected", "absent"])
def test_a_denial_beats_grants_of_the_same_person_with_warnings_at_both(status: str) -> None:
    text = DENIED % status
    text += "  - {developer: A@x.example, status: approved, reason: In}\n"
    text += "  - {developer: a+1@x.example, status: approved, reason: In}\n"
    text += "teams:\n  - name: city\n    members: [a@x.example, b@x.example]\n"
    manifest = assemble([file(text)])
    portal = manifest.portals["partners"]
    assert {override.developer: override.status for override in portal.overrides} == {
        "a@x.example": status,
        "a+1@x.example": "approved",
    }
    assert [(warning.at.line, warning.message) for warning in manifest.warnings] == [
        (4, "line 5 grants something to the developer denied here; the denial holds"),
        (4, "line 6 grants something to the developer denied here; the denial holds"),
        (4, "line 9 grants something to the developer denied here; the denial holds"),
        (5, "no effect: line 4 denies this developer"),
        (6, "no effect: line 4 denies this developer"),
        (9, "no effect: line 4 denies this developer"),
    ]
    assert {(warning.code, warning.severity) for warning in manifest.warnings} == {("PC010", "warning")}


def test_a_denial_of_someone_at_a_trusted_domain_needs_no_warning() -> None:
    manifest = assemble([file(DENIED % "revoked" + "trusted_domains: [x.example]\n")])
    assert manifest.warnings == ()


def delegated(grant: str, body: str) -> Manifest:
    root = file(ROOT + "teams: [{name: staff}]\n" + f"delegate: {{{grant}}}\n", "portals/root.yaml")
    return assemble([root, file("version: 1\nportal: partners\n" + body, "portals/teams/city.yaml")])


@pytest.mark.parametrize(
    ("grant", "body"),
    [
        ("teams/city.yaml: {teams: [city]}", "teams: [{name: city}]"),
        ("./teams/../teams/city.yaml: {teams: [city]}", "teams: [{name: city}]"),
        ("teams/city.yaml: {domains: [CityFC.com]}", "trusted_domains: [cityfc.com]"),
        (
            "teams/city.yaml: {domains: [cityfc.com], teams: [staff]}",
            "trusted_domains: [{domain: cityfc.com, teams: [staff]}]",
        ),
        ("teams/city.yaml: {overrides: true}", "overrides: [{developer: a@b.example, status: approved, reason: x}]"),
        (
            "teams/city.yaml: {all: true}",
            "teams: [{name: city, membership: exclusive}]\ntrusted_domains: [{domain: a.example, subdomains: true}]\n"
            "denied_domains: [b.example]\noverrides: [{developer: a@b.example, status: approved, reason: x}]",
        ),
    ],
)
def test_what_is_delegated_is_accepted(grant: str, body: str) -> None:
    assert "partners" in delegated(grant, body).portals


@pytest.mark.parametrize(
    ("grant", "body"),
    [
        ("teams/other.yaml: {teams: [city]}", "teams: [{name: city}]"),
        ("teams/city.yaml: {teams: [staff]}", "teams: [{name: city}]"),
        ("teams/city.yaml: {domains: [cityfc.com]}", "trusted_domains: [www.cityfc.com]"),
        ("teams/city.yaml: {domains: [cityfc.com]}", "trusted_domains: [{domain: cityfc.com, subdomains: true}]"),
        ("teams/city.yaml: {domains: [cityfc.com]}", "trusted_domains: [{domain: cityfc.com, teams: [staff]}]"),
        ("teams/city.yaml: {teams: [city]}", "overrides: [{developer: a@b.example, status: approved, reason: x}]"),
        ("teams/city.yaml: {overrides: true}", "overrides: [{developer: a@b.example, teams: [staff], reason: x}]"),
        ("teams/city.yaml: {domains: [a.example]}", "denied_domains: [a.example]"),
    ],
)
def test_what_is_not_delegated_is_refused_and_names_the_place(grant: str, body: str) -> None:
    with pytest.raises(InputError) as caught:
        delegated(grant, body)
    (finding,) = caught.value.findings
    assert finding.at.file == "portals/teams/city.yaml"
    assert "portals/root.yaml:4" in finding.message


SHARED = """version: 1
portals: [partners, staging]
trusted_domains: [{domain: city.example, teams: [city]}]
denied_domains: [spam.example]
teams: [{name: city}]
access_requests: [{products: [Fixtures], teams: [city], status: approved}]
"""


def both(staging_grant: str = "all: true", more: str = "") -> list[File]:
    """Two portals that have their rules from one further file."""
    partners = ROOT + "delegate: {shared.yaml: {all: true}}\n"
    staging = ROOT.replace("partners", "staging").replace("Partners", "Staging")
    staging += f"delegate: {{shared.yaml: {{{staging_grant}}}}}\n"
    return [file(partners, "partners.yaml"), file(staging, "staging.yaml"), file(SHARED + more, "shared.yaml")]


def test_one_file_of_rules_serves_several_portals() -> None:
    partners, staging = assemble(both()).portals.values()
    assert replace(staging, name="partners", title="Partners", at=partners.at, files=partners.files) == partners
    assert [rule.domain for rule in partners.denied_domains] == ["spam.example"]
    assert [rule.products for rule in partners.access_requests] == [("Fixtures",)]


@pytest.mark.parametrize("section", ["policy: {reinstate: true}", "protected: [owner@city.example]"])
def test_policy_and_protected_are_written_in_the_root_file_only(section: str) -> None:
    with pytest.raises(InputError) as caught:
        assemble(both(more=section))
    (finding,) = caught.value.findings
    key = section.partition(":")[0]
    assert str(finding).startswith(f"shared.yaml:7:1: the key '{key}' is allowed in the root file only")


def test_a_file_of_several_portals_needs_the_grant_of_each() -> None:
    with pytest.raises(InputError) as caught:
        assemble(both("teams: [city]"))
    assert [str(finding) for finding in caught.value.findings] == [
        "shared.yaml:3:19: 'city.example': domain not granted to this file (staging.yaml:3 grants no domain)",
        "shared.yaml:4:1: `denied_domains`: not granted to this file (staging.yaml:3 grants: teams; it needs "
        "`all: true`)",
        "shared.yaml:6:1: `access_requests`: not granted to this file (staging.yaml:3 grants: teams; it needs "
        "`all: true`)",
    ]


def test_a_file_that_one_portal_restricts_is_granted_nothing_by_a_portal_without_a_delegate() -> None:
    """Else the owner of a team's file could fill every team of the portal next to it."""
    files = [
        file(ROOT + "delegate: {teams/city.yaml: {teams: [city]}}\n", "p/partners.yaml"),
        file(ROOT.replace("partners", "staging").replace("Partners", "Staging"), "p/staging.yaml"),
        file("version: 1\nportal: staging\nteams: [{name: admins}]\n", "p/teams/city.yaml"),
        file("version: 1\nportal: staging\nteams: [{name: other}]\n", "p/teams/other.yaml"),
    ]
    with pytest.raises(InputError) as caught:
        assemble(files)
    assert [str(finding) for finding in caught.value.findings] == [
        "p/teams/city.yaml:3:1: `teams`: not granted to this file: p/partners.yaml:3 restricts it, and "
        "p/staging.yaml has no `delegate`; add one that names this file",
    ]


def test_an_error_does_not_lead_to_errors_that_are_none() -> None:
    """What refers to something that an error hides is not told; the rest is."""
    uses = ROOT + "trusted_domains: [{domain: b.example, teams: [city]}, co.uk]\n"
    assert [
        line.partition(":")[0] for line in told(uses, "version: 1\nportal: partners\nteams: [{nam: city}]\n")
    ] == ["0.yaml", "1.yaml"]
    assert len(told(uses, "version: 1\nportal: [partners\n")) == 2
    assert len(told(uses, "version: 1\nportal: partnrs\nteams: [{name: city}]\n")) == 2
    broken_root = "version: 1\nportal: {name: Partners, provider: konnect, title: x}\n"
    assert len(told(broken_root, "version: 1\nportal: partners\nteams: [{name: city}]\n")) == 1


@pytest.mark.parametrize("enabled", [True, False])
def test_collection_of_garbage_is_as_before(enabled: bool, tmp_path: Path) -> None:
    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(InputError):
            load([tmp_path])
        assert gc.isenabled() is enabled
    finally:
        gc.enable()
