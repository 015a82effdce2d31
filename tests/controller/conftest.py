"""A database of the controller for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portalctl.controller.database import open_database
from portalctl.controller.store import Store
from tests.conftest import Bench
from tests.controller.running import Starter


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Yield a store on a new SQLite database."""
    store = Store(open_database(None, state=tmp_path / "state"))
    yield store
    store.engine.dispose()


@pytest.fixture
def again() -> Iterator[Callable[[Store], Store]]:
    """Yield what returns a store on the same database after a restart."""
    opened: list[Store] = []

    def reopened(store: Store) -> Store:
        store.engine.dispose()
        opened.append(Store(open_database(None, state=Path(store.place).parent)))
        return opened[-1]

    yield reopened
    for store in opened:
        store.engine.dispose()


@pytest.fixture
def starter(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Starter:
    """Return what starts a controller on the portal `partners`, with its server and token in the environment."""
    monkeypatch.setenv("KONNECT_SERVER_URL", bench.sim.url)
    monkeypatch.setenv("KONNECT_TOKEN", bench.sim.token)
    return Starter(bench, tmp_path / "state")
