"""A plain HTTP client for the simulator's own tests."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import httpx

from portalctl.simulator.server import Simulator

PORTAL = "3f51fa25-310a-421d-bd1a-007f859021a3"
BASE = f"/v3/portals/{PORTAL}"
JAMES, ERLING, WAYNE, JOHN, MO, BUKAYO, PETER, STRANGER = (
    f"a1000000-0000-4000-8000-{number:012}" for number in range(1, 9)
)
GUNNERS = "b2000000-0000-4000-8000-000000000001"
MATCHDAY = "c3000000-0000-4000-8000-000000000001"
FIXTURES, TICKETS = (f"d4000000-0000-4000-8000-{number:012}" for number in (1, 2))
NOBODY = "ffffffff-0000-4000-8000-000000000000"
DEMO_ADDRESSES = [
    "james@manchestercity.com",
    "erling@manchestercity.com",
    "wayne@manchestercity.com",
    "john@liverpoolfc.com",
    "mo@liverpoolfc.com",
    "bukayo@arsenal.com",
    "peter@arsenal.com",
    "stranger@nowhere.org",
]


class Client:
    """Requests with the simulator's token, over one kept connection."""

    def __init__(self, simulator: Simulator, token: str | None = None) -> None:
        self.simulator = simulator
        self.http = httpx.Client(
            base_url=simulator.url,
            headers={"Authorization": f"Bearer {token or simulator.token}"},
            timeout=10,
            verify=False,  # plain HTTP; spares each client the loading of certificates
            trust_env=False,
        )

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.http.get(path, params=params or None)

    def post(self, path: str, body: Any = None) -> httpx.Response:
        return self.http.post(path, json=body)

    def patch(self, path: str, body: Any) -> httpx.Response:
        return self.http.patch(path, json=body)

    def delete(self, path: str) -> httpx.Response:
        return self.http.delete(path)

    def emails(self, query: str = "") -> list[str]:
        """Addresses of a page of developers of the demo portal."""
        answer = self.http.get(f"{BASE}/developers{query}")
        assert answer.status_code == 200, answer.text
        return [person["email"] for person in answer.json()["data"]]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()


def invalid(answer: httpx.Response) -> list[tuple[str, str]]:
    """The (field, rule) pairs of a 400."""
    assert answer.status_code == 400, answer.text
    return [(entry["field"], entry["rule"]) for entry in answer.json()["invalid_parameters"]]
