from __future__ import annotations

from collections.abc import Iterator

import pytest

from portalctl.simulator.server import Simulator
from tests.simulator.client import Client


@pytest.fixture
def demo() -> Iterator[Client]:
    """A client of a fresh simulator with the demo seed."""
    with Simulator(seed="demo") as simulator, Client(simulator) as client:
        yield client
