"""Replacing an address in the whole database by a mask."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Connection, String, Table, Text, and_, or_, select, update

from portalctl.changes import plan_document
from portalctl.controller.erasure import FINGERPRINT, Replacement, spellings_in
from portalctl.controller.store.transactions import Found, Transactions
from portalctl.controller.tables import FINDINGS, HELD_PLANS, METADATA, RESULTS, Moment
from portalctl.errors import InputError

_JSON = frozenset({"body", "line", "plan", "files", "answer"})  # columns


class Erasure(Transactions):
    """Erasing a developer's address."""

    def erase(self, replacement: Replacement) -> list[str]:
        """Replace an address in state, history and journal, however it is spelled there.

        A plan with it that was held, or approved and not yet carried out, becomes stale.

        Returns what was replaced, a phrase for each table. The freed space in an SQLite file is overwritten; where
        another process reads, the log of its latest changes is only emptied later.
        """
        with self._write() as connection:
            found = _spellings(connection, replacement.address)
            replacement = dataclasses.replace(
                replacement, spellings=tuple(sorted(found | set(replacement.spellings)))
            )
            counts = {table.name: _erase_in(connection, table, replacement) for table in METADATA.sorted_tables}
        if self.engine.dialect.name == "sqlite":
            with self._read() as connection:
                # Not by SQLAlchemy, which would begin a transaction: SQLite refuses a checkpoint in one.
                connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return [f"{name}: {count:,}" for name, count in counts.items() if count]


def _spellings(connection: Connection, address: str) -> set[str]:
    """Return the spellings of the address in results and findings about it, other than its normal form."""
    bodies: list[str] = []
    for table in (RESULTS, FINDINGS):
        bodies += connection.execute(select(table.c.body).where(table.c.address == address)).scalars()
    return spellings_in(map(json.loads, bodies), address) - {address}


def _erase_in(connection: Connection, table: Table, replacement: Replacement) -> int:
    """Replace the address in all text of a table, and return the number of rows that had it."""
    columns = [column for column in table.columns if _is_text(column)]
    naming = [column.icontains(form, autoescape=True) for column in columns for form in replacement.forms()]
    if not naming:
        return 0
    keys = list(table.primary_key.columns)
    rows = connection.execute(select(*keys, *columns).where(or_(*naming))).all()
    changed = [(row, values) for row in rows if (values := dict(_changes(row, columns, replacement)))]
    for row, values in changed:
        same = and_(*(key == row._mapping[key.name] for key in keys))
        connection.execute(update(table).where(same).values(**values))
    return len(changed)


def _changes(row: Found, columns: list[Column[Any]], replacement: Replacement) -> Iterator[tuple[str, str]]:
    for column in columns:
        value = row._mapping[column.name]
        if isinstance(value, str):
            new = replacement.json(value) if column.name in _JSON else replacement.text(value)
            if new == value:
                continue
            yield column.name, _with_digest(new) if column is HELD_PLANS.c.plan else new
            if column is FINDINGS.c.body:
                yield FINGERPRINT, json.loads(new)[FINGERPRINT]
            if column is HELD_PLANS.c.plan and row.state in {"held", "approved"}:
                yield "state", "stale"  # the next run holds what is wanted then


def _with_digest(text: str) -> str:
    """Return the text of a plan with the digest that fits its new content, so that it can be shown."""
    try:
        plan = plan_document.parse(text.encode(), "held plan")
    except InputError:  # of another version: only its text is kept
        return text
    return plan_document.to_json(dataclasses.replace(plan, digest=plan_document.digest_of(plan)))


def _is_text(column: Column[Any]) -> bool:
    return isinstance(column.type, (String, Text)) and not isinstance(column.type, Moment)
