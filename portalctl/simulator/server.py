"""The simulated Kong Konnect: the vendor's API on your own machine, with memory, a log and faults.

    with Simulator(seed="demo") as simulator:
        client = Client(simulator.url, simulator.token)

It listens on the loopback interface only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from portalctl.simulator.behaviour import Behaviour
from portalctl.simulator.engine import Engine
from portalctl.simulator.faults import Fault
from portalctl.simulator.konnect.seed import plant, read_seed
from portalctl.simulator.konnect.service import OWNER, KonnectService
from portalctl.simulator.konnect.store import SimulatedStore
from portalctl.simulator.konnect.world import World
from portalctl.simulator.message import Exchange, Request

__all__ = ["Behaviour", "Exchange", "Fault", "Request", "SimulatedStore", "Simulator"]

TOKEN = "kpat_sim"  # noqa: S105  # opens a simulated portal only


class Simulator(Engine):
    """A running simulator of Konnect.

    `seed`: a mapping, a JSON file or "demo" (see konnect/seed.py); skipped where `db` holds portals already.
    `db`: SQLite file to keep the state in. Raises SeedError for a bad seed, OSError where the port is in use, and
    sqlite3.Error where `db` can't be used.
    """

    def __init__(
        self,
        seed: Mapping[str, Any] | Path | str | None = None,
        *,
        behaviour: Behaviour | None = None,
        faults: Iterable[Fault] = (),
        latency: float = 0.0,
        tls: bool = False,
        token: str = TOKEN,
        port: int = 0,
        db: Path | str = ":memory:",
        log_limit: int = 100_000,
    ) -> None:
        portals = read_seed(seed)
        super().__init__(faults=faults, latency=latency, tls=tls, log_limit=log_limit)
        self.token = token
        self._world = World(str(db), behaviour)
        self.store = SimulatedStore(self._world)
        try:
            if not self.store.portals():
                plant(portals, self.store)
            self.store.add_principal("automation", token, kind="system_account", id=OWNER)
            self.url = self._serve(KonnectService(self._world, token), port)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        super().close()
        self._world.db.close()
