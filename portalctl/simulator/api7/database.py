"""The simulated API7's data in memory, and what readers see of it: everything, or everything older than a delay."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from portalctl.simulator.api7.behaviour import Api7Behaviour
from portalctl.simulator.api7.records import Record

Kind = TypeVar("Kind", bound=Record)


class Tables:
    """Records by kind and id, in the order they were first put there."""

    def __init__(self) -> None:
        self._rows: dict[type[Any], dict[str, Any]] = {}

    def all(self, kind: type[Kind]) -> list[Kind]:
        return list(self._rows.get(kind, {}).values())

    def get(self, kind: type[Kind], record_id: str) -> Kind | None:
        found: Kind | None = self._rows.get(kind, {}).get(record_id)
        return found

    def apply(self, change: Change) -> None:
        rows = self._rows.setdefault(change.kind, {})
        if change.record is None:
            rows.pop(change.id, None)
        else:
            rows[change.id] = change.record


@dataclass(frozen=True, slots=True)
class Change:
    """A record as it is from now on; None: it is gone."""

    kind: type[Any]
    id: str
    record: Record | None


class Database:
    """Truth, and a replica that lags `behaviour.visible_after` seconds behind. Callers hold the lock.

    New ids repeat from run to run.
    """

    def __init__(self, behaviour: Api7Behaviour) -> None:
        self.behaviour = behaviour
        self.lock = threading.RLock()
        self.truth = Tables()
        self._replica = Tables() if behaviour.visible_after > 0 else self.truth
        self._waiting: deque[tuple[float, Change]] = deque()
        self._by_hand = False
        self._random = random.Random(0)  # noqa: S311  # ids, no secrets

    def new_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def now(self) -> datetime:
        return datetime.now(UTC)

    def seen(self) -> Tables:
        """What readers see now."""
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            self._replica.apply(self._waiting.popleft()[1])
        return self._replica

    def put(self, record: Kind) -> Kind:
        """Adds a record, or replaces the one with its id."""
        self._write(Change(type(record), record.id, record))
        return record

    def drop(self, record: Record) -> None:
        self._write(Change(type(record), record.id, None))

    @contextmanager
    def by_hand(self) -> Iterator[None]:
        """Holds the lock; what is written is seen at once."""
        with self.lock:
            self._by_hand = True
            try:
                yield
            finally:
                self._by_hand = False

    def _write(self, change: Change) -> None:
        self.truth.apply(change)
        if self._replica is self.truth:
            return
        if self._by_hand:
            key = (change.kind, change.id)
            self._waiting = deque(item for item in self._waiting if (item[1].kind, item[1].id) != key)
            self._replica.apply(change)
        else:
            self._waiting.append((time.monotonic() + self.behaviour.visible_after, change))
