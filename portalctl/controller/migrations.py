"""Migrations of the controller's database: they only add tables, columns and indexes.

`VERSION` grows with each change of `tables.py`. An older database gets what it lacks; a newer one stays as it is, and
this process does not write to it. A column of a later version is nullable or has a server default.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Table, delete, insert, inspect, select, text
from sqlalchemy.schema import CreateColumn

from portalctl.controller.database_errors import StoreError, extra_postgres
from portalctl.controller.tables import METADATA, SCHEMA_VERSION

VERSION: Final[int] = 2
_LOCK: Final = 0x706F7274  # of PostgreSQL's advisory locks, for migrations


def migrate(connection: Connection) -> None:
    """Bring the schema up to `VERSION`, in the caller's transaction. Raises StoreError for a newer schema."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if inspect(connection).has_table(SCHEMA_VERSION.name):
        found = schema_version(connection)
        check_version(found)
        if found == VERSION:
            return
    METADATA.create_all(connection)
    if connection.dialect.name == "postgresql":
        _add_queue(connection)
    for table in METADATA.sorted_tables:
        _add_missing(connection, table)
    connection.execute(delete(SCHEMA_VERSION))
    connection.execute(insert(SCHEMA_VERSION).values(version=VERSION))


def schema_version(connection: Connection) -> int:
    """Return the version of the schema; 0 where none is recorded."""
    return connection.execute(select(SCHEMA_VERSION.c.version)).scalar() or 0


def check_version(found: int) -> None:
    """Raise StoreError for a schema that a newer portalctl made."""
    if found > VERSION:
        raise StoreError(
            f"the database has schema {found}, which a newer portalctl made; this one supports schema {VERSION} and "
            "does not write to it",
            "Update portalctl on all machines that use this database.",
        )


def _add_queue(connection: Connection) -> None:
    """Add the tables of the queue that replicas share. Raises BadUsageError without the extra `postgres`."""
    if inspect(connection).has_table("procrastinate_jobs"):
        return
    with extra_postgres():
        from procrastinate.schema import SchemaManager  # noqa: PLC0415 (an extra)
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 (the connection is open)
    driver.execute(SchemaManager.get_schema())


def _add_missing(connection: Connection, table: Table) -> None:
    """Add the columns and indexes that an existing table lacks."""
    found = inspect(connection)
    columns = {column["name"] for column in found.get_columns(table.name)}
    prepare = connection.dialect.identifier_preparer
    for column in table.columns:
        if column.name not in columns:
            definition = CreateColumn(column).compile(dialect=connection.dialect)
            connection.execute(text(f"ALTER TABLE {prepare.format_table(table)} ADD COLUMN {definition}"))
    indexes = {index["name"] for index in found.get_indexes(table.name)}
    for index in table.indexes:
        if index.name not in indexes:
            index.create(connection)
