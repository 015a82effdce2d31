"""What replicas share beside the queue: the schedules of portals, and sign-ups that wait for a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, cast, column, delete, exists, insert, select, table, update
from sqlalchemy import Text as TextType

from portalctl.controller.store.transactions import Transactions, insert_new
from portalctl.controller.tables import SIGN_UPS, TURNS

SIGN_UPS_KEPT: Final = timedelta(minutes=10)
_JOBS = table("procrastinate_jobs", column("lock"), column("status"))
Change = Callable[[Connection, str], str | None]


class TurnRecords(Transactions):
    """Questions about schedules and sign-ups. A schedule is a text here."""

    def turns(self) -> dict[str, tuple[int, bool]]:
        """Return of each portal by name the number of its last change, and whether a task of it is in the queue."""
        queued = exists().where(_JOBS.c.lock == TURNS.c.name, cast(_JOBS.c.status, TextType).in_(("todo", "doing")))
        with self._read() as connection:
            rows = connection.execute(select(TURNS.c.name, TURNS.c.number, queued))
            return {row[0]: (row[1], row[2]) for row in rows}

    def turn_bodies(self, names: list[str]) -> dict[str, tuple[int, str]]:
        """Return the number and the text of portals by name."""
        with self._read() as connection:
            rows = connection.execute(select(TURNS).where(TURNS.c.name.in_(names)))
            return {row.name: (row.number, row.body) for row in rows}

    def change_turn(self, name: str, first: str, change: Change) -> tuple[int, str]:
        """Change the text of a portal, which is `first` for a new one; no other process changes it at the same time.

        `change` gets the connection, for what is to be committed with it; it returns None where nothing changes.
        """
        with self._write() as connection:
            insert_new(connection, TURNS, {"name": name, "number": 0, "body": first})
            found = connection.execute(select(TURNS).where(TURNS.c.name == name).with_for_update()).one()
            body = change(connection, found.body)
            if body is None:
                return found.number, found.body
            changed = update(TURNS).where(TURNS.c.name == name).values(number=found.number + 1, body=body)
            connection.execute(changed)
            return found.number + 1, body

    def add_sign_up(self, sign_up_id: str, portal: str, body: str, now: datetime) -> None:
        """Keep a sign-up until a run has decided it; old ones are removed."""
        with self._write() as connection:
            connection.execute(delete(SIGN_UPS).where(SIGN_UPS.c.at < now - SIGN_UPS_KEPT))
            connection.execute(insert(SIGN_UPS).values(id=sign_up_id, portal=portal, body=body, at=now))

    def sign_ups(self, portal: str) -> dict[str, str]:
        """Return the sign-ups of a portal that wait for a run, by id."""
        with self._read() as connection:
            waiting = (SIGN_UPS.c.portal == portal, SIGN_UPS.c.answer.is_(None))
            rows = connection.execute(select(SIGN_UPS.c.id, SIGN_UPS.c.body).where(*waiting).order_by(SIGN_UPS.c.at))
            return {row[0]: row[1] for row in rows}

    def answer_sign_ups(self, answers: Mapping[str, str]) -> None:
        """Keep the answers to sign-ups, by id, until the process that waits for them takes them."""
        with self._write() as connection:
            for sign_up_id, answer in answers.items():
                connection.execute(update(SIGN_UPS).where(SIGN_UPS.c.id == sign_up_id).values(answer=answer))

    def sign_up_answer(self, sign_up_id: str) -> str | None:
        """Return the answer to a sign-up; None: there is none yet."""
        with self._read() as connection:
            return connection.execute(select(SIGN_UPS.c.answer).where(SIGN_UPS.c.id == sign_up_id)).scalar()

    def remove_sign_up(self, sign_up_id: str) -> None:
        """Remove a sign-up with its answer."""
        with self._write() as connection:
            connection.execute(delete(SIGN_UPS).where(SIGN_UPS.c.id == sign_up_id))
