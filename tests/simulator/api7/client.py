"""A plain HTTP client for the tests of the simulated API7, and a small world for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from portalctl.simulator.api7.records import Application, Product, SimulatedApproval, SimulatedDeveloper, Subscription
from portalctl.simulator.api7.server import Api7Behaviour, Api7Simulator

PORTAL = "partners"
NOBODY = "ffffffff-0000-4000-8000-000000000000"


class Client:
    """Requests to both services with the simulator's tokens, over kept connections."""

    def __init__(self, sim: Api7Simulator) -> None:
        self.sim = sim
        self.store = sim.store
        self.http = httpx.Client(timeout=10, verify=False, trust_env=False)  # plain HTTP; loads no certificates

    def dashboard(self, method: str, path: str, body: Any = None, token: str | None = None) -> httpx.Response:
        headers = {"X-API-KEY": token or self.sim.token}
        return self.http.request(method, f"{self.sim.url}{path}", headers=headers, **_json(body))

    def backend(
        self, method: str, path: str, body: Any = None, *, actor: str | None = None, token: str | None = None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self.sim.portal_token}"}
        headers |= {"X-Portal-Developer-ID": actor} if actor else {}
        return self.http.request(method, f"{self.sim.portal_url}{path}", headers=headers, **_json(body))

    def listed(self, path: str) -> list[dict[str, Any]]:
        """The items of a list on the Dashboard."""
        answer = self.dashboard("GET", path)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["list"]
        return items

    def people(self, query: str = "") -> list[dict[str, Any]]:
        return self.listed(f"/api/developers?portal_id={PORTAL}{query}")

    def decide(self, approval: SimulatedApproval, word: str) -> httpx.Response:
        return self.dashboard("POST", f"/api/approvals/{approval.id}/{word}")

    def delete(self, developer_id: str) -> httpx.Response:
        return self.dashboard("DELETE", f"/api/developers/{developer_id}?portal_id={PORTAL}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()


def _json(body: Any) -> dict[str, Any]:
    return {} if body is None else {"json": body}


@dataclass(frozen=True, slots=True)
class World:
    """Ann waits for approval; Bob is in, with an application that is subscribed to Results and waits for Orders."""

    client: Client
    ann: SimulatedDeveloper
    bob: SimulatedDeveloper
    orders: Product
    results: Product
    app: Application
    waiting: Subscription


@contextmanager
def world(**switches: Any) -> Iterator[World]:
    with Api7Simulator(behaviour=Api7Behaviour(**switches)) as sim, Client(sim) as client:
        store = sim.store
        store.add_portal(PORTAL, "Partners")
        ann = store.sign_up(PORTAL, "ann@x.com", "Ann A", developer_id="org_ann")
        bob = store.sign_up(PORTAL, "bob@x.com", "Bob B", developer_id="org_bob", state="Active")
        orders = store.add_product(PORTAL, "Orders")
        results = store.add_product(PORTAL, "Results", auto_approve=True)
        app = store.add_application(bob, "Shop")
        store.add_credential(app)
        waiting = store.add_subscription(app, orders)
        store.add_subscription(app, results)
        yield World(client, ann, bob, orders, results, app, waiting)
