"""Page-numbered lists, read completely or not at all.

A list is complete when the distinct rows equal the last total that the server reported. A list that grew while it was
read is read on from its end; one that shrank or does not add up is read again, and after `ROUNDS` the reading fails.
The page size is the one the server really served: it may clamp what was asked for without an error. However a server
answers, the number of pages is bounded.

What no count can show: one row that went and another that came between two pages. A developer missed so loses
nothing, since only those who were read are decided on, and the next reading finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import ceil
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

from portalctl.errors import PortalError
from portalctl.portal.pool import Pool
from portalctl.portal.unexpected import as_portal_error

ROUNDS = 3
MOST_PAGES = 20_000  # of one list: two million developers at 100 a page
MOST_ROWS = 10**15  # that a total is believed to mean
FIRST_CHUNK, LARGEST_CHUNK = 32, 256  # pages that are asked for before looking at what they brought
MOST_IDLE = 20  # pages in a row without a new row: the server repeats itself


class Row(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T")
R = TypeVar("R", bound=Row)
Item = TypeVar("Item")


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


def whole_number(value: object) -> int:
    """Return a count of rows, as JSON may write one: `10` or `10.0`. Raises ValueError for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_ROWS and value % 1 == 0:
        return int(value)
    raise ValueError("expected a whole number of rows")


@dataclass(slots=True)
class _Reading(Generic[T]):
    """What has been gathered of one list so far. `totals` are in the order reported; `idle` counts the latest pages
    that brought no new row."""

    source: Source[T]
    rows: dict[str, T] = field(default_factory=dict)
    totals: list[int] = field(default_factory=list)
    size: int = 0
    idle: int = 0

    def page(self, number: int) -> Page[T]:
        with as_portal_error(f"{self.source.name}, page {number:,}"):
            page = self.source.fetch(number)
        self.totals.append(page.total)
        return page

    def first(self) -> None:
        page = self.page(1)
        self.size = len(page.rows)
        self.take(page)

    @property
    def pages(self) -> int:
        """The number of pages by the first total. Raises PortalError where it is too large to be meant."""
        pages = ceil(self.totals[0] / self.size) if self.size else 0
        if pages > MOST_PAGES:
            raise PortalError(
                f"{self.source.name}: the portal reports {self.totals[0]:,} rows and returned {self.size:,} on the "
                f"first page: {pages:,} pages, and at most {MOST_PAGES:,} are read",
                "the portal may be answering wrongly; run the command again",
            )
        return pages

    def take(self, page: Page[T]) -> bool:
        """Add a page's rows; return whether any was new."""
        before = len(self.rows)
        self.rows.update(zip(page.ids, page.rows, strict=True))
        new = len(self.rows) > before
        self.idle = 0 if new else self.idle + 1
        return new

    def read_on(self) -> None:
        """Follow a list that grew while it was read, from its last page on.

        Raises PortalError for a list that grows faster than any portal's.
        """
        for _ in range(self.pages // 4 + 16):
            if not self.size or len(self.rows) >= self.totals[-1] or self.totals[-1] <= self.totals[0]:
                return
            if not self.take(self.page(len(self.rows) // self.size + 1)):
                return
        raise PortalError(
            f"{self.source.name}: the list does not end: it grew from {self.totals[0]:,} to {self.totals[-1]:,} rows "
            "while it was read",
            "the portal may be answering wrongly; run the command again",
        )

    @property
    def complete(self) -> bool:
        grew_only = all(earlier <= later for earlier, later in zip(self.totals, self.totals[1:], strict=False))
        return grew_only and len(self.rows) == self.totals[-1]


def read_lists(sources: Sequence[Source[T]], pool: Pool) -> list[tuple[T, ...]]:
    """Return each source's rows, distinct by id, in the order served. Pages after the first are read side by side.

    Raises IncompleteError when a list is not provably complete after `ROUNDS` rounds, PortalError for more pages than
    are read, and whatever `fetch` raises.
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
        f"{reading.source.name}: the list can't be read completely: {len(reading.rows):,} of "
        f"{reading.totals[-1]:,} rows in the last of {ROUNDS} attempts",
        "the portal may be changing quickly, or answering wrongly; run the command again",
    )


def _read_round(readings: list[_Reading[T]], pool: Pool) -> None:
    pool.map(_Reading.first, readings)
    wanted = ((reading, number) for reading in readings for number in range(2, reading.pages + 1))
    useful = ((reading, number) for reading, number in wanted if reading.idle < MOST_IDLE)
    for chunk in _chunks(useful):
        pages = pool.map(lambda want: want[0].page(want[1]), chunk)
        for (reading, _), page in zip(chunk, pages, strict=True):
            reading.take(page)
    for reading in readings:
        reading.read_on()


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator, size = iter(items), FIRST_CHUNK
    while chunk := list(islice(iterator, size)):
        yield chunk
        size = min(2 * size, LARGEST_CHUNK)
