"""A list is read completely, or not at all: against lists that clamp, grow, shrink and lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.errors import AnswerError, BoundError, PortalError
from portalctl.http import LargePages
from portalctl.portals.paging import FIRST_CHUNK, ROUNDS, ListSource, Page, page_of, read_lists, whole_number
from portalctl.portals.thread_pool import Pool


@dataclass(frozen=True, slots=True)
class Item:
    id: str


def items(ids: list[str], total: int) -> Page[Item]:
    return page_of([Item(row) for row in ids], total)


class Endless:
    """A list whose total grows with each page, or that repeats itself."""

    def __init__(self, grows: int, *, repeats: bool = False, size: int = 10, total: int = 30) -> None:
        self.grows, self.repeats, self.size, self.total, self.served = grows, repeats, size, total, 0

    def fetch(self, number: int) -> Page[Item]:
        self.served += 1
        first = 0 if self.repeats else (number - 1) * self.size
        total, self.total = self.total, self.total + self.grows
        return items([f"id{row}" for row in range(first, first + self.size)], total)


@dataclass(slots=True)
class Portal:
    """A list on a server that serves `size` rows a page. `acts` happen before the n-th page is served."""

    rows: list[str]
    size: int
    acts: dict[int, object] = field(default_factory=dict)
    served: int = 0

    def fetch(self, number: int) -> Page[Item]:
        self.served += 1
        act = self.acts.get(self.served)
        if callable(act):
            act(self)
        start = (number - 1) * self.size
        return items(self.rows[start : start + self.size], len(self.rows))

    @property
    def source(self) -> ListSource[Item]:
        return ListSource("GET /things", self.fetch)


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(1, "test") as executor:  # one worker: pages are served in order, so acts hit where they should
        yield executor


def ids(count: int) -> list[str]:
    return [f"id{number:04}" for number in range(count)]


@given(counts=st.lists(st.integers(0, 60), min_size=1, max_size=4), size=st.integers(1, 20))
def test_lists_that_hold_still_are_read_whole_with_the_fewest_calls(counts: list[int], size: int) -> None:
    portals = [Portal(ids(count), size) for count in counts]
    with Pool(4, "test") as executor:
        lists = read_lists([portal.source for portal in portals], executor)
    assert [[item.id for item in rows] for rows in lists] == [portal.rows for portal in portals]
    assert [portal.served for portal in portals] == [max(1, -(-count // size)) for count in counts]


@given(count=st.integers(1, 40), size=st.integers(1, 10), data=st.data())
def test_a_list_that_grows_or_shrinks_meanwhile_hides_nobody_who_was_there_all_the_time(
    count: int, size: int, data: st.DataObject
) -> None:
    pages = -(-count // size)
    portal = Portal(ids(count), size)
    stays = set(portal.rows)
    for page in data.draw(st.lists(st.integers(1, pages + 2), max_size=3, unique=True)):
        if data.draw(st.booleans()):
            portal.acts[page] = lambda self: self.rows.append(f"new{len(self.rows)}")
        else:
            gone = data.draw(st.sampled_from(sorted(stays)))
            stays.discard(gone)
            portal.acts[page] = lambda self, gone=gone: self.rows.remove(gone) if gone in self.rows else None
            if not stays:
                break
    with Pool(1, "test") as executor:
        try:
            (rows,) = read_lists([portal.source], executor)
        except PortalError:
            return
    assert stays <= {item.id for item in rows}


def test_a_grown_list_is_read_on_and_not_again(pool: Pool) -> None:
    portal = Portal(ids(25), 10, acts={3: lambda self: self.rows.extend(["new1", "new2"])})
    (rows,) = read_lists([portal.source], pool)
    assert len(rows) == 27
    assert portal.served == 3
    portal = Portal(ids(29), 10, acts={3: lambda self: self.rows.extend(["new1", "new2"])})
    (rows,) = read_lists([portal.source], pool)
    assert len(rows) == 31
    assert portal.served == 4


def test_a_shrunk_list_is_read_again(pool: Pool) -> None:
    portal = Portal(ids(25), 10, acts={2: lambda self: self.rows.remove("id0003")})
    (rows,) = read_lists([portal.source], pool)
    assert [item.id for item in rows] == [row for row in ids(25) if row != "id0003"]
    assert portal.served == 6


def test_only_the_list_that_changed_is_read_again(pool: Pool) -> None:
    precheck, moving = Portal(ids(25), 10), Portal(ids(25), 10, acts={2: lambda self: self.rows.remove("id0003")})
    read_lists([precheck.source, moving.source], pool)
    assert (precheck.served, moving.served) == (3, 6)


@pytest.mark.parametrize(
    "page",
    [
        items(["a", "b"], 3),
        items([], 3),
        items(["a", "a"], 2),
        items(["a", "b"], 1),
        items(["a", "b"], 0),
    ],
    ids=["row missing", "empty", "one row twice", "more than told", "told none"],
)
def test_a_list_that_never_adds_up_is_an_error_after_three_rounds(pool: Pool, page: Page[Item]) -> None:
    calls: list[int] = []

    def fetch(number: int) -> Page[Item]:
        calls.append(number)
        return page if number == 1 else items([], page.total)

    with pytest.raises(PortalError, match=r"GET /things: the list can't be read completely.*of \d"):
        read_lists([ListSource("GET /things", fetch)], pool)
    assert calls.count(1) == ROUNDS


def test_a_total_beyond_all_measure_is_an_error_and_not_a_million_requests(pool: Pool) -> None:
    calls: list[int] = []

    def fetch(number: int) -> Page[Item]:
        calls.append(number)
        return items([f"x{number}"], 10**12)

    with pytest.raises(PortalError, match="at most 20,000 are read"):
        read_lists([ListSource("GET /things", fetch)], pool)
    assert calls == [1]


def test_an_error_on_one_page_ends_the_reading(pool: Pool) -> None:
    def fetch(number: int) -> Page[Item]:
        if number == 2:
            raise PortalError("page 2")
        return items([f"x{number}"], 3)

    with pytest.raises(PortalError, match="page 2"):
        read_lists([ListSource("GET /things", fetch)], pool)


@pytest.mark.parametrize(
    ("endless", "most"),
    [
        (Endless(10), 30),
        (Endless(1_000_000), 30),
        (Endless(0, repeats=True, total=100_000), 3 * (FIRST_CHUNK + 1)),
        (Endless(1, repeats=True, total=100_000), 3 * (FIRST_CHUNK + 2)),
        (Endless(0, size=0), 3),
        (Endless(0, size=1, total=20_001), 1),
    ],
    ids=["grows by a page", "grows by a million", "repeats itself", "repeats and grows", "no rows", "too many pages"],
)
def test_a_list_without_an_end_is_given_up_after_a_bounded_number_of_pages(endless: Endless, most: int) -> None:
    with Pool(4, "test") as pool, pytest.raises(PortalError):
        read_lists([ListSource("GET /things", endless.fetch)], pool)
    assert endless.served <= most


def test_a_list_that_grows_by_many_pages_while_it_is_read_is_read_whole(pool: Pool) -> None:
    portal = Portal(ids(300), 10, acts={30: lambda self: self.rows.extend(f"new{n}" for n in range(150))})
    (rows,) = read_lists([portal.source], pool)
    assert len(rows) == 450


@pytest.mark.parametrize("value", [10, 10.0, 0, 10**15])
def test_a_total_is_a_whole_number(value: float) -> None:
    assert whole_number(value) == value


@pytest.mark.parametrize("value", [-1, 10.5, float("nan"), float("inf"), True, "10", None, [], 10**18, 1e18])
def test_anything_else_is_no_total(value: object) -> None:
    with pytest.raises(ValueError, match="whole number"):
        whole_number(value)


@pytest.mark.parametrize("error", [MemoryError(), RecursionError("too deep"), KeyError("x"), ZeroDivisionError()])
def test_an_unexpected_exception_on_a_page_is_a_clear_error(pool: Pool, error: Exception) -> None:
    def fetch(number: int) -> Page[Item]:
        if number == 2:
            raise error
        return items([f"x{number}"], 3)

    with pytest.raises(PortalError, match=f"GET /things, page 2 failed with an unexpected {type(error).__name__}"):
        read_lists([ListSource("GET /things", fetch)], pool)


# Large pages


@dataclass(slots=True)
class LargePortal:
    """A list on a server that refuses large pages from page `bad` on with `error`. `sizes` are those asked for."""

    rows: list[str]
    error: PortalError
    bad: int = 1
    sizes: list[int] = field(default_factory=list)
    learned: LargePages = field(default_factory=LargePages)

    def fetch(self, size: int, number: int) -> Page[Item]:
        self.sizes.append(size)
        if size > 100 and number >= self.bad:
            raise self.error
        return items(self.rows[(number - 1) * size : number * size], len(self.rows))

    @property
    def source(self) -> ListSource[Item]:
        return ListSource("GET /things", partial(self.fetch, 100), partial(self.fetch, 1000), self.learned)


def refused(status: int) -> AnswerError:
    return AnswerError("GET /things", status, "", None)


@pytest.mark.wide(3)
@pytest.mark.parametrize("error", [*map(refused, (400, 413, 414, 422)), BoundError("too large", sent=True)])
@pytest.mark.parametrize("bad", [1, 2, 3])
def test_a_list_is_read_by_regular_pages_where_large_ones_are_not_served(
    pool: Pool, error: PortalError, bad: int
) -> None:
    portal = LargePortal(ids(2_100), error, bad)
    (rows,) = read_lists([portal.source], pool)
    assert [item.id for item in rows] == portal.rows
    assert Counter(portal.sizes) == {1000: bad, 100: 21}
    assert portal.learned.served is False
    (rows,) = read_lists([portal.source], pool)
    assert Counter(portal.sizes) == {1000: bad, 100: 42}


@pytest.mark.parametrize("error", [*map(refused, (401, 403, 404, 429, 500)), PortalError("broken")])
@pytest.mark.parametrize("bad", [1, 2])
def test_another_error_of_a_large_page_is_raised(pool: Pool, error: PortalError, bad: int) -> None:
    portal = LargePortal(ids(2_100), error, bad)
    with pytest.raises(type(error)):
        read_lists([portal.source], pool)
    assert set(portal.sizes) == {1000}


def test_lists_read_side_by_side_meet_one_refusal() -> None:
    portals = [LargePortal(ids(250), refused(400)) for _ in range(8)]
    learned = LargePages()
    for portal in portals:
        portal.learned = learned
    with Pool(8, "test") as executor:
        lists = read_lists([portal.source for portal in portals], executor)
    assert [len(rows) for rows in lists] == [250] * 8
    assert sum(portal.sizes.count(1000) for portal in portals) == 1


@given(st.integers(0, 3000), st.integers(1, 1500))
def test_the_calls_are_those_of_the_served_page_size(count: int, most: int) -> None:
    served: list[int] = []

    def fetch(size: int, number: int) -> Page[Item]:
        served.append(size)
        size = min(size, most)
        return items(ids(count)[(number - 1) * size : number * size], count)

    source = ListSource("GET /things", partial(fetch, 100), partial(fetch, 1000))
    with Pool(4, "test") as executor:
        (rows,) = read_lists([source], executor)
    assert len(rows) == count
    size = min(most, 1000)
    expected = max(1, -(-count // size))
    assert len(served) == expected + (most < min(100, count))
