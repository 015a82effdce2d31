"""Opening the controller's database: its file, its lock, its schema, and what can go wrong."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import ProgrammingError

from portalctl.controller import migrations
from portalctl.controller.database import open_database
from portalctl.controller.database_errors import StoreError
from portalctl.controller.store import Store
from portalctl.controller.tables import METADATA
from portalctl.errors import BadUsageError
from tests.conftest import Bench
from tests.controller.conftest import ON_SQLITE
from tests.controller.postgres import PASSWORD, Postgres
from tests.controller.records import NOW, result, run

ROLES = Path(__file__).parents[2] / "examples" / "controller" / "roles.sql"


def columns(engine: Engine) -> set[tuple[str, str]]:
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT m.name, p.name FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table'")
        )
        return {(table, column) for table, column in found}


def declared() -> set[tuple[str, str]]:
    return {(table.name, column.name) for table in METADATA.tables.values() for column in table.columns}


def test_the_file_is_below_the_state_folder_and_private(tmp_path: Path) -> None:
    engine = open_database(None, state=tmp_path / "state")
    Store(engine).check_writable(NOW)
    folder = tmp_path / "state"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "controller.db": 0o600,
        "controller.db-wal": 0o600,
        "controller.db-shm": 0o600,
        "controller.db.lock": 0o600,
    }


@ON_SQLITE
def test_every_commit_is_on_disk(store: Store) -> None:
    with store.engine.connect() as connection:
        settings = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2}  # 2: FULL


def test_a_second_controller_does_not_start(tmp_path: Path) -> None:
    first = open_database(None, state=tmp_path)
    with pytest.raises(StoreError, match=r"another controller uses the database .*controller\.db"):
        open_database(None, state=tmp_path)
    reader = open_database(None, state=tmp_path, exclusive=False)
    reader.dispose()
    with pytest.raises(StoreError, match="another controller"):  # a reader's end leaves the lock
        open_database(None, state=tmp_path)
    first.dispose()
    open_database(None, state=tmp_path).dispose()


def test_a_reader_creates_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database at"):
        open_database(None, state=tmp_path / "state", exclusive=False)
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://u:hunter2@host/db", "'mysql' is not a supported kind"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///file:x?mode=memory&uri=true", "names no file"),
        ("hunter2", "not valid"),
        ("postgresql://u:hunter2@host:port/db", "not valid"),
    ],
)
def test_other_urls_are_refused_without_showing_a_password(url: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadUsageError, match=message) as error:
        open_database(url, state=tmp_path)
    assert "hunter2" not in f"{error.value} {error.value.advice}"
    assert not list(tmp_path.iterdir())


def test_a_newer_schema_is_left_alone(tmp_path: Path) -> None:
    engine = open_database(None, state=tmp_path)
    store = Store(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE portalctl_schema SET version = 99"))
    with pytest.raises(StoreError, match="has schema 99, which a newer portalctl made"):
        store.begin_run(run())
    assert store.runs("partners") == []
    engine.dispose()
    with pytest.raises(StoreError, match="schema 99"):
        open_database(None, state=tmp_path)


def test_an_older_schema_gets_what_it_lacks_and_keeps_its_rows(tmp_path: Path) -> None:
    engine = open_database(None, state=tmp_path)
    store = Store(engine)
    store.end_run(run(state="succeeded"), [result()])
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE leases"))
        connection.execute(text("DROP INDEX runs_by_portal"))
        connection.execute(text("ALTER TABLE runs DROP COLUMN approver"))
        connection.execute(text("UPDATE portalctl_schema SET version = 0"))
    engine.dispose()
    engine = open_database(None, state=tmp_path)
    assert columns(engine) >= declared()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version FROM portalctl_schema")).scalar() == migrations.VERSION
        assert connection.execute(text("SELECT 1 FROM sqlite_master WHERE name = 'runs_by_portal'")).scalar() == 1
    assert [item.id for item in Store(engine).runs("partners")] == ["run-1"]
    assert Store(engine).results("run-1") == [result()]
    engine.dispose()


@pytest.mark.parametrize("version", range(1, migrations.VERSION + 1))
def test_each_version_becomes_the_newest(version: int, tmp_path: Path) -> None:
    """A change of tables.py must come with another VERSION, and older databases must become equal to a new one."""
    schema = Path(__file__).with_name(f"schema_{version}.sql").read_text(encoding="utf-8")
    engine = open_database(None, state=tmp_path / "new")
    path = tmp_path / "old.sqlite"
    _run_script(path, schema, version)
    old = open_database(f"sqlite:///{path}", state=tmp_path)
    assert columns(old) == columns(engine)
    if version == migrations.VERSION:
        assert _script(engine) == schema
    old.dispose()
    engine.dispose()


def _run_script(path: Path, script: str, version: int) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.execute("INSERT INTO portalctl_schema VALUES (?)", (version,))
    connection.commit()
    connection.close()


def _script(engine: Engine) -> str:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT sql FROM sqlite_master ORDER BY type DESC, name")).scalars()
        return "".join(f"{sql};\n" for sql in found if sql is not None)


@ON_SQLITE
def test_a_full_disk_is_an_error_and_nothing_is_half_written(store: Store) -> None:
    store.check_writable(NOW)

    @event.listens_for(store.engine, "connect")
    def _(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # SQLite takes the current size instead

    store.engine.dispose()
    many = [result(f"dev{number}@example.com") for number in range(2000)]
    with pytest.raises(StoreError, match="can't be written: database or disk is full") as error:
        store.end_run(run(state="succeeded"), many)
    assert error.value.advice == ("Free space on its disk.",)
    assert (store.runs("partners"), store.results("run-1")) == ([], [])


@ON_SQLITE
def test_a_removed_database_is_not_written_to(store: Store) -> None:
    path = Path(store.place)
    path.rename(path.with_name("away"))
    with pytest.raises(StoreError, match=r"controller\.db was removed or replaced"):
        store.check_writable(NOW)
    path.with_name("away").rename(path)
    store.check_writable(NOW)


@ON_SQLITE
def test_a_removed_lock_stops_writing(store: Store) -> None:
    Path(f"{store.place}.lock").unlink()
    with pytest.raises(StoreError, match=r"controller\.db\.lock was removed or replaced"):
        store.check_writable(NOW)


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("kind", ["folder", "text", "link", "pipe"])
def test_what_is_no_database_is_an_error(kind: str, exclusive: bool, tmp_path: Path) -> None:
    path = tmp_path / "controller.db"
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("no database " * 1000, encoding="utf-8")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        open_database(None, state=tmp_path / "other").dispose()
        path.symlink_to(tmp_path / "other" / "controller.db")
    with pytest.raises(StoreError, match=r"the database .*controller\.db can't be opened"):
        open_database(None, state=tmp_path, exclusive=exclusive)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2@db.example/portalctl",
        "postgresql://u:hunter2@db.example/portalctl?sslmode=prefer",
        "postgresql://u:hunter2@10.0.0.1:5432/portalctl?sslmode=disable",
        "postgresql:///portalctl?host=/run/postgresql,db.example",
        "postgresql:///portalctl?host=127.0.0.1&hostaddr=10.0.0.1",
        "postgresql:///portalctl?service=production",
        "postgresql+psycopg://u:hunter2@[2001:db8::1]/portalctl",
    ],
)
def test_a_database_elsewhere_needs_encryption(url: str, bench: Bench) -> None:
    bench.manifest("")
    done = bench.run("run", "--once", PORTALCTL_DATABASE=url)
    assert done.code == 64
    assert "sslmode=verify-full" in done.err
    assert "hunter2" not in done.err


def test_an_environment_that_names_a_host_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.example")
    with pytest.raises(BadUsageError, match=r"'?db\.example"):
        open_database("postgresql:///portalctl", state=tmp_path)


@pytest.mark.parametrize("missing", ["psycopg", pytest.param("procrastinate", marks=pytest.mark.peer)])
def test_a_missing_extra_is_named(
    missing: str, bench: Bench, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.manifest("")
    url = "postgresql://u@127.0.0.1:1/none" if missing == "psycopg" else ""
    if missing == "procrastinate":
        url = str(request.getfixturevalue("empty_database"))
    for name in [name for name in sys.modules if name.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    done = bench.run("run", "--once", PORTALCTL_DATABASE=url)
    assert done.code == 64
    assert "pip install '.[controller,postgres]'" in done.err


@pytest.mark.peer
def test_a_role_without_the_right_to_create_runs_on_a_schema_of_another(
    empty_database: str, cluster: Postgres, tmp_path: Path
) -> None:
    name, roles = empty_database.rpartition("/")[2], ("portalctl_migrate", "portalctl_run")
    cluster.execute(ROLES.read_text(encoding="utf-8"), name)
    try:
        for role in roles:
            cluster.execute(f"ALTER ROLE {role} PASSWORD '{PASSWORD}'")
        url = cluster.url(name, user="portalctl_run")
        with pytest.raises(StoreError, match="permission denied"):  # it cannot migrate
            open_database(url, state=tmp_path)
        open_database(cluster.url(name, user="portalctl_migrate"), state=tmp_path).dispose()
        engine = open_database(url, state=tmp_path)
        store = Store(engine)
        store.end_run(run(state="succeeded"), [result()])
        assert store.results("run-1") == [result()]
        with pytest.raises(ProgrammingError, match="permission denied"), engine.begin() as connection:
            connection.execute(text("CREATE TABLE more (one integer)"))
        engine.dispose()
    finally:
        for role in roles:
            cluster.execute(f"DROP OWNED BY {role} CASCADE", name)
            cluster.execute(f"DROP ROLE {role}")
