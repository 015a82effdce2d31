"""Page-numbered lists, read completely or not at all.

A list is complete when the distinct rows equal the last total that the server reported. A list that grew while it was
read is read on from its end; one that shrank or does not add up is read again, and after `ROUNDS` the read fails. The
page size is the one the server really served: it may clamp the requested one without an error. However a server
answers, the number of pages is bounded.

Where a source has large pages they are asked for first. After a refusal, an answer that is too large, a short first
page or an incomplete round, the rest of the run asks this server for regular pages.

What no count can show: one row that went and another that came between two pages. A developer missed that way loses
nothing, since decisions are only about developers that were read, and the next snapshot has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import ceil
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

from portalctl.errors import AnswerError, BoundError, PortalError
from portalctl.http import LargePages
from portalctl.portals.thread_pool import Pool
from portalctl.portals.unexpected_errors import as_portal_error

ROUNDS = 3
MOST_PAGES = 20_000  # of one list: two million developers at 100 a page
REGULAR_ROWS = 100  # of a first page: with fewer, while the total is larger, large pages are not served
TOO_LARGE = frozenset({400, 413, 414, 422})  # statuses that may be about the page size
MOST_ROWS = 10**15  # that a total may lead to
FIRST_CHUNK, LARGEST_CHUNK = 32, 256  # pages requested before their rows are checked
MOST_IDLE = 20  # pages in a row without a new row: the server repeats itself


class IdentifiedRow(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T")
R = TypeVar("R", bound=IdentifiedRow)
Item = TypeVar("Item")


class IncompleteError(PortalError):
    """A list was read, but not provably completely."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One answer: its rows, the id of each, and the total number of rows that the server reports."""

    rows: Sequence[T]
    ids: Sequence[str]
    total: int


def page_of(rows: Sequence[R], total: int) -> Page[R]:
    """Return a page of rows with an `id` of their own."""
    return Page(rows, tuple(map(attrgetter("id"), rows)), total)


@dataclass(frozen=True, slots=True)
class ListSource(Generic[T]):
    """A list to read: `name` for messages, `fetch` gives page 1, 2, … and is called from several threads.

    `fetch_large` does the same with large pages; `large_pages` is whether this run has seen them work.
    """

    name: str
    fetch: Callable[[int], Page[T]]
    fetch_large: Callable[[int], Page[T]] | None = None
    large_pages: LargePages = field(default_factory=LargePages)


def whole_number(value: object) -> int:
    """Return a count of rows, as JSON may write one: `10` or `10.0`. Raises ValueError for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_ROWS and value % 1 == 0:
        return int(value)
    raise ValueError("expected a whole number of rows")


@dataclass(slots=True)
class _ListRead(Generic[T]):
    """The rows of one list so far.

    `totals` are in the order reported; `idle` counts the latest pages without a new row. `large`: with large pages;
    `broken`: one of those could not be read.
    """

    source: ListSource[T]
    rows: dict[str, T] = field(default_factory=dict)
    totals: list[int] = field(default_factory=list)
    size: int = 0
    idle: int = 0
    large: bool = False
    broken: bool = False

    def page(self, number: int) -> Page[T]:
        fetch = (self.source.fetch_large if self.large else None) or self.source.fetch
        with as_portal_error(f"{self.source.name}, page {number:,}"):
            page = fetch(number)
        self.totals.append(page.total)
        return page

    def first(self) -> None:
        page = self._first_page()
        self.size = len(page.rows)
        self.take(page)

    def _first_page(self) -> Page[T]:
        """Return page 1, a large one if the server serves them. The first such request is made alone."""
        learned = self.source.large_pages
        if self.source.fetch_large is None or learned.served is False:
            return self.page(1)
        if learned.served:
            return self._first_large_page(learned)
        with learned.lock:
            return self._first_large_page(learned) if learned.served is not False else self.page(1)

    def _first_large_page(self, learned: LargePages) -> Page[T]:
        self.large = True
        try:
            page = self.page(1)
        except PortalError as error:
            if not _may_be_too_large(error):
                raise
        else:
            if len(page.rows) >= min(REGULAR_ROWS, page.total):
                learned.served = True
                return page
        self.large = False
        self.totals.clear()
        page = self.page(1)  # where this fails too, the size was not the cause
        learned.served = False
        return page

    def later_page(self, number: int) -> Page[T] | None:
        """Return another page; None for a large one that the server refuses or that is too large."""
        if self.broken:
            return None
        try:
            return self.page(number)
        except PortalError as error:
            if not self.large or not _may_be_too_large(error):
                raise
            self.broken = True
            return None

    @property
    def pages(self) -> int:
        """Return the number of pages by the first total. Raises PortalError where it is implausibly large."""
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
            page = self.later_page(len(self.rows) // self.size + 1)
            if page is None or not self.take(page):
                return
        raise PortalError(
            f"{self.source.name}: the list does not end: it grew from {self.totals[0]:,} to {self.totals[-1]:,} rows "
            "while it was read",
            "the portal may be answering wrongly; run the command again",
        )

    @property
    def complete(self) -> bool:
        grew_only = all(earlier <= later for earlier, later in zip(self.totals, self.totals[1:], strict=False))
        return not self.broken and grew_only and len(self.rows) == self.totals[-1]

    def learn(self) -> None:
        """Stop requesting large pages after an incomplete round."""
        if self.large:
            self.source.large_pages.served = False


def _may_be_too_large(error: PortalError) -> bool:
    """Return whether a smaller page may be served where this one was not."""
    return isinstance(error, BoundError) or (isinstance(error, AnswerError) and error.status in TOO_LARGE)


def read_lists(sources: Sequence[ListSource[T]], pool: Pool) -> list[tuple[T, ...]]:
    """Return each source's rows, distinct by id, in the order served. Pages after the first are read side by side.

    Raises IncompleteError when a list is not provably complete after `ROUNDS` rounds, PortalError for more pages than
    are read, and whatever `fetch` raises.
    """
    done: dict[int, tuple[T, ...]] = {}
    pending = dict(enumerate(sources))
    for _ in range(ROUNDS):
        readings = {index: _ListRead(source) for index, source in pending.items()}
        _read_round(list(readings.values()), pool)
        done |= {index: tuple(reading.rows.values()) for index, reading in readings.items() if reading.complete}
        pending = {index: source for index, source in pending.items() if index not in done}
        for index in pending:
            readings[index].learn()
        if not pending:
            return [done[index] for index in range(len(sources))]
    reading = readings[next(iter(pending))]
    raise IncompleteError(
        f"{reading.source.name}: the list can't be read completely: {len(reading.rows):,} of "
        f"{reading.totals[-1]:,} rows in the last of {ROUNDS} attempts",
        "the portal may be changing quickly, or answering wrongly; run the command again",
    )


def _read_round(readings: list[_ListRead[T]], pool: Pool) -> None:
    pool.map(_ListRead.first, readings)
    wanted = ((reading, number) for reading in readings for number in range(2, reading.pages + 1))
    useful = ((reading, number) for reading, number in wanted if reading.idle < MOST_IDLE and not reading.broken)
    for chunk in _chunks(useful):
        pages = pool.map(lambda want: want[0].later_page(want[1]), chunk)
        for (reading, _), page in zip(chunk, pages, strict=True):
            if page is not None:
                reading.take(page)
    for reading in readings:
        reading.read_on()


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator, size = iter(items), FIRST_CHUNK
    while chunk := list(islice(iterator, size)):
        yield chunk
        size = min(2 * size, LARGEST_CHUNK)
