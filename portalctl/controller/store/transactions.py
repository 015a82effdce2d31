"""Short transactions on the controller's database, from any thread."""

from __future__ import annotations

import json
import os
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, Row, Table, and_, select
from sqlalchemy.dialects import postgresql, sqlite

from portalctl.controller.database import WRITES, lock_file
from portalctl.controller.database_errors import StoreError, database_errors, place_of
from portalctl.controller.migrations import check_version, schema_version
from portalctl.controller.models import PortalKey
from portalctl.controller.tables import SETTINGS
from portalctl.identity import normal_address

Found = Row[Any]
HISTORY_SINCE: Final = "history_since"  # a setting: the first start, or later where old history was removed


class Transactions:
    """The part of a store that all its parts use. Every method of a store is one transaction, or a few short ones."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.place = place_of(engine.url)
        self._writer = engine.execution_options(**{WRITES: True})
        is_file = engine.dialect.name == "sqlite"
        path = Path(engine.url.database or "")
        # SQLite lets writers of one process wait in turn better with a lock of ours than with its own timeouts.
        self._turn = threading.Lock() if is_file else nullcontext()
        self._files = {file: _identity(file) for file in (path, lock_file(path))} if is_file else {}

    def check_writable(self, now: datetime) -> None:
        """Raise StoreError unless the database can be written now."""
        with self._write() as connection:
            upsert(connection, SETTINGS, {"name": "writable"}, {"value": now.isoformat()})

    def in_transaction(self, work: Callable[[Connection], None]) -> None:
        """Do something in a transaction that writes."""
        with self._write() as connection:
            work(connection)

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with database_errors(self.place, "read"), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        """Begin a transaction that is committed at the end of the block.

        Raises StoreError where the database cannot be written, was removed or replaced, or has a newer schema."""
        with self._turn, database_errors(self.place, "written"), self._writer.begin() as connection:
            self._check_files()
            check_version(schema_version(connection))
            yield connection

    def _check_files(self) -> None:
        """Raise StoreError where the files are others than at the start: SQLite would write to a removed file."""
        for file, identity in self._files.items():
            if identity is not None and _identity(file) != identity:
                raise StoreError(
                    f"the database {self.place} can't be written: {file} was removed or replaced",
                    "Restore the file, then start the controller again.",
                )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 (a stat result, as elsewhere)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def of(table: Table, key: PortalKey) -> ColumnElement[bool]:
    """Return the condition that a row is about a portal."""
    return and_(table.c.server == key.server, table.c.portal_id == key.portal_id)


def named(key: PortalKey | None) -> dict[str, str | None]:
    """Return the columns of a key."""
    return (
        {"server": key.server, "portal_id": key.portal_id} if key is not None else {"server": None, "portal_id": None}
    )


def history_start(connection: Connection) -> datetime | None:
    """Return when the history begins; None: the controller did not start yet."""
    found = connection.execute(select(SETTINGS.c.value).where(SETTINGS.c.name == HISTORY_SINCE)).scalar()
    return datetime.fromisoformat(found) if found is not None else None


def upsert(connection: Connection, table: Table, keys: Mapping[str, object], values: Mapping[str, object]) -> None:
    """Insert a row, or set `values` in the row that has these primary `keys`."""
    statement = inserting(connection, table).values(**keys, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=dict(values)))


def insert_new(connection: Connection, table: Table, values: Mapping[str, object]) -> bool:
    """Insert a row unless its primary key is there; return whether it was inserted."""
    statement = inserting(connection, table).values(**values).on_conflict_do_nothing()
    return connection.execute(statement.returning(*table.primary_key)).first() is not None


def inserting(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an insert statement of the database's own kind."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def address_key(address: str | None) -> str | None:
    """Return an address as it is looked up: its normal form, or itself in lower case where it has none."""
    return (normal_address(address) or address.lower()) if address is not None else None


def packed(value: object) -> bytes:
    """Return JSON, compressed."""
    return zlib.compress(json.dumps(value, separators=(",", ":"), sort_keys=True).encode(), 1)


def unpacked(content: bytes) -> Any:  # noqa: ANN401 (JSON)
    return json.loads(zlib.decompress(content))
