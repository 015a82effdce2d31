"""The API and the page in front of the real loop, on a simulated portal."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portalctl.cli.controller_api import serving
from portalctl.controller.listening import ListenSettings
from portalctl.controller.logs import Log
from portalctl.controller.models import Mode
from portalctl.controller.server import ApiServer
from tests.conftest import Bench, Done, portalctl
from tests.controller.api_world import ENV, LINES, TOKENS, World
from tests.controller.running import Running, Starter


@dataclass
class Served:
    """A running controller and its API."""

    running: Running
    world: World

    def call(self, *words: str, role: str = "approver") -> Done:
        """Run a command. The controller is in the same process, so that it needs its variables meanwhile."""
        url = f"http://127.0.0.1:{self.world.port}"
        sim = self.running.bench.sim
        controller = {"KONNECT_SERVER_URL": sim.url, "KONNECT_TOKEN": sim.token, **ENV}
        own = {"PORTALCTL_CONTROLLER_URL": url, "PORTALCTL_CONTROLLER_TOKEN": TOKENS[role]}
        return portalctl(*words, env=controller | own)

    @property
    def portal(self) -> dict[str, Any]:
        (found,) = self.world.call("viewer", "GET", "/v1/portals").json["portals"]
        return dict(found)


@contextmanager
def serving_loop(bench: Bench, folder: Path, mode: Mode = "full", **settings: Any) -> Iterator[Served]:
    """Run a controller and what listens in front of it. `settings`: further ones of where it listens."""
    tokens = folder / "tokens"
    tokens.write_text("\n".join(LINES) + "\n")
    tokens.chmod(0o600)
    with Starter(bench, folder / "state", f"sqlite:///{folder / 'state' / 'controller.db'}")(mode) as running:
        listening = ListenSettings(port=0, **{"tokens": tokens} | settings)
        with serving(listening, running.store, Log(io.StringIO()))(running.controller) as server:
            assert isinstance(server, ApiServer)
            world = World(None, running.store, {}, folder, port=server.port)  # type: ignore[arg-type]
            yield Served(running, world)
