"""Page-numbered lists, read completely or not at all.

A list is complete when the distinct rows equal the last total the server told. A list that grew while it was read is
read on from its end; one that shrank or does not add up is read again, and after `ROUNDS` the reading fails. The page
size is the one the server really served: it may clamp what was asked for without saying so.

What no count can show: one row that went and another that came between two pages. Who is missed so is nobody's
removal, since only those who were read are decided on, and the next reading finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

from portalctl.errors import PortalError
from portalctl.portal.pool import Pool

ROUNDS = 3
MOST_PAGES = 100_000


class Row(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T")
R = TypeVar("R", bound=Row)


class IncompleteError(PortalError):
    """A list was read, and not provably all of it."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One answer: its rows, the id of each, and how many rows the server says there are in all."""

    rows: Sequence[T]
    ids: Sequence[str]
    total: int


def page_of(rows: Sequence[R], total: int) -> Page[R]:
    """A page of rows that have their ids themselves."""
    return Page(rows, tuple(map(attrgetter("id"), rows)), total)


@dataclass(frozen=True, slots=True)
class Source(Generic[T]):
    """A list to read: `name` for messages, `fetch` gives page 1, 2, … and is called from several threads."""

    name: str
    fetch: Callable[[int], Page[T]]


@dataclass(slots=True)
class _Reading(Generic[T]):
    """What has been gathered of one list so far. `totals` are in the order they were told."""

    source: Source[T]
    rows: dict[str, T] = field(default_factory=dict)
    totals: list[int] = field(default_factory=list)
    size: int = 0

    def page(self, number: int) -> Page[T]:
        page = self.source.fetch(number)
        self.totals.append(page.total)
        return page

    def first(self) -> None:
        page = self.page(1)
        self.size = len(page.rows)
        self.take(page)

    def rest(self) -> range:
        """The numbers of the pages after the first. Raises PortalError for a total that can't be meant."""
        pages = ceil(self.totals[0] / self.size) if self.size else 0
        if pages > MOST_PAGES:
            raise PortalError(
                f"{self.source.name}: the portal tells of {self.totals[0]} rows and gave {self.size} of them on the "
                "first page: that is no list to read",
                "the portal may be answering wrongly; run the command again",
            )
        return range(2, pages + 1)

    def take(self, page: Page[T]) -> bool:
        """Add a page's rows; whether any was new."""
        before = len(self.rows)
        self.rows.update(zip(page.ids, page.rows, strict=True))
        return len(self.rows) > before

    def read_on(self) -> None:
        """Follow a list that grew while it was read, from the page its last row stands on."""
        while self.size and len(self.rows) < self.totals[-1] and self.totals[-1] > self.totals[0]:
            if not self.take(self.page(len(self.rows) // self.size + 1)):
                return

    @property
    def complete(self) -> bool:
        grew_only = all(earlier <= later for earlier, later in zip(self.totals, self.totals[1:], strict=False))
        return grew_only and len(self.rows) == self.totals[-1]


def read_lists(sources: Sequence[Source[T]], pool: Pool) -> list[tuple[T, ...]]:
    """Each source's rows, distinct by id, in the order served; all pages after the first ones at the same time.

    Raises IncompleteError when a list is not provably complete after `ROUNDS` rounds, PortalError for a total that
    can't be meant, and whatever `fetch` raises.
    """
    done: dict[int, tuple[T, ...]] = {}
    pending = dict(enumerate(sources))
    for _ in range(ROUNDS):
        readings = {index: _Reading(source) for index, source in pending.items()}
        _read_round(list(readings.values()), pool)
        done |= {index: tuple(reading.rows.values()) for index, reading in readings.items() if reading.complete}
        pending = {index: source for index, source in pending.items() if index not in done}
        if not pending:
            return [done[index] for index in range(len(sources))]
    reading = readings[next(iter(pending))]
    raise IncompleteError(
        f"{reading.source.name}: the list can't be read completely. Read {ROUNDS} times, the last time "
        f"{len(reading.rows)} of {reading.totals[-1]}; nothing is decided on an incomplete list",
        "the portal may be changing quickly, or answering wrongly; run the command again",
    )


def _read_round(readings: list[_Reading[T]], pool: Pool) -> None:
    pool.map(_Reading.first, readings)
    wanted = [(reading, number) for reading in readings for number in reading.rest()]
    pages = pool.map(lambda want: want[0].page(want[1]), wanted)
    for (reading, _), page in zip(wanted, pages, strict=True):
        reading.take(page)
    for reading in readings:
        reading.read_on()
