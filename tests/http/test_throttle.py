"""What is learned of a server's limit holds for all requests of a run, whichever client sends them."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

import portalctl
from portalctl.cancellation import Stop
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


def test_answers_that_nobody_has_looked_at_count_as_requests_in_flight() -> None:
    """16 answers arrive before the first of them is recorded, and each worker then sends again while it may."""
    throttle, stop, sent_again = Throttle(), Stop(), 0
    for _ in range(16):
        throttle.wait_for_turn(stop)
    for left in range(20, 4, -1):
        headers = {"ratelimit-remaining": str(left), "ratelimit-reset": "1"}
        learned = throttle.learn(200, time.monotonic(), headers, 60.0)
        throttle.landed()
        if learned.spent_for:
            break
        throttle.wait_for_turn(stop)
        sent_again += 1
    assert learned.spent_for == 1.0
    assert sent_again == 5, "as many as the server still accepts"


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
