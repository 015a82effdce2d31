"""The simulated portal's data in SQLite, and what readers see of it: everything, or everything older than a delay."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS portals (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE, classic INTEGER, data TEXT, settings TEXT);
CREATE TABLE IF NOT EXISTS developers (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE, portal_id TEXT, email TEXT, full_name TEXT, status TEXT,
    created_at TEXT, updated_at TEXT);
CREATE INDEX IF NOT EXISTS developers_created ON developers (portal_id, created_at);
CREATE INDEX IF NOT EXISTS developers_email ON developers (portal_id, email);
CREATE INDEX IF NOT EXISTS developers_status ON developers (portal_id, status);
CREATE TABLE IF NOT EXISTS teams (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE, portal_id TEXT, name TEXT, description TEXT,
    can_own_applications INTEGER, created_at TEXT, updated_at TEXT);
CREATE INDEX IF NOT EXISTS teams_portal ON teams (portal_id, name);
CREATE TABLE IF NOT EXISTS members (
    seq INTEGER PRIMARY KEY, team_id TEXT, developer_id TEXT, UNIQUE (team_id, developer_id));
CREATE INDEX IF NOT EXISTS members_developer ON members (developer_id);
CREATE TABLE IF NOT EXISTS roles (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE, team_id TEXT, role_name TEXT, entity_id TEXT,
    entity_type_name TEXT, entity_region TEXT);
CREATE INDEX IF NOT EXISTS roles_team ON roles (team_id);
CREATE TABLE IF NOT EXISTS apis (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE, name TEXT, created_at TEXT, updated_at TEXT);
CREATE TABLE IF NOT EXISTS applications (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE, portal_id TEXT, name TEXT, description TEXT, owner_type TEXT,
    owner_id TEXT, data TEXT, created_at TEXT, updated_at TEXT);
CREATE INDEX IF NOT EXISTS applications_portal ON applications (portal_id);
CREATE INDEX IF NOT EXISTS applications_owner ON applications (owner_id);
CREATE TABLE IF NOT EXISTS registrations (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE, application_id TEXT, status TEXT, api TEXT, created_at TEXT,
    updated_at TEXT);
CREATE INDEX IF NOT EXISTS registrations_application ON registrations (application_id);
CREATE TABLE IF NOT EXISTS identity_providers (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE, portal_id TEXT, type TEXT, enabled INTEGER, config TEXT,
    created_at TEXT, updated_at TEXT);
CREATE TABLE IF NOT EXISTS group_mappings (
    seq INTEGER PRIMARY KEY, portal_id TEXT, team_id TEXT UNIQUE, groups TEXT);
CREATE TABLE IF NOT EXISTS provider_mappings (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE, provider_id TEXT, team_id TEXT, group_name TEXT, created_at TEXT,
    updated_at TEXT, UNIQUE (provider_id, team_id, group_name));
CREATE TABLE IF NOT EXISTS forms (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE, portal_id TEXT, type TEXT, name TEXT, status TEXT, fields TEXT,
    created_at TEXT, updated_at TEXT, UNIQUE (portal_id, name));
CREATE TABLE IF NOT EXISTS publications (
    seq INTEGER PRIMARY KEY, portal_id TEXT, api_id TEXT, form_id TEXT, UNIQUE (portal_id, api_id));
CREATE TABLE IF NOT EXISTS answers (
    seq INTEGER PRIMARY KEY, owner_id TEXT UNIQUE, data TEXT);
CREATE TABLE IF NOT EXISTS email_templates (
    seq INTEGER PRIMARY KEY, portal_id TEXT, name TEXT, enabled INTEGER, content TEXT, created_at TEXT,
    updated_at TEXT, UNIQUE (portal_id, name));
CREATE TABLE IF NOT EXISTS email_configs (seq INTEGER PRIMARY KEY, portal_id TEXT UNIQUE, data TEXT);
CREATE TABLE IF NOT EXISTS principals (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE, kind TEXT, name TEXT, token TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS audit_log (
    seq INTEGER PRIMARY KEY, ts TEXT, method TEXT, uri TEXT, status_code INTEGER, principal_id TEXT, actor_id TEXT,
    client_ip TEXT, trace_id TEXT, portal_id TEXT);
CREATE TABLE IF NOT EXISTS sent_mails (
    seq INTEGER PRIMARY KEY, at TEXT, portal_id TEXT, developer_id TEXT, email TEXT, template TEXT);
"""

# What goes with a deleted object, each statement by its id. A team's applications stay: the vendor is silent on them.
_OWNED = "SELECT id FROM applications WHERE owner_type = 'developer' AND owner_id = ?"
_REGISTERED = f"SELECT id FROM registrations WHERE application_id IN ({_OWNED})"  # noqa: S608  # our own text
ERASE_DEVELOPER = (
    f"DELETE FROM answers WHERE owner_id IN ({_REGISTERED})",  # noqa: S608  # our own text
    f"DELETE FROM registrations WHERE application_id IN ({_OWNED})",  # noqa: S608  # our own text
    "DELETE FROM applications WHERE owner_type = 'developer' AND owner_id = ?",
    "DELETE FROM members WHERE developer_id = ?",
    "DELETE FROM answers WHERE owner_id = ?",
    "DELETE FROM developers WHERE id = ?",
)
ERASE_TEAM = (
    "DELETE FROM roles WHERE team_id = ?",
    "DELETE FROM members WHERE team_id = ?",
    "DELETE FROM group_mappings WHERE team_id = ?",
    "DELETE FROM provider_mappings WHERE team_id = ?",
    "DELETE FROM teams WHERE id = ?",
)
ERASE_FORM = (
    "UPDATE publications SET form_id = NULL WHERE form_id = ?",
    "DELETE FROM forms WHERE id = ?",
)
ERASE_REGISTRATION = (
    "DELETE FROM answers WHERE owner_id = ?",
    "DELETE FROM registrations WHERE id = ?",
)
ERASE_APPLICATION = (
    "DELETE FROM answers WHERE owner_id IN (SELECT id FROM registrations WHERE application_id = ?)",
    "DELETE FROM registrations WHERE application_id = ?",
    "DELETE FROM applications WHERE id = ?",
)

Value = str | int | float | None
Row = tuple[Any, ...]
Statement = tuple[str, Sequence[Value]]

_KEPT_LISTS = 1024  # clients read the members of hundreds of teams side by side


class TableReader:
    """One connection to read from. Not safe for threads by itself: callers hold the database's lock."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._lists: dict[Statement, list[int]] = {}

    def rows(self, sql: str, *parameters: Value) -> list[Row]:
        return self.connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, *parameters: Value) -> Row | None:
        found: Row | None = self.connection.execute(sql, parameters).fetchone()
        return found

    def keys(self, sql: str, parameters: tuple[Any, ...]) -> list[int]:
        """The first column of all rows. Kept until the next write, so that a page costs its own rows only."""
        known = self._lists.get((sql, parameters))
        if known is None:
            if len(self._lists) >= _KEPT_LISTS:
                self._lists.clear()
            known = [row[0] for row in self.connection.execute(sql, parameters)]
            self._lists[sql, parameters] = known
        return known

    def execute(self, sql: str, parameters: Sequence[Any]) -> int:
        self._lists.clear()
        return self.connection.execute(sql, parameters).rowcount


class Database:
    """Truth, and a replica that lags `visible_after` seconds behind (with 0 they are one and the same)."""

    def __init__(self, path: str = ":memory:", visible_after: float = 0.0) -> None:
        """Raises sqlite3.Error where `path` can't be used."""
        self.lock = threading.RLock()
        self.truth = TableReader(_connect(path))
        self.truth.connection.executescript(SCHEMA)
        self._delay = visible_after
        self._replica = self.truth
        self._waiting: deque[tuple[float, Statement]] = deque()
        if visible_after > 0:
            self._replica = TableReader(_connect(":memory:"))
            self.truth.connection.backup(self._replica.connection)

    def seen(self) -> TableReader:
        """What readers see now."""
        now = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            _, (sql, parameters) = self._waiting.popleft()
            self._replica.execute(sql, parameters)
        return self._replica

    def write(self, sql: str, *parameters: Value) -> int:
        """A client's write: true at once, seen after the delay. Returns the number of rows it changed."""
        changed = self.truth.execute(sql, parameters)
        if self._replica is not self.truth:
            self._waiting.append((time.monotonic() + self._delay, (sql, parameters)))
        return changed

    def erase(self, statements: Iterable[str], object_id: str) -> None:
        """One of the ERASE_… sequences."""
        for sql in statements:
            self.write(sql, object_id)

    def place(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Rows added directly (seed, test): true and visible at once."""
        rows = list(rows)
        with self.lock:
            for reader in {id(r): r for r in (self.truth, self._replica)}.values():
                reader.execute("BEGIN", ())
                reader.connection.executemany(sql, rows)
                reader.execute("COMMIT", ())

    def close(self) -> None:
        with self.lock:
            self.truth.connection.close()
            self._replica.connection.close()


def _connect(path: str) -> sqlite3.Connection:
    # Autocommit: the lock makes a request's statements one unit, and a simulator need not outlive a power cut.
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, cached_statements=256)
    connection.execute("PRAGMA synchronous = OFF")
    return connection
