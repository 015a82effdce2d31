"""Konnect v3, Konnect v2 and API7 pass the conformance suite that any provider must pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import pytest

from portalctl.http import Server
from portalctl.portals.connection import AnyServer
from portalctl.providers.registry import provider_named
from portalctl.simulator.api7.server import Api7Simulator
from portalctl.simulator.faults import Fault as SimulatedFault
from portalctl.simulator.server import Simulator
from portalctl.testing import Conformance, Fault, State

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick")]

PORTAL = "3f51fa25-310a-421d-bd1a-007f859021a3"
OTHER = "7d1c2f0e-5a43-4a57-9d0e-6f1f3f0f5c11"
WRITES = ("POST", "PATCH", "PUT", "DELETE")
HUGE = '"' + "x" * 40_000_000 + '"'


def simulated(kind: Fault) -> tuple[SimulatedFault, ...]:
    """Return the simulator's faults of a kind that the suite names."""
    match kind:
        case "incomplete":
            return (SimulatedFault("lose-row", method="GET"),)
        case "no_answer":
            return tuple(SimulatedFault("drop-after", method=method) for method in WRITES)
        case "refused":
            return tuple(SimulatedFault("status", method=method, status=500) for method in WRITES)
        case "huge":
            return (SimulatedFault("set", method="GET", field="huge", value=HUGE),)
        case "wrong_portal":
            return (SimulatedFault("misroute"),)


class KonnectHarness:
    """A simulated Konnect portal of either version of the API, with another one beside it."""

    portal_id = PORTAL

    def __init__(self, name: str) -> None:
        self.provider = provider_named(name)
        classic = {"classic": True} if name == "konnect-v2" else {}
        seed = {"portals": [{"id": OTHER, "name": "other", **classic}, {"id": PORTAL, "name": "partners", **classic}]}
        self.sim = Simulator(seed=seed)

    @property
    def servers(self) -> Mapping[str, AnyServer]:
        return {"portal": Server(self.sim.url, self.sim.token)}

    def fill(self, state: State) -> None:
        ids = {
            address: self.sim.store.add_developer(PORTAL, address, status=status)
            for address, status in state.developers.items()
        }
        for name, members in state.teams.items():
            team = self.sim.store.add_team(PORTAL, name)
            for address in members:
                self.sim.store.add_member(team, ids[address])

    def state(self) -> State:
        self.sim.wait_until_idle(0.2)
        return State(
            {str(row["email"]): str(row["status"]) for row in self.sim.store.developers(PORTAL)},
            {
                str(team["name"]): frozenset(str(row["email"]) for row in self.sim.store.members(team["id"]))
                for team in self.sim.store.teams(PORTAL)
            },
        )

    @contextmanager
    def fault(self, kind: Fault) -> Iterator[None]:
        for fault in simulated(kind):
            self.sim.inject(fault)
        try:
            yield
        finally:
            self.sim.clear_faults()


class Api7Harness:
    """A simulated API7 portal."""

    portal_id = "portal-1"

    def __init__(self) -> None:
        self.provider = provider_named("api7")
        self.sim = Api7Simulator()
        self.sim.store.add_portal("portal-1", "Partners")

    @property
    def servers(self) -> Mapping[str, AnyServer]:
        return {
            "portal": Server(self.sim.url, self.sim.token, auth="api-key"),
            "backend": Server(self.sim.portal_url, self.sim.portal_token),
        }

    def fill(self, state: State) -> None:
        states = {"approved": "Active", "pending": "Pending"}
        for address, status in state.developers.items():
            self.sim.store.sign_up(self.portal_id, address, state=states[status])  # type: ignore[arg-type]

    def state(self) -> State:
        self.sim.wait_until_idle(0.2)
        statuses = {"Active": "approved", "Pending": "pending"}
        rows = self.sim.store.developers(self.portal_id)
        return State({row.email or "": statuses[row.state] for row in rows})

    def fault(self, kind: Fault) -> AbstractContextManager[None] | None:
        # API7's documents show no portal in a developer's record, so a list of another portal's is not noticed.
        return None if kind == "wrong_portal" else self._faulty(kind)

    @contextmanager
    def _faulty(self, kind: Fault) -> Iterator[None]:
        for fault in simulated(kind):
            self.sim.inject(fault)
        try:
            yield
        finally:
            self.sim.clear_faults()


class TestKonnect(Conformance):
    @pytest.fixture(params=["konnect", "konnect-v2"])
    def harness(self, request: pytest.FixtureRequest) -> Iterator[KonnectHarness]:
        harness = KonnectHarness(request.param)
        with harness.sim:
            yield harness


class TestApi7(Conformance):
    @pytest.fixture
    def harness(self) -> Iterator[Api7Harness]:
        harness = Api7Harness()
        with harness.sim:
            yield harness
