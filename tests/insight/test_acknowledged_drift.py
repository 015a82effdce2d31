"""Fingerprints of findings, and what is acknowledged by them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from portalctl.errors import Position
from portalctl.insight.acknowledged_drift import acknowledged, acknowledgement_notices
from portalctl.insight.drift import DriftFinding, PortalDrift
from portalctl.manifest.acknowledgements_file import Acknowledgement
from portalctl.portals.models import Snapshot
from tests.changes.build import (
    TODAY,
    TOMORROW,
    YESTERDAY,
    developer,
    drift,
    override,
    portal,
    snapshot,
    team,
    trusted,
)

ANN, EVE = "ann@city.com", "eve@x.org"
LIVE = snapshot(developer(ANN, "revoked"), developer(EVE), teams={"reds": [EVE]})


def findings(live: Snapshot = LIVE, *, line: int = 10, **rules: Any) -> tuple[DriftFinding, ...]:
    keys = {"trusted_domains": (trusted("city.com", line=line),), "teams": (team("reds", []),)} | rules
    return drift(portal(**keys), live)


def prints(given: tuple[DriftFinding, ...]) -> dict[tuple[str, str | None, str | None], str]:
    return {(each.kind, each.developer, each.team): each.fingerprint for each in given}


def whole(*given: DriftFinding) -> PortalDrift:
    return PortalDrift("partners", "konnect", "p", "https://x", "2026-06-15T08:00:00Z", 2, {}, 3, given)


def known(finding: str, until: date | None = None, line: int = 3) -> Acknowledgement:
    return Acknowledgement(finding, "as agreed", until, Position("known.yaml", line, 5))


def test_each_finding_has_one_of_its_own_that_yaml_takes_for_text() -> None:
    found = [each.fingerprint for each in findings()]
    assert len(set(found)) == len(found) == 3
    assert all(re.fullmatch(r"f[0-9a-f]{12}", each) for each in found)


def test_it_stays_when_lines_move_rules_change_order_and_others_come() -> None:
    before = prints(findings())
    moved = prints(findings(line=99))
    crowd = snapshot(developer("new@city.com"), developer(EVE), developer(ANN, "revoked"), teams={"reds": [EVE]})
    assert moved == before
    more = prints(findings(crowd, trusted_domains=(trusted("a.com"), trusted("city.com"))))
    assert before.items() <= more.items()


@pytest.mark.parametrize(
    ("live", "rules"),
    [
        (snapshot(developer(ANN, "rejected"), teams={"reds": []}), {}),  # another live state
        (snapshot(developer(ANN, "revoked", id="again"), teams={"reds": []}), {}),  # somebody new behind the address
        (snapshot(developer(ANN, "revoked"), teams={"reds": []}), {"overrides": (override(ANN, "approved"),)}),
        (snapshot(developer(ANN, "revoked"), teams={"reds": []}), {"overrides": (override(ANN, "pending"),)}),
    ],
)
def test_it_changes_when_what_is_found_changes(live: Snapshot, rules: dict[str, Any]) -> None:
    before = prints(findings())["withheld", ANN, None]
    assert prints(findings(live, **rules))["withheld", ANN, None] != before


def test_it_changes_with_what_is_wanted() -> None:
    approved, pending = (findings(overrides=(override(ANN, status),)) for status in ("approved", "pending"))
    assert prints(approved)["withheld", ANN, None] != prints(pending)["withheld", ANN, None]


def test_it_is_another_on_another_portal() -> None:
    rules = portal(trusted_domains=(trusted("city.com"),))
    there = drift(replace(rules, name="elsewhere"), LIVE)
    assert {each.fingerprint for each in there}.isdisjoint(each.fingerprint for each in drift(rules, LIVE))


def test_what_is_acknowledged_stands_apart_with_the_reason() -> None:
    first, *others = findings()
    (portal_drift,) = acknowledged([whole(first, *others)], [known(first.fingerprint, TODAY)], TODAY)
    assert portal_drift.findings == tuple(others)
    (apart,) = portal_drift.acknowledged
    assert (apart.finding, apart.reason, apart.expires, apart.file, apart.line) == (
        first, "as agreed", TODAY, "known.yaml", 3,
    )  # fmt: skip


@pytest.mark.parametrize(("until", "holds"), [(None, True), (TOMORROW, True), (TODAY, True), (YESTERDAY, False)])
def test_it_holds_through_its_last_day(until: date | None, holds: bool) -> None:
    first = findings()[0]
    (found,) = acknowledged([whole(first)], [known(first.fingerprint, until)], TODAY)
    assert (len(found.acknowledged), len(found.findings)) == ((1, 0) if holds else (0, 1))


def test_ended_and_unknown_ones_are_noted_with_their_place() -> None:
    first, second, _ = findings()
    given = [
        known(first.fingerprint, YESTERDAY, line=3),
        known("f000000000000", line=4),
        known("f000000000001", YESTERDAY, line=5),
        known(second.fingerprint, line=6),
    ]
    found = acknowledged([whole(first, second)], given, TODAY)
    notices = [(each.code, each.line) for each in acknowledgement_notices(found, given, TODAY)]
    assert notices == [("acknowledgement_ended", 3), ("acknowledgement_unknown", 4), ("acknowledgement_unknown", 5)]
