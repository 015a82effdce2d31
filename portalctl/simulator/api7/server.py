"""The simulated API7 Enterprise: Dashboard and portal backend on your own machine, with one memory, a log and faults.

    with Api7Simulator(seed="demo") as simulator:
        client = Client(simulator.url, simulator.token, simulator.portal_url, simulator.portal_token)

Both listen on the loopback interface only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from portalctl.simulator.api7 import backend, dashboard
from portalctl.simulator.api7.behaviour import Api7Behaviour
from portalctl.simulator.api7.database import Database
from portalctl.simulator.api7.dialect import BackendDialect, DashboardDialect
from portalctl.simulator.api7.errors import ApiError
from portalctl.simulator.api7.records import SimulatedPortal
from portalctl.simulator.api7.seed import plant, read_seed
from portalctl.simulator.api7.service import Api7Service
from portalctl.simulator.api7.store import SimulatedStore
from portalctl.simulator.engine import Engine
from portalctl.simulator.faults import Fault
from portalctl.simulator.message import Exchange, Request

__all__ = ["Api7Behaviour", "Api7Simulator", "Exchange", "Fault", "Request", "SimulatedStore"]

TOKEN = "a7ee-sim"  # noqa: S105  # opens a simulated portal only
PORTAL_TOKEN = "a7prt-sim"  # noqa: S105


class Api7Simulator(Engine):
    """A running simulator of API7: `url` is the Dashboard's, `portal_url` the backend's.

    `seed`: a mapping, a JSON file or "demo" (see api7/seed.py). `token` opens the Dashboard, `portal_token` the
    backend for the first portal (further portals have tokens of their own, see `SimulatedStore.add_portal`). Raises
    SeedError for a bad seed and OSError where a port is in use.
    """

    def __init__(
        self,
        seed: Mapping[str, Any] | Path | str | None = None,
        *,
        behaviour: Api7Behaviour | None = None,
        faults: Iterable[Fault] = (),
        latency: float = 0.0,
        tls: bool = False,
        token: str = TOKEN,
        portal_token: str = PORTAL_TOKEN,
        port: int = 0,
        portal_port: int = 0,
        log_limit: int = 100_000,
    ) -> None:
        portals = read_seed(seed)
        super().__init__(faults=faults, latency=latency, tls=tls, log_limit=log_limit)
        self.token = token
        self.portal_token = portal_token
        behaviour = behaviour or Api7Behaviour()
        self._db = Database(behaviour)
        self.store = SimulatedStore(self._db, portal_token)
        admin = Api7Service(
            "dashboard", self._db, DashboardDialect(behaviour), routes=dashboard.ROUTES, authorize=self._admin
        )
        portal = Api7Service(
            "backend",
            self._db,
            BackendDialect(behaviour),
            routes=backend.ROUTES,
            authorize=self._portal,
            open_paths=(backend.HEALTH,),
        )
        try:
            plant(portals, self.store)
            self.url = self._serve(admin, port)
            self.portal_url = self._serve(portal, portal_port)
        except BaseException:
            self.close()
            raise

    def _admin(self, request: Request) -> None:
        if request.headers.get("x-api-key") != self.token:
            raise ApiError(401, "unauthorized")

    def _portal(self, request: Request) -> SimulatedPortal:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        for portal in self._db.truth.all(SimulatedPortal):
            if scheme == "Bearer" and token == portal.token:
                return portal
        raise ApiError(401, "unauthorized")
