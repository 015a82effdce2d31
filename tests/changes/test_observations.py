"""Kinds of observation, and their one definition."""

from __future__ import annotations

from typing import get_args

from portalctl.changes.blocked_accounts import Accounts
from portalctl.changes.observations import (
    FIGURES,
    AmbiguousTeam,
    AnyObservation,
    Awaited,
    ExtraMember,
    Observation,
    Observations,
    Unmatched,
)
from tests.changes.build import developer, team


def test_every_kind_is_listed_and_says_something() -> None:
    kinds = set(get_args(AnyObservation))
    written = {kind.__name__ for kind in Observation.__subclasses__()}  # slots make each class twice
    assert {kind.__name__ for kind in kinds} == written
    asked = ("notice", "notices", "refusal", "disagreement", "figure")
    silent = {kind.__name__ for kind in kinds if all(name not in vars(kind) for name in asked)}
    assert silent == {"KeptOut"}, "it only says whose registrations are read"


def test_each_figure_counts_a_developer_or_a_name_once() -> None:
    found = Observations()
    found.update([Unmatched(developer("a@x.org")), Unmatched(developer("b@x.org", "pending"))])
    found.update([Awaited("ann@x.org"), Awaited("ann@x.org"), Awaited("bob@x.org")])
    assert found.figures() == dict(zip(FIGURES, (2, 2), strict=True))


def test_notices_and_drift_come_from_the_kinds() -> None:
    found = Observations()
    ann, bob = developer("ann@x.org"), developer("bob@x.org", "pending")
    found.update([ExtraMember(ann, "city"), ExtraMember(bob, "city"), Unmatched(ann), Unmatched(bob)])
    assert [notice.message for notice in found.notices(Accounts(()))] == [
        "team city keeps 2 developers that no rule puts there (additive)"
    ]
    assert [(it.kind, it.team, it.live) for it in found.disagreements()] == [
        ("unruled_grant", "city", "member"),
        ("unruled_grant", "city", "member"),
        ("unruled_grant", None, "approved"),
    ]
    more = found.with_more([AmbiguousTeam(team("reds"))])
    assert [refusal.code for refusal in more.refusals()] == ["ambiguous_team"]
    assert not list(found.refusals()), "the first comparison stays as it was"
