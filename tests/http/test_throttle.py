"""What is learned of a server's limit holds for all requests of a run, whichever client sends them."""

from __future__ import annotations

from itertools import pairwise

import pytest

import portalctl
from portalctl.http import Client, Server
from portalctl.http.throttle import Throttle, Throttles
from portalctl.simulator.faults import Fault
from portalctl.simulator.server import Simulator
from tests.conftest import PORTAL_ID, Bench

PATH = f"/v3/portals/{PORTAL_ID}"


def test_each_server_of_a_run_has_a_throttle_of_its_own() -> None:
    throttles = Throttles()
    assert throttles.of("https://a.example") is throttles.of("https://a.example")
    assert throttles.of("https://a.example") is not throttles.of("https://b.example")


@pytest.mark.slow
def test_a_pause_that_one_client_was_asked_for_holds_another() -> None:
    throttle = Throttle()
    with Simulator(seed="demo", faults=[Fault("status", status=429, retry_after=1, times=1)]) as sim:
        server = Server(sim.url, sim.token)
        with Client(server, throttle=throttle) as one, Client(server, throttle=throttle) as other:
            one.get(PATH)
            throttle.hold(1.0, asked=True)
            other.get(PATH)
        starts = [exchange.started for exchange in sim.log]
    assert [exchange.status for exchange in sim.log] == [429, 200, 200]
    assert all(later - earlier >= 1 for earlier, later in pairwise(starts))
    assert throttle.waited == pytest.approx(2.0, abs=0.1)


@pytest.mark.slow
def test_an_apply_keeps_to_what_the_plan_before_it_was_told(bench: Bench) -> None:
    """The plan takes all that the portal gives in a second."""
    bench.people(pending=["ann@arsenal.com"])
    bench.manifest("trusted_domains: [arsenal.com]\n")
    run = portalctl.Run({"partners": Server(bench.sim.url, bench.sim.token)})
    manifest = portalctl.load("portals/")
    portalctl.plan(manifest, run)
    calls = len(bench.sim.log)
    bench.sim.clear_log()
    bench.sim.inject(Fault("rate", requests=calls, seconds=1.0, window=True, told=True))
    (report,) = portalctl.apply(portalctl.plan(manifest, run), run)
    assert report.count("confirmed") == 1
    assert len(bench.sim.log) > calls
    assert {exchange.status for exchange in bench.sim.log} == {200}
