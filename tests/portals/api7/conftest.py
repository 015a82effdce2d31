"""One simulated API7 portal, and the provider on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from portalctl.cancellation import Stop
from portalctl.events import ignore
from portalctl.http import READ_WRITE, Client, Server
from portalctl.http.retry import RetryPolicy
from portalctl.portals.api7.portal import Api7Portal
from portalctl.portals.api7.provider import BACKEND, DASHBOARD
from portalctl.portals.models import Scope, Snapshot, Touched
from portalctl.simulator.api7.records import SimulatedDeveloper
from portalctl.simulator.api7.server import Api7Behaviour, Api7Simulator

PORTAL = "portal-1"


class Bench:
    """A portal named Partners, among others if a test adds them, and a provider that works on it."""

    def __init__(self, sim: Api7Simulator, stack: ExitStack) -> None:
        self.sim, self.store, self._stack = sim, sim.store, stack
        self.store.add_portal(PORTAL, "Partners")
        self.api7 = self.open()

    def open(
        self,
        *,
        backend: bool = True,
        token: str = "",
        portal_token: str = "",
        stop: Stop | None = None,
        portal_id: str | None = None,
        title: str | None = None,
    ) -> Api7Portal:
        """A provider of its own, on the bench's portal where no other is asked for."""

        def client(url: str, secret: str, **settings: Any) -> Client:
            advice = settings.pop("advice")
            server = Server(url, secret, ca_file=self.sim.ca_file, **settings)
            return Client(server, methods=READ_WRITE, policy=RetryPolicy(first=0.0), advice=advice, stop=stop)

        sim = self.sim
        dashboard = client(
            sim.url, token or sim.token, auth="api-key", token_source="API7_TOKEN", advice=DASHBOARD.advice
        )
        portal = client(
            sim.portal_url, portal_token or sim.portal_token, token_source="API7_PORTAL_TOKEN", advice=BACKEND.advice
        )
        api7 = Api7Portal(
            dashboard,
            portal if backend else None,
            name="partners",
            now=lambda: "2026-01-01T00:00:00Z",
            observer=ignore,
            portal_id=portal_id or (None if title is not None else PORTAL),
            title=title,
        )
        return self._stack.enter_context(api7)

    def developer(self, name: str, **settings: Any) -> SimulatedDeveloper:
        return self.store.sign_up(PORTAL, f"{name}@x.com", name, developer_id=f"org_{name}", **settings)

    def read(self) -> Snapshot:
        return self.api7.read(Scope())

    def status(self, *names: str) -> list[str | None]:
        """As the provider sees them now."""
        developers = [f"org_{name}" for name in names]
        addresses = {developer.developer_id: developer.email for developer in self.store.developers(PORTAL)}
        seen = self.api7.reread(
            Touched(developers=tuple((developer, addresses.get(developer)) for developer in developers))
        ).statuses
        return [seen[developer] for developer in developers]

    def paths(self, *methods: str) -> list[str]:
        return [exchange.path for exchange in self.sim.log if exchange.method in methods]

    @property
    def writes(self) -> list[str]:
        return [f"{e.method} {e.path}" for e in self.sim.log if e.method != "GET"]


@pytest.fixture
def make() -> Iterator[Callable[..., Bench]]:
    """A bench with the simulator's settings; other keywords are its behaviour."""
    with ExitStack() as stack:

        def bench(*, faults: Any = (), tls: bool = False, **behaviour: Any) -> Bench:
            sim = Api7Simulator(behaviour=Api7Behaviour(**behaviour), faults=faults, tls=tls)
            return Bench(stack.enter_context(sim), stack)

        yield bench


@pytest.fixture
def bench(make: Callable[..., Bench]) -> Bench:
    return make()
