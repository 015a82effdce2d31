"""Ids of webhooks and registrations that were seen, and leases: who may write to a portal now."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, DateTime, delete, func, or_, select, type_coerce, update

from portalctl.controller.models import Lease, PortalKey
from portalctl.controller.store.transactions import Transactions, insert_new, inserting, named, of
from portalctl.controller.tables import LEASES, SEEN_IDS

REGISTRATION: Final = "registration"
IDS_KEPT: Final = timedelta(hours=24)


class Coordination(Transactions):
    """Questions about ids and leases."""

    def time(self) -> datetime:
        """Return the time of the database's clock, which all replicas share; SQLite has that of this machine."""
        if self.engine.dialect.name == "sqlite":
            return datetime.now(UTC)
        with self._read() as connection:
            return connection.execute(
                select(type_coerce(func.clock_timestamp(), DateTime(timezone=True)))
            ).scalar_one()

    def first_seen(self, kind: str, portal: str, message_id: str, now: datetime) -> bool:
        """Record the id of a message. Returns whether it was not seen in the last 24 h."""
        keys = {"kind": kind, "portal": portal, "id": _hash(message_id)}
        with self._write() as connection:
            if insert_new(connection, SEEN_IDS, {**keys, "at": now}):
                return True
            old = (SEEN_IDS.c[name] == value for name, value in keys.items())
            renewed = update(SEEN_IDS).where(*old, SEEN_IDS.c.at <= now - IDS_KEPT).values(at=now, answer=None)
            return connection.execute(renewed).rowcount > 0

    def answer_for(self, portal: str, message_id: str) -> str | None:
        """Return the answer that a registration got."""
        with self._read() as connection:
            return connection.execute(select(SEEN_IDS.c.answer).where(*_registration(portal, message_id))).scalar()

    def save_answer(self, portal: str, message_id: str, answer: str) -> None:
        """Keep the answer to a registration, to be repeated; `first_seen` has recorded its id."""
        with self._write() as connection:
            connection.execute(update(SEEN_IDS).where(*_registration(portal, message_id)).values(answer=answer))

    def take_lease(self, key: PortalKey, holder: str, seconds: float, now: datetime) -> Lease | None:
        """Take the lease of a portal, or renew one's own. None: another holder has it."""
        lease = Lease(holder, now + timedelta(seconds=seconds))
        values = {"holder": holder, "expires": lease.expires}
        with self._write() as connection:
            statement = inserting(connection, LEASES).values(**named(key), **values)
            free = or_(LEASES.c.holder == holder, LEASES.c.expires <= now)
            statement = statement.on_conflict_do_update(
                index_elements=["server", "portal_id"], set_=values, where=free
            )
            written = connection.execute(statement.returning(LEASES.c.holder)).first()
            return lease if written is not None else None

    def renew_lease(self, key: PortalKey, holder: str, seconds: float, now: datetime) -> Lease | None:
        """Prolong one's own lease. None: it has expired, or another holder has it."""
        lease = Lease(holder, now + timedelta(seconds=seconds))
        own = (of(LEASES, key), LEASES.c.holder == holder, LEASES.c.expires > now)
        with self._write() as connection:
            renewed = connection.execute(update(LEASES).where(*own).values(expires=lease.expires))
            return lease if renewed.rowcount > 0 else None

    def release_lease(self, key: PortalKey, holder: str) -> None:
        """End one's own lease."""
        with self._write() as connection:
            connection.execute(delete(LEASES).where(of(LEASES, key), LEASES.c.holder == holder))

    def lease(self, key: PortalKey, now: datetime) -> Lease | None:
        """Return the lease of a portal, if one holds now."""
        with self._read() as connection:
            found = connection.execute(select(LEASES).where(of(LEASES, key), LEASES.c.expires > now)).first()
            return Lease(found.holder, found.expires) if found is not None else None


def _hash(message_id: str) -> str:
    """Return an id of one length without content: senders choose ids, and may put an address into them."""
    return hashlib.sha256(message_id.encode(errors="surrogatepass")).hexdigest()


def _registration(portal: str, message_id: str) -> tuple[ColumnElement[bool], ...]:
    columns = SEEN_IDS.c
    return (columns.kind == REGISTRATION, columns.portal == portal, columns.id == _hash(message_id))
