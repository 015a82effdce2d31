"""What a portal cannot do is found offline, at the place that asks for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from portalctl.errors import InputError, Position
from portalctl.manifest.model import Manifest, Override, PortalManifest, ProviderName, Reason, Team
from portalctl.plan.capability import check
from portalctl.portal.capabilities import CAPABILITIES
from portalctl.portal.konnect.dialect import DIALECTS

AT = Position("partners.yaml", 3, 1)


def manifest(provider: ProviderName, **rules: tuple[object, ...]) -> Manifest:
    portal = replace(PortalManifest("partners", provider, AT, title="Partners"), **rules)  # type: ignore[arg-type]
    return Manifest({"partners": portal}, ("partners.yaml",), "sha256:0")


def reason(line: int) -> Reason:
    return Reason("teams", "reds", Position("partners.yaml", line, 5))


def findings(wanted: Manifest) -> list[str]:
    with pytest.raises(InputError) as raised:
        check(wanted)
    return [str(finding) for finding in raised.value.findings]


TEAMS = (Team("reds", reason(7)), Team("blues", reason(9)))


@pytest.mark.parametrize("provider", ["konnect", "konnect-v2"])
def test_both_kinds_of_konnect_portal_can_do_all_that_is_asked_today(provider: ProviderName) -> None:
    override = Override("ann@x.com", reason(12), status="rejected", teams=("reds",))
    check(manifest(provider, teams=TEAMS, overrides=(override,)))


def test_what_a_kind_of_portal_lacks_is_refused_at_each_place_that_asks_for_it() -> None:
    override = Override("ann@x.com", reason(12), status="rejected")
    assert findings(manifest("api7", teams=TEAMS, overrides=(override,)))[1:] == [
        "partners.yaml:7:5: API7 Enterprise has no teams",
        "partners.yaml:9:5: API7 Enterprise has no teams",
        "partners.yaml:12:5: API7 Enterprise has no status rejected; it has approved, pending",
    ]


def test_a_kind_of_portal_this_version_cannot_work_with_is_refused_with_those_it_can() -> None:
    (finding,) = findings(manifest("api7"))
    assert finding.startswith("partners.yaml:3:1: this version cannot work with API7 Enterprise yet")
    assert finding.endswith("it can with: konnect, konnect-v2")


def test_every_available_kind_of_portal_can_be_opened() -> None:
    assert {name for name, known in CAPABILITIES.items() if known.available} == set(DIALECTS)
