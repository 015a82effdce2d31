"""Portals that were seen, which of them may be written to, suspensions, and accepted commits."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update

from portalctl.controller.models import NOT_KNOWN, PortalKey, Reading, Suspension
from portalctl.controller.store.decisions import record
from portalctl.controller.store.developer_counts import add_counts
from portalctl.controller.store.transactions import (
    HISTORY_SINCE,
    Found,
    Transactions,
    history_start,
    insert_new,
    named,
    of,
    packed,
    unpacked,
)
from portalctl.controller.tables import ACCEPTED_COMMITS, FIRST_NAMES, PORTALS, SETTINGS, SUSPENSIONS
from portalctl.output.apply_report import ChangeResult

_UNREAD = PortalKey("", "")  # of a suspended portal that was not read yet


class Portals(Transactions):
    """Questions about portals and their sources."""

    def first_start(self, names: Iterable[str], now: datetime) -> bool:
        """Record the first start ever: the portals of these names are trusted when they are first read.

        Returns whether it is the first one; later starts change nothing.
        """
        with self._write() as connection:
            first = insert_new(connection, SETTINGS, {"name": HISTORY_SINCE, "value": now.isoformat()})
            if first:
                for name in names:
                    insert_new(connection, FIRST_NAMES, {"name": name})
            return first

    def history_since(self) -> datetime | None:
        """Return when the history begins: the first start, or later where old history was removed. None: empty."""
        with self._read() as connection:
            return history_start(connection)

    def known(self, key: PortalKey) -> bool:
        """Return whether a portal was read before."""
        with self._read() as connection:
            return _portal(connection, key) is not None

    def portal_named(self, name: str) -> PortalKey | None:
        """Return the portal that last had this name in the manifest."""
        with self._read() as connection:
            return portal_of(connection, name)

    def meet(self, key: PortalKey, name: str, provider: str, now: datetime) -> bool:
        """Record a portal that was read. Returns whether it may be written to.

        Portals of the first start may. Any other is not trusted until `resume`, also one that takes over the name of
        a known portal; one that is only renamed keeps its trust.
        """
        with self._read() as connection:
            found = _portal(connection, key)
            if found is not None and portal_of(connection, name) == key and found.provider == provider:
                return bool(found.trusted)
        with self._write() as connection:
            found = _portal(connection, key)
            named_now = {"name": name, "provider": provider, "named_at": now}
            if found is not None:
                connection.execute(update(PORTALS).where(of(PORTALS, key)).values(**named_now))
                return bool(found.trusted)
            trusted = connection.execute(delete(FIRST_NAMES).where(FIRST_NAMES.c.name == name)).rowcount > 0
            connection.execute(insert(PORTALS).values(**named(key), **named_now, trusted=trusted, first_seen=now))
            _attach_suspension(connection, key, name)
            return trusted

    def trust(self, name: str, by: str, now: datetime) -> bool:
        """Allow writes to the portal that has this name now. Returns whether there is one that was not trusted."""
        with self._write() as connection:
            return _trust(connection, portal_of(connection, name), name, by, now)

    def reading(self, key: PortalKey) -> Reading | None:
        """Return what the last complete reading had."""
        with self._read() as connection:
            found = _portal(connection, key)
        if found is None or found.reading is None:
            return None
        content = unpacked(found.reading)
        return Reading(content["developers"], content["teams"], found.reading_at)

    def save_reading(self, key: PortalKey, reading: Reading) -> None:
        """Keep a complete reading of a portal that `meet` recorded, and its numbers of developers for the chart."""
        content = packed({"developers": dict(reading.developers), "teams": reading.teams})
        with self._write() as connection:
            statement = update(PORTALS).where(of(PORTALS, key))
            connection.execute(statement.values(reading=content, reading_at=reading.at))
            add_counts(connection, key, reading)

    def suspend(self, portal: PortalKey | str, suspension: Suspension) -> None:
        """Suspend a portal, given by its key or its name; a suspension before it ends."""
        with self._write() as connection:
            key, name = _identified(connection, portal)
            connection.execute(delete(SUSPENSIONS).where(_suspended(key, name)))
            reason, by, started_at, expires = (
                suspension.reason,
                suspension.by,
                suspension.started_at,
                suspension.expires,
            )
            values = {"reason": reason, "by": by, "started_at": started_at, "expires": expires}
            connection.execute(insert(SUSPENSIONS).values(**named(key or _UNREAD), name=name, **values))
            record(connection, "suspended", started_at, by=by, key=key, portal=name, detail=reason)

    def suspension(self, portal: PortalKey | str, now: datetime) -> Suspension | None:
        """Return the suspension of a portal, given by its key or its name. None: it has none now."""
        with self._read() as connection:
            key, name = _identified(connection, portal)
            statement = select(SUSPENSIONS).where(_suspended(key, name))
            unexpired = or_(SUSPENSIONS.c.expires.is_(None), SUSPENSIONS.c.expires > now)
            found = connection.execute(statement.where(unexpired)).first()
        return Suspension(found.reason, found.by, found.started_at, found.expires) if found is not None else None

    def suspensions(self, now: datetime) -> dict[PortalKey | str, Suspension]:
        """Return all suspensions by portal; by name for a portal that was not read yet."""
        unexpired = or_(SUSPENSIONS.c.expires.is_(None), SUSPENSIONS.c.expires > now)
        with self._read() as connection:
            rows = connection.execute(select(SUSPENSIONS).where(unexpired)).all()
        keys = (PortalKey(row.server, row.portal_id) for row in rows)
        return {
            row.name if key == _UNREAD else key: Suspension(row.reason, row.by, row.started_at, row.expires)
            for row, key in zip(rows, keys, strict=True)
        }

    def resume(self, portal: PortalKey | str, by: str, now: datetime) -> bool:
        """End a suspension, trust the portal, and forget its last reading, which a sudden change is compared with.

        Returns whether that changed anything.
        """
        with self._write() as connection:
            key, name = _identified(connection, portal)
            if key is not None:
                connection.execute(update(PORTALS).where(of(PORTALS, key)).values(reading=None, reading_at=None))
            ended = connection.execute(delete(SUSPENSIONS).where(_suspended(key, name))).rowcount > 0
            if ended:
                record(connection, "resumed", now, by=by, key=key, portal=name)
            return _trust(connection, key, name, by, now) or ended

    def accepted_commit(self, source: str) -> str | None:
        """Return the newest commit of a source of the manifest that was accepted."""
        with self._read() as connection:
            statement = select(ACCEPTED_COMMITS.c.commit_id).where(ACCEPTED_COMMITS.c.source == source)
            return connection.execute(statement).scalar()

    def accept_commit(self, source: str, commit: str, before: str | None, now: datetime) -> bool:
        """Record the commit that is planned from now on, unless another than `before` was accepted since."""
        with self._write() as connection:
            values = {"commit_id": commit, "at": now}
            if before is None:
                accepted = insert_new(connection, ACCEPTED_COMMITS, {"source": source, **values})
            else:
                same = (ACCEPTED_COMMITS.c.source == source, ACCEPTED_COMMITS.c.commit_id == before)
                accepted = connection.execute(update(ACCEPTED_COMMITS).where(*same).values(**values)).rowcount > 0
            if accepted and commit != before:
                record(connection, "accepted", now, detail=commit)
            return accepted


def _portal(connection: Connection, key: PortalKey) -> Found | None:
    return connection.execute(select(PORTALS).where(of(PORTALS, key))).first()


def forget(connection: Connection, key: PortalKey, results: Iterable[ChangeResult]) -> None:
    """Mark the developers of changes that were sent, or may have been, as not known in the last reading."""
    found = _portal(connection, key)
    if found is None or found.reading is None:
        return
    content = unpacked(found.reading)
    for item in results:
        if item.result in {"confirmed", "unknown"} and item.developer is not None and item.developer.id is not None:
            content["developers"][item.developer.id] = NOT_KNOWN
    connection.execute(update(PORTALS).where(of(PORTALS, key)).values(reading=packed(content)))


def portal_of(connection: Connection, name: str) -> PortalKey | None:
    """Return the portal that last had a name."""
    statement = select(PORTALS.c.server, PORTALS.c.portal_id).where(PORTALS.c.name == name)
    found = connection.execute(statement.order_by(PORTALS.c.named_at.desc())).first()
    return PortalKey(found.server, found.portal_id) if found is not None else None


def _identified(connection: Connection, portal: PortalKey | str) -> tuple[PortalKey | None, str]:
    """Return key and name of a portal. No key: it was not read yet. A key without a name: it is not known."""
    if isinstance(portal, str):
        return portal_of(connection, portal), portal
    found = _portal(connection, portal)
    return portal, found.name if found is not None else ""


def _suspended(key: PortalKey | None, name: str) -> ColumnElement[bool]:
    if key is not None:
        return of(SUSPENSIONS, key)
    return and_(of(SUSPENSIONS, _UNREAD), SUSPENSIONS.c.name == name)


def _attach_suspension(connection: Connection, key: PortalKey, name: str) -> None:
    """Give a suspension by name to the portal that was read under it."""
    connection.execute(update(SUSPENSIONS).where(_suspended(None, name)).values(**named(key)))


def _trust(connection: Connection, key: PortalKey | None, name: str, by: str, now: datetime) -> bool:
    if key is None:
        return False
    untrusted = and_(of(PORTALS, key), PORTALS.c.trusted.is_(False))
    if connection.execute(update(PORTALS).where(untrusted).values(trusted=True)).rowcount == 0:
        return False
    record(connection, "trusted", now, by=by, key=key, portal=name)
    return True
