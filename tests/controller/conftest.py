"""A database of the controller for each test: SQLite, and the same tests with a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import text

from portalctl.controller.database import open_database
from portalctl.controller.store import Store
from portalctl.controller.tables import METADATA, SCHEMA_VERSION
from tests.conftest import Bench
from tests.controller import postgres
from tests.controller.api_world import ENV
from tests.controller.running import Starter
from tests.controller.served import Served, serving_loop

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # of a test that is about files
BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.peer)]


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Postgres]:
    """Yield a PostgreSQL of this test process."""
    if postgres.MISSING is not None:
        pytest.skip(postgres.MISSING)
    with postgres.running() as found:
        yield found


@pytest.fixture
def empty_database(cluster: postgres.Postgres) -> Iterator[str]:
    """Yield the URL of a new database of PostgreSQL without tables."""
    with cluster.database() as url:
        yield url


@pytest.fixture(scope="session")
def shared_database(cluster: postgres.Postgres) -> Iterator[str]:
    """Yield the URL of a database of PostgreSQL with all tables."""
    with cluster.database() as url:
        open_database(url, state=Path()).dispose()
        yield url


@pytest.fixture
def postgres_url(shared_database: str) -> Iterator[str]:
    """Yield the URL of a database of PostgreSQL with all tables, which are empty: quicker than a new database."""
    yield shared_database
    engine = open_database(shared_database, state=Path())
    with engine.begin() as connection:
        for table in METADATA.tables.values():
            if table is not SCHEMA_VERSION:
                connection.execute(table.delete())
        for name in ("procrastinate_jobs", "procrastinate_workers"):
            connection.execute(text(f"DELETE FROM {name}"))
    engine.dispose()


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a new database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'controller.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    """Yield a store on a new database."""
    store = Store(open_database(database_url, state=tmp_path / "state"))
    yield store
    store.engine.dispose()


@pytest.fixture
def again(database_url: str, tmp_path: Path) -> Iterator[Callable[[Store], Store]]:
    """Yield what returns a store on the same database after a restart."""
    opened: list[Store] = []

    def reopened(store: Store) -> Store:
        store.engine.dispose()
        opened.append(Store(open_database(database_url, state=tmp_path / "state")))
        return opened[-1]

    yield reopened
    for store in opened:
        store.engine.dispose()


@pytest.fixture
def starter(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Starter:
    """Return what starts a controller on the portal `partners`, with its server and token in the environment."""
    monkeypatch.setenv("KONNECT_SERVER_URL", bench.sim.url)
    monkeypatch.setenv("KONNECT_TOKEN", bench.sim.token)
    return Starter(bench, tmp_path / "state", f"sqlite:///{tmp_path / 'state' / 'controller.db'}")


@pytest.fixture
def serve(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Served]]:
    """Yield what starts a controller with its API and page, until the end of the test."""
    monkeypatch.setenv("KONNECT_SERVER_URL", bench.sim.url)
    monkeypatch.setenv("KONNECT_TOKEN", bench.sim.token)
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:
        yield lambda mode="full", **settings: stack.enter_context(serving_loop(bench, tmp_path, mode, **settings))
