"""`apply` beside a controller: it takes the portal's lease, stops when it is lost, and sends its report."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from portalctl.cancellation import Stop
from portalctl.cli.write_lease import WriteLeases, _Lease
from portalctl.controller.models import PortalKey, PortalView, Suspension
from portalctl.controller.store import Store
from portalctl.errors import PortalctlError
from portalctl.simulator.faults import Fault
from tests.conftest import PORTAL_ID, Bench, Done
from tests.controller.api_world import TOKENS, World, api, view

RULES = "trusted_domains:\n  - {domain: example.com}\n"
pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.slow]  # starts servers


@pytest.fixture
def world(tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("portalctl.cli.write_lease.TAKE_SECONDS", 0.3)
    monkeypatch.setattr("portalctl.cli.write_lease.PAUSE", 0.05)
    bench.manifest(RULES)
    bench.people(pending=["ann@example.com", "bob@example.com"])
    with api(tmp_path) as found:
        found.hub.views = {"partners": portal(bench)}
        yield found


def portal(bench: Bench, **values: Any) -> PortalView:
    return view(**({"key": PortalKey(bench.sim.url, PORTAL_ID)} | values))


def apply(bench: Bench, world: World, *words: str, role: str = "operator", **env: str) -> Done:
    known = {"PORTALCTL_CONTROLLER_URL": f"http://127.0.0.1:{world.port}", "PORTALCTL_CONTROLLER_TOKEN": TOKENS[role]}
    return bench.run("apply", "--yes", *words, **(known | env))


def lease(store: Store, bench: Bench) -> Any:
    return store.lease(PortalKey(bench.sim.url, PORTAL_ID), datetime.now(UTC))


def test_an_apply_holds_the_lease_and_its_report_is_in_the_history(bench: Bench, world: World) -> None:
    done = apply(bench, world)
    assert (done.code, bench.status("ann@example.com")) == (0, "approved")
    assert lease(world.store, bench) is None  # released
    (run,) = world.store.runs("partners")
    assert (run.trigger, run.state, run.counts.confirmed) == ("report", "succeeded", 2)
    assert run.writer.startswith("report:")
    history = world.call("approver", "GET", "/v1/history?developer=ann@example.com").json
    assert [change["change"]["id"] for change in history["changes"]] == ["approve:ann@example.com"]
    again = apply(bench, world)
    assert (again.code, len(world.store.runs("partners"))) == (0, 1)


def test_nothing_is_written_while_another_writer_has_the_lease(bench: Bench, world: World) -> None:
    key = PortalKey(bench.sim.url, PORTAL_ID)
    assert world.store.take_lease(key, "controller", 60, datetime.now(UTC)) is not None
    done = apply(bench, world)
    assert (done.code, bench.writes) == (3, [])
    assert "Not applied: the lease of partners is not available" in done.err
    assert "controller writes to this portal" in done.err

    def release() -> None:
        time.sleep(0.1)
        world.store.release_lease(key, "controller")

    thread = threading.Thread(target=release)
    thread.start()
    waited = apply(bench, world)
    thread.join()
    assert (waited.code, "waiting for the lease of partners" in waited.err) == (0, True)


@pytest.mark.parametrize("fault", ["unknown", "unread", "suspended", "other", "viewer", "token", "closed"])
def test_without_the_lease_nothing_is_written(fault: str, bench: Bench, world: World) -> None:
    env: dict[str, str] = {}
    match fault:
        case "unknown":
            world.hub.views = {}
        case "unread":
            world.hub.views = {"partners": portal(bench, key=None)}
        case "suspended":
            world.store.suspend(PortalKey(bench.sim.url, PORTAL_ID), Suspension("audit", "ann", datetime.now(UTC)))
        case "other":
            world.hub.views = {"partners": portal(bench, key=PortalKey(bench.sim.url, "another"))}
        case "token":
            env["PORTALCTL_CONTROLLER_TOKEN"] = "pctl_wrong"
        case "closed":
            env["PORTALCTL_CONTROLLER_URL"] = "http://127.0.0.1:9"
    done = apply(bench, world, role="viewer" if fault == "viewer" else "operator", **env)
    assert (done.code, bench.writes) == (3, [])
    assert "Not applied" in done.err
    assert world.store.runs("partners") == []


def test_an_address_or_token_that_cannot_be_used_is_wrong_usage(bench: Bench, world: World) -> None:
    for env in ({"PORTALCTL_CONTROLLER_TOKEN": ""}, {"PORTALCTL_CONTROLLER_URL": "http://portalctl.example"}):
        done = apply(bench, world, **env)
        assert (done.code, bench.writes) == (64, [])
        assert "PORTALCTL_CONTROLLER_" in done.err


def test_a_lost_lease_stops_the_apply_before_its_next_write(
    make_bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The controller takes the lease over while the first writes are on their way."""
    monkeypatch.setattr("portalctl.cli.write_lease.RENEW_SECONDS", 0.02)
    bench = make_bench(latency=0.1)
    bench.manifest(RULES)
    bench.people(pending=[f"dev-{number}@example.com" for number in range(80)])
    with api(tmp_path) as world:
        world.hub.views = {"partners": portal(bench)}
        _lose_the_lease(bench, world)


def take_over(bench: Bench, world: World) -> None:
    """Take the lease over as soon as the first write was sent."""
    key = PortalKey(bench.sim.url, PORTAL_ID)
    while "PATCH" not in {exchange.method for exchange in bench.sim.log}:
        time.sleep(0.005)
    held = world.store.lease(key, datetime.now(UTC))
    assert held is not None
    world.store.release_lease(key, held.holder)
    assert world.store.take_lease(key, "controller", 60, datetime.now(UTC)) is not None


def _lose_the_lease(bench: Bench, world: World) -> None:
    thread = threading.Thread(target=take_over, args=(bench, world))
    thread.start()
    done = apply(bench, world, "--report", "report.json")
    thread.join()
    report = json.loads(Path("report.json").read_text())
    results = [change["result"] for change in report["portals"][0]["changes"]]
    assert done.code == 4
    assert results.count("skipped") >= 20
    assert lease(world.store, bench).holder == "controller"  # not released for another


def test_a_write_that_waits_for_a_rate_limit_is_not_sent_after_the_lease_is_lost(
    make_bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portalctl.cli.write_lease.RENEW_SECONDS", 0.02)
    bench = make_bench(faults=[Fault("status", method="PATCH", status=429, retry_after=1, times=1)])
    bench.manifest(RULES)
    bench.people(pending=["ann@example.com"])
    with api(tmp_path) as world:
        world.hub.views = {"partners": portal(bench)}
        taken_over = threading.Thread(target=take_over, args=(bench, world))
        taken_over.start()
        done = apply(bench, world)
        taken_over.join()
    assert (done.code, bench.status("ann@example.com")) == (4, "pending")
    assert len([write for write in bench.writes if write.startswith("PATCH")]) == 1


def test_nothing_is_sent_with_little_time_left_whether_or_not_that_was_noticed() -> None:
    stop = Stop()
    leases = WriteLeases(stop)
    leases.check("partners")  # without a controller there is no lease
    leases._leases["partners"] = _Lease("server", "id", time.monotonic() + 9)
    leases.check("partners")
    leases._leases["partners"].ends = time.monotonic() + 7
    with pytest.raises(PortalctlError, match="the lease of the controller was lost"):
        leases.check("partners")
    assert (leases.lost, stop.asked) == (True, True)


def test_a_controller_that_goes_away_stops_the_apply_in_time(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portalctl.cli.write_lease.MARGIN_SECONDS", 20.5)  # as if no renewal had come for 12 s
    bench.manifest(RULES)
    bench.people(pending=["ann@example.com"])
    with api(tmp_path) as world:
        world.hub.views = {"partners": portal(bench)}
        done = apply(bench, world)
    assert (done.code, [write for write in bench.writes if write.startswith("PATCH")]) == (4, [])
    assert "the lease of the controller was lost" in done.out + done.err


def test_a_report_that_cannot_be_sent_loses_nothing(bench: Bench, world: World, tmp_path: Path) -> None:
    def remove_database() -> None:
        while "PATCH" not in {exchange.method for exchange in bench.sim.log}:
            time.sleep(0.005)
        next((tmp_path / "state").glob("*.db")).unlink()

    thread = threading.Thread(target=remove_database)
    thread.start()
    done = apply(bench, world)
    thread.join()
    assert (done.code, bench.status("ann@example.com")) == (1, "approved")
    assert "the report was not added to the controller's history" in done.err
    assert "portalctl history import FILE" in done.err
