"""Large pages are asked for first; a server that does not serve them is asked for regular ones, and asked once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from portalctl.simulator.behaviour import Behaviour
from portalctl.simulator.faults import Fault
from tests.conftest import PORTAL_ID, Bench

pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.slow]

BenchMaker = Callable[..., Bench]
DEVELOPERS, MEMBERS = 1_250, 1_100
RULES = (
    "trusted_domains: [club.example]\nteams: [{name: reds, membership: exclusive, members: [p0000@club.example]}]\n"
)


def fill(bench: Bench) -> Bench:
    """1,250 developers and a team of 1,100 of them."""
    rows = [{"email": f"p{number:04}@club.example", "status": "approved"} for number in range(DEVELOPERS)]
    bench.sim.store.add_developers(PORTAL_ID, rows)
    bench.team("reds")
    ids = [developer["id"] for developer in bench.sim.store.developers(PORTAL_ID)]
    bench.sim.store.add_members(bench.teams["reds"], ids[:MEMBERS])
    bench.manifest(RULES)
    return bench


def plan(bench: Bench) -> None:
    """Check that a plan has everything there is: it would remove all members but one."""
    done = bench.run("plan", "-o", "json")
    assert done.code == 3, done.err
    summary = done.json["portals"][0]["summary"]
    assert summary["remove_member"] == MEMBERS - 1


def asked(bench: Bench) -> Counter[tuple[str, int]]:
    """How many pages were asked for, by page size and status."""
    pages = [(dict(exchange.params).get("page[size]", ""), exchange.status) for exchange in bench.sim.log]
    return Counter((size, status) for size, status in pages if size not in {"", "1"})


def lists(bench: Bench) -> Counter[str]:
    return Counter(path.removeprefix("GET ") for path in bench.reads if "developers" in path)


@pytest.mark.parametrize(("most", "developers", "members"), [(1000, 2, 2), (100, 13, 11), (500, 3, 3), (5000, 2, 2)])
def test_calls_fall_with_the_page_size_that_is_served(
    make_bench: BenchMaker, most: int, developers: int, members: int
) -> None:
    bench = fill(make_bench(behaviour=Behaviour(page_size_max=most)))
    plan(bench)
    path = f"/teams/{bench.teams['reds']}/developers"
    assert lists(bench) == {"/developers": developers, path: members}
    assert {size for size, _ in asked(bench)} == {"1000"}


@pytest.mark.parametrize("status", [400, 413, 414, 422])
def test_a_refusal_is_met_once_in_a_run(make_bench: BenchMaker, status: int) -> None:
    refused = Fault("status", status=status, query="page[size]=1000")
    bench = fill(make_bench(faults=[refused]))
    plan(bench)
    assert asked(bench)["1000", status] == 1
    assert lists(bench)["/developers"] - (status == 400) in {12, 13, 14}
    assert {size for size, _ in asked(bench)} == {"1000", "100"}


def test_a_refusal_is_met_once_by_an_apply_too(make_bench: BenchMaker) -> None:
    bench = make_bench(behaviour=Behaviour(page_size_over="refuse"))
    bench.people(pending=["ann@club.example"], approved=["bob@club.example"])
    bench.team("reds")
    bench.manifest("trusted_domains: [{domain: club.example, teams: [reds]}]\nteams: [{name: reds}]\n")
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.err
    assert asked(bench)["1000", 400] == 1
    assert bench.members("reds") == {"ann@club.example", "bob@club.example"}


@pytest.mark.parametrize("most", [10, 99])
def test_a_server_that_serves_short_pages_is_asked_for_regular_ones(make_bench: BenchMaker, most: int) -> None:
    bench = fill(make_bench(behaviour=Behaviour(page_size_max=most)))
    plan(bench)
    assert asked(bench)["1000", 200] <= 3  # the teams, which fit into a short page, and the lists read beside them
    pages = -(-DEVELOPERS // most) + -(-MEMBERS // most)
    assert sum(lists(bench).values()) <= pages + 2


@pytest.mark.parametrize("status", [403, 500])
def test_another_error_is_not_about_the_page_size(make_bench: BenchMaker, status: int) -> None:
    bench = fill(make_bench(faults=[Fault("status", status=status, path="*/developers", query="page[size]=1000")]))
    done = bench.run("plan")
    assert done.code == 1
    assert {size for size, _ in asked(bench)} == {"1000"}


def test_after_an_incomplete_round_regular_pages_are_asked_for(make_bench: BenchMaker) -> None:
    lost = Fault("lose-row", path="*/developers", query="page[size]=1000")
    bench = fill(make_bench(behaviour=Behaviour(page_size_max=1000), faults=[lost]))
    plan(bench)
    assert lists(bench)["/developers"] == 2 + 13


def test_a_refusal_that_is_not_about_the_page_size_leaves_it_as_it_is(make_bench: BenchMaker) -> None:
    bench = make_bench(behaviour=Behaviour(page_size_max=1000))
    bench.people(pending=["ann@club.example"])
    bench.manifest("trusted_domains: [club.example]\n")
    bench.sim.inject(Fault("status", status=400, query="filter[email][oeq]=ann@club.example"))
    done = bench.run("apply", "--yes")
    assert done.code == 0, done.err
    sizes = [dict(e.params)["page[size]"] for e in bench.sim.log if "page[size]" in dict(e.params)]
    assert "1000" in sizes[sizes.index("100") :] or sizes.count("1000") > 1
