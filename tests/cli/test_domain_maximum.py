"""`maximum` on a trusted domain: over it, the rule makes no new grants and takes nothing."""

from __future__ import annotations

import pytest

from tests.conftest import Bench

ANN, BOB, EVE = "ann@city.example", "bob@city.example", "eve@city.example"
RULES = """
trusted_domains:
  - {{domain: city.example, teams: [city], maximum: {maximum}, owner: "@city-admins"}}
teams: [{{name: city, membership: exclusive}}]
"""


def prepared(bench: Bench, maximum: int) -> None:
    bench.people(approved=[ANN, BOB], pending=[EVE])
    bench.team("city", ANN)
    bench.manifest(RULES.format(maximum=maximum))


def test_within_the_maximum_the_domain_grants_as_without_one(bench: Bench) -> None:
    prepared(bench, 3)
    assert bench.run("apply", "--yes").code == 0
    assert bench.members("city") == {ANN, BOB, EVE}
    assert bench.status(EVE) == "approved"


def test_over_the_maximum_it_makes_no_new_grants_and_takes_nothing(bench: Bench) -> None:
    prepared(bench, 2)
    plan = bench.run("plan")
    assert plan.code == 0
    assert f"{EVE}: the domain has more developers than its `maximum`" in plan.out + plan.err
    assert bench.run("apply", "--yes").code == 0
    assert bench.members("city") == {ANN}  # bob is not added, ann stays in an exclusive team
    assert (bench.status(ANN), bench.status(BOB), bench.status(EVE)) == ("approved", "approved", "pending")
    explained = bench.run("explain", EVE)
    assert "maximum" in explained.out


def test_a_developer_with_an_override_does_not_count(bench: Bench) -> None:
    prepared(bench, 2)
    more = f"overrides: [{{developer: {EVE}, status: approved, teams: [city], reason: r}}]\n"
    bench.manifest(RULES.format(maximum=2) + more)
    assert bench.run("apply", "--yes").code == 0
    assert bench.status(EVE) == "approved"
    assert bench.members("city") == {ANN, BOB, EVE}


@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5", "null", "true"])
def test_a_maximum_is_a_positive_number(bench: Bench, value: str) -> None:
    bench.manifest(f"trusted_domains: [{{domain: city.example, maximum: {value}}}]\n")
    done = bench.run("validate")
    assert done.code == 65
    assert "partners.yaml:" in done.err


def test_the_owner_is_named_where_a_review_is_due(bench: Bench) -> None:
    bench.manifest(
        'trusted_domains: [{domain: city.example, review_by: 2020-01-01, reason: r, owner: "@city-admins"}]\n'
    )
    assert "due on 2020-01-01; its owner is @city-admins" in bench.run("validate").err
    assert "to be reviewed by 2020-01-01; its owner is @city-admins" in bench.run("plan").told
