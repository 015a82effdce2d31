"""A portal as manifests: the first plan is empty whatever is on it, and nothing that anyone typed breaks a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.changes.observations import AmbiguousTeam
from portalctl.changes.planning import compare
from portalctl.errors import Position
from portalctl.insight.acknowledged_drift import acknowledged
from portalctl.insight.drift import FAILING, DriftFinding, PortalDrift, drift_findings
from portalctl.insight.import_portal import AMBIGUOUS, MALFORMED, SHARED, imported
from portalctl.manifest.acknowledgements_file import acknowledgements
from portalctl.manifest.files import File
from portalctl.manifest.fmt.format import format_files
from portalctl.manifest.load import assemble
from portalctl.manifest.model import PortalManifest
from portalctl.output.escaping import yaml_comment
from portalctl.output.manifest_files import Source, baseline_file, manifest_files
from portalctl.portals.models import Settings, Snapshot
from portalctl.portals.models import Team as LiveTeam
from tests.changes.build import TODAY, as_read, developer, snapshot
from tests.changes.odd_portals import odd_portals
from tests.output.hostile import HOSTILE

SOURCE = Source("partners", "konnect", {"region": "eu"}, "3f51fa25-310a-421d-bd1a-007f859021a3", "2026-06-15", 3)


def written(live: Snapshot, *, split_teams: bool = False) -> list[File]:
    texts = manifest_files(imported(live, SOURCE.suggest_from), SOURCE, split_teams=split_teams, has_schema=True)
    return [File(name, name, f"/portals/{name}", text.encode()) for name, text in texts.items()]


def text_of(live: Snapshot) -> str:
    return written(live)[0].content.decode()


def loaded(live: Snapshot) -> PortalManifest:
    return assemble(written(live)).portals["partners"]


@given(odd_portals(), st.booleans())
def test_any_portal_gives_canonical_files_an_empty_plan_and_quiet_drift(live: Snapshot, split_teams: bool) -> None:
    files = written(live, split_teams=split_teams)
    assert not [each.text for each in format_files(files) if each.changed]
    manifest = assemble(files)
    assert not manifest.warnings
    portal = manifest.portals["partners"]
    found = compare(portal, as_read(portal, live), TODAY)
    assert found.changes == []
    assert found.observations.of(AmbiguousTeam) == []
    findings = drift_findings("partners", found)
    baseline = File("b", "b", "/b", baseline_file(findings, SOURCE).encode())
    drift = PortalDrift("partners", "konnect", "p-1", "", "", 0, {}, 0, findings)
    (left,) = acknowledged([drift], acknowledgements(baseline), TODAY)
    assert not [each for each in left.findings if each.kind in FAILING]


@given(st.text() | st.sampled_from(HOSTILE))
def test_a_comment_stays_one_comment(text: str) -> None:
    content = f"version: 1\nportal: {{name: p, provider: api7, id: x}}\n# {yaml_comment(text)}\n".encode()
    assert assemble([File("f", "f", "/f", content)]).portals["p"].at == Position("f", 2, 1)
    assert content.count(b"\n") == 3


def test_who_is_out_gets_an_override_and_leaves_the_lists() -> None:
    live = snapshot(
        developer("in@x.com"),
        developer("out@x.com", "revoked"),
        developer("no@x.com", "rejected"),
        teams={"city": ["in@x.com", "out@x.com"]},
    )
    portal = loaded(live)
    assert [(each.developer, each.status, each.why.reason) for each in portal.overrides] == [
        ("no@x.com", "rejected", "imported on 2026-06-15: was rejected on the portal"),
        ("out@x.com", "revoked", "imported on 2026-06-15: was revoked on the portal"),
    ]
    assert [each.developer for each in portal.teams[0].members or ()] == ["in@x.com"]


@pytest.mark.parametrize("other", ["ann+2@x.com", '"ann@x.com"@y.com', " <ANN@x.com>"])
def test_a_denial_that_would_reach_somebody_else_is_told_and_not_written(other: str) -> None:
    adopted = imported(snapshot(developer("ann@x.com", "revoked"), developer(other)), 3)
    assert adopted.denials == ()
    assert ("ann@x.com", "revoked", SHARED) in [(each.name, each.state, each.reason) for each in adopted.omissions]


def test_what_no_rule_can_name_is_told_escaped() -> None:
    live = snapshot(
        developer("a\nb@x.com"),
        developer("Ann@x.com"),
        developer("ann@X.com"),
        live_teams=(LiveTeam("1", "two"), LiveTeam("2", "two")),
    )
    text = text_of(live)
    assert f"#   a\\x0ab@x.com (approved): {MALFORMED}\n" in text
    assert f"#   Ann@x.com (approved): {AMBIGUOUS}\n" in text
    assert f"#   ann@X.com (approved): {AMBIGUOUS}\n" in text
    assert text.count("#   two (team): several teams have this name\n") == 1


def test_domains_are_suggested_in_comments_that_are_rules_without_their_mark() -> None:
    domains = ("big.com", "gmail.com", "github.io", "club.com")
    people = [developer(f"p{index}@{domain}") for domain in domains for index in range(3)]
    people += [developer("q@big.com"), developer("w@big.com", "pending")]
    people += [developer("a@few.com"), developer("b@few.com"), developer("c@few.com", "revoked")]
    text = text_of(snapshot(*people, teams={"city": ()}))
    comment = "# trusted_domains:\n#   - big.com  # 4 approved, 1 pending\n#   - club.com  # 3 approved, 0 pending\n"
    assert comment in text
    assert text.count("approved, ") == 2
    trusting = text.replace(comment, comment.replace("# trusted", "trusted").replace("#   -", "  -")).encode()
    (formatted,) = format_files([File("f", "f", "/f", trusting)])
    assert not formatted.changed, "where the rule belongs"
    portal = assemble([formatted.file]).portals["partners"]
    assert [rule.domain for rule in portal.trusted_domains] == ["big.com", "club.com"]


@pytest.mark.parametrize("name", ["x\\ud800", "\\Uffffffff", " edge", "a\nb", "x" * 251])
def test_a_team_that_no_file_can_name_is_told(name: str) -> None:
    adopted = imported(snapshot(teams={name: (), "city": ()}), 3)
    assert [team.name for team in adopted.teams] == ["city"]
    assert [(each.name, each.state) for each in adopted.omissions] == [(name, "team")]


def test_a_baseline_acknowledges_each_finding_once() -> None:
    finding = DriftFinding("unruled_grant", "a@x.com", None, "approved", "no rule", None, "1", "f0123456789ab")
    text = baseline_file([finding, finding], SOURCE)
    assert [each.finding for each in acknowledgements(File("b", "b", "/b", text.encode()))] == [finding.fingerprint]


def test_teams_of_an_identity_provider_are_left_to_it() -> None:
    live = snapshot(developer("ann@x.com"), teams={"city": ["ann@x.com"]}, settings=Settings(team_mapping=True))
    (team,) = loaded(live).teams
    assert (team.membership, team.members) == ("idp", None)


def test_each_team_has_a_file_of_its_own_whatever_it_is_called() -> None:
    names = ["City", "city", "../../etc", "Ω", "x" * 250]
    adopted = imported(snapshot(teams=dict.fromkeys(names, ())), 3)
    texts = manifest_files(adopted, SOURCE, split_teams=True, has_schema=True)
    assert sorted(texts) == sorted(
        [
            "partners.yaml",
            "teams/city.yaml",
            "teams/city-2.yaml",
            "teams/etc.yaml",
            "teams/team.yaml",
            f"teams/{'x' * 60}.yaml",
        ]
    )
    assert {
        team.name
        for team in assemble(written(snapshot(teams=dict.fromkeys(names, ())), split_teams=True))
        .portals["partners"]
        .teams
    } == set(names)
