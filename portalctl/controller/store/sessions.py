"""The sessions of the page's users: the database has hashes only, so that its readers cannot use them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, insert, select, update

from portalctl.controller.store.transactions import Transactions
from portalctl.controller.tables import SESSIONS

LONGEST: Final = timedelta(hours=8)
IDLE: Final = timedelta(hours=1)
NOTED: Final = timedelta(minutes=1)  # a later request is noted, so that not every one of them writes


class Sessions(Transactions):
    """Questions about sessions. `id_`: the hash of the cookie."""

    def start_session(self, id_: str, salt: str, now: datetime) -> None:
        """Begin the session of a token, which `salt` names. Those that have ended are removed."""
        with self._write() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.seen_at <= now - IDLE))
            connection.execute(insert(SESSIONS).values(id=id_, salt=salt, started_at=now, seen_at=now))

    def session(self, id_: str, now: datetime) -> str | None:
        """Return the salt of a session's token, and prolong the session. None: it has ended."""
        with self._read() as connection:
            found = connection.execute(select(SESSIONS).where(SESSIONS.c.id == id_)).first()
        if found is None or found.started_at <= now - LONGEST or found.seen_at <= now - IDLE:
            return None
        if found.seen_at < now - NOTED:
            with self._write() as connection:
                connection.execute(update(SESSIONS).where(SESSIONS.c.id == id_).values(seen_at=now))
        return str(found.salt)

    def end_session(self, id_: str) -> None:
        """End a session."""
        with self._write() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.id == id_))
