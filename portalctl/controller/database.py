"""Opening the controller's database: SQLite below the state folder by default, or PostgreSQL."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from portalctl.controller.database_errors import StoreError, database_errors, extra_postgres, place_of
from portalctl.controller.migrations import migrate
from portalctl.controller.models import DATABASE_FILE
from portalctl.errors import BadUsageError
from portalctl.execution.journal import check_folder, make_folder
from portalctl.http.server import is_loopback
from portalctl.words import quoted

BUSY_SECONDS: Final = 10.0  # how long a write waits for another process
LOG_BYTES: Final = 64 * 1024**2  # of the write-ahead log that are kept after a large transaction
WRITES: Final = "portalctl_writes"  # the execution option of transactions that write
_ENCRYPTED: Final = frozenset({"require", "verify-ca", "verify-full"})
# A connection to a host that is gone fails within some seconds, so that leases end first on the side that lost it.
TIMEOUTS: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 8000,  # milliseconds
}
_EXPECTED = "Expected sqlite:///PATH or postgresql://USER@HOST/NAME."


def open_database(url: str | None, *, state: Path, exclusive: bool = True) -> Engine:
    """Open the database and bring its schema up to date; the file is created where missing, with mode 0600.

    Args:
        url: as SQLAlchemy writes it; None: SQLite in the folder `state`.
        exclusive: hold a lock on an SQLite database until the engine is disposed. Without it the file must exist.

    Raises:
        BadUsageError: the URL cannot be used.
        StoreError: the database cannot be opened, another process has locked it, or its schema is newer.
    """
    parsed = _parsed(url) if url is not None else URL.create("sqlite", database=str(state / DATABASE_FILE))
    unlock: Callable[[], None] | None = None
    if parsed.get_backend_name() == "sqlite":
        unlock = _prepare_file(Path(parsed.database or ""), exclusive=exclusive)
    engine = None
    try:
        engine = _engine(parsed)
        with database_errors(place_of(parsed), "opened"), engine.execution_options(**{WRITES: True}).begin() as found:
            migrate(found)
    except BaseException:
        if engine is not None:
            engine.dispose()
        if unlock is not None:
            unlock()
        raise
    if unlock is not None:
        _on_dispose(engine, unlock)
    return engine


def lock_file(path: Path) -> Path:
    """Return the lock file of the SQLite database at `path`; a controller locks it while it uses the database."""
    return path.with_name(f"{path.name}.lock")


def _parsed(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # its message has the URL, perhaps with a password
        raise BadUsageError(
            "the URL of the database is not valid (not shown: it may have a password)", _EXPECTED
        ) from None
    if url.drivername in {"postgresql", "postgres"}:
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise BadUsageError(f"{url.drivername!r} is not a supported kind of database", _EXPECTED)
    named = url.database is not None and not url.database.startswith(":") and not url.database.startswith("file:")
    if url.drivername == "sqlite" and (not url.database or not named or url.query):
        raise BadUsageError("the URL of the database names no file", _EXPECTED)
    if url.drivername != "sqlite":
        _check_tls(url)
    return url


def _check_tls(url: URL) -> None:
    """Raise BadUsageError where a password and addresses would cross a network without encryption."""
    query = url.normalized_query
    named = [url.host or "", *query.get("host", ()), *query.get("hostaddr", ()), *query.get("service", ())]
    hosts = [host for name in named for host in name.split(",") if host]
    hosts = hosts or [os.environ.get("PGHOSTADDR") or os.environ.get("PGHOST") or ""]
    modes = query.get("sslmode", ())
    if modes and modes[-1] in _ENCRYPTED:
        return
    for host in hosts:
        if (
            host
            and not host.startswith("/")
            and not is_loopback(urlsplit(f"//{host if ':' not in host else f'[{host}]'}"))
        ):
            raise BadUsageError(
                f"the database is on another machine ({quoted(host)}), and its URL has no sslmode that encrypts",
                "Add ?sslmode=verify-full (and sslrootcert=FILE) to the URL.",
            )


def _prepare_file(path: Path, *, exclusive: bool) -> Callable[[], None] | None:
    """Create an SQLite file that only its owner can read, and lock it. Returns what ends the lock.

    A symbolic link is refused, as for journals: it could lead the writes to another file.
    """
    check_folder(path.parent)
    if not exclusive and not path.exists():
        raise StoreError(
            f"there is no database at {path}", "Name the controller's folder with --state, or its --database."
        )
    try:
        if exclusive:
            make_folder(path.parent)
            _create(path)
        if path.is_symlink() or not path.is_file():
            raise StoreError(f"the database {path} can't be opened: it is a link, or not a regular file")
        return _locked(path) if exclusive else None
    except OSError as error:
        advice = "Name a folder that you can write to: --state DIR."
        raise StoreError(f"the database {path} can't be opened: {error.strerror or error}", advice) from error


def _create(path: Path) -> None:
    """Create a file where there is none, and let only its owner read it. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _locked(path: Path) -> Callable[[], None]:
    descriptor = os.open(lock_file(path), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreError(
            f"another controller uses the database {path}",
            "Stop it first. For several replicas use PostgreSQL: --database postgresql://…",
        ) from None
    except BaseException:
        os.close(descriptor)
        raise

    def unlock() -> None:
        with suppress(OSError):  # closed already
            os.close(descriptor)

    return unlock


def _on_dispose(engine: Engine, unlock: Callable[[], None]) -> None:
    @event.listens_for(engine, "engine_disposed", once=True)
    def disposed(engine: Engine) -> None:  # noqa: ARG001 (SQLAlchemy's signature)
        unlock()


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        with extra_postgres():
            engine = create_engine(url, pool_pre_ping=True, hide_parameters=True, connect_args=TIMEOUTS)
        event.listen(engine, "connect", _configure_session)
        return engine
    options = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    engine = create_engine(url, hide_parameters=True, connect_args=options)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure_session(connection: Any, record: object) -> None:  # noqa: ANN401, ARG001 (the driver's own type)
    """End a transaction that a stopped process left open: its locks would hold up the other replicas."""
    connection.autocommit = True
    connection.execute("SET idle_in_transaction_session_timeout = '10s'")
    connection.execute("SET lock_timeout = '15s'")
    connection.autocommit = False


def _configure(connection: Any, record: object) -> None:  # noqa: ANN401, ARG001 (the driver's own type)
    """Set up an SQLite connection: each commit is on disk, deleted content is overwritten, and `_begin` begins."""
    connection.isolation_level = None
    durable = ("journal_mode = WAL", "synchronous = FULL", f"journal_size_limit = {LOG_BYTES}")
    for setting in (*durable, "secure_delete = ON"):
        connection.execute(f"PRAGMA {setting}")


def _begin(connection: Connection) -> None:
    """Begin a transaction: one that writes takes the lock at once, so that it cannot fail halfway for the lock."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
