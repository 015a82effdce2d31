"""Reads API7's lists over HTTP, completely or not at all, for every known way of paging.

Paging, sorting and totals differ between lists, services and releases, and none of it is documented. API7's own
clients show two ways: with `page_size` a list comes in pages, without it as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Generic, TypeVar

from pydantic import BeforeValidator, Field

from portalctl.errors import AnswerError, PortalError
from portalctl.events import Observer, Progress, Warned
from portalctl.http import Answer, Client
from portalctl.portals.answer_ids import check_ids
from portalctl.portals.decode import shaped
from portalctl.portals.paging import (
    IdentifiedRow,
    IncompleteError,
    ListSource,
    Page,
    page_of,
    read_lists,
    whole_number,
)
from portalctl.portals.thread_pool import Pool
from portalctl.words import shortened

PAGE_SIZE = 100
MOST_WALKED = 500  # pages of a list without a total, read one after the other
MOST_WARNINGS = 10  # of one portal that are passed on
REFUSED = frozenset({400, 422})  # statuses of a parameter that a release does not take

T = TypeVar("T", bound=IdentifiedRow)


@dataclass(frozen=True, slots=True)
class Query:
    """One list to read. `order_by`: a time that does not change, so that no row changes pages while it is read."""

    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    order_by: str = "created_at"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Way:
    """The parameters of a list request."""

    paged: bool
    sorted: bool

    def params(self, query: Query, number: int) -> dict[str, str]:
        paging = {"page": str(number), "page_size": str(PAGE_SIZE)} if self.paged else {}
        order = {"order_by": query.order_by, "direction": "asc"} if self.sorted else {}
        return {**query.params, **paging, **order}


# Each is tried where the one before was refused, or returned an inconsistent list.
WAYS = (_Way(paged=True, sorted=True), _Way(paged=True, sorted=False), _Way(paged=False, sorted=False))


@dataclass(frozen=True, slots=True)
class _List(Generic[T]):
    rows: Annotated[list[T] | None, Field(alias="list")] = None
    total: Annotated[int, BeforeValidator(whole_number)] | None = None
    error_msg: str | None = None
    warning_msg: str | None = None


class Wire:
    """Reads lists of one service, for the portal with the handle `name`. `pool` runs the pages of lists."""

    def __init__(self, client: Client, pool: Pool, *, name: str, observer: Observer) -> None:
        self.client = client
        self._pool = pool
        self._name = name
        self._observer = observer
        self._ways: dict[str, int] = {}  # by path, the first that worked
        self._reported_total: set[str] = set()  # warnings that were passed on

    def read_list(self, what: str, query: Query, kind: type[T]) -> tuple[T, ...]:
        """Return all rows of a list. Raises PortalError unless it was read completely."""
        first = self._ways.get(query.path, 0)
        for number, way in enumerate(WAYS[first:], first):
            try:
                (rows,) = read_lists([self._source(what, query, kind, way)], self._pool)
            except (AnswerError, IncompleteError) as error:
                if way == WAYS[-1] or (isinstance(error, AnswerError) and error.status not in REFUSED):
                    raise
            else:
                self._ways[query.path] = number
                return rows
        raise AssertionError("the last way returns a list or raises")

    def _source(self, what: str, query: Query, kind: type[T], way: _Way) -> ListSource[T]:
        def fetch(number: int) -> Page[T]:
            page = self._page(query, kind, way, number)
            rows, total = page.rows or [], page.total
            if total is not None and way.paged:
                total = self._looked_behind(query, kind, way, number, page)
            if total is not None:
                done = min(number * PAGE_SIZE, total) if way.paged else total
                self._observer(Progress(self._name, f"reading {what}", done, total))
                return page_of(rows, total)
            if way.paged:
                rows = self._to_the_end(query, kind, way)
            return page_of(rows, len({row.id for row in rows}))

        return ListSource(f"GET {query.path}", fetch)

    def _looked_behind(self, query: Query, kind: type[T], way: _Way, number: int, page: _List[T]) -> int | None:
        """Return the reported total; None where it counts only one page, or is capped.

        There may be more rows after a full page that is reported as the last, and after a first one that is reported
        as complete: it may hold fewer rows than requested."""
        rows, total = page.rows or [], page.total
        if total is None or not rows or total not in (number * PAGE_SIZE, len(rows) if number == 1 else 0):
            return total
        behind = self._page(query, kind, way, number + 1)
        there, further = ({row.id for row in item} for item in (rows, behind.rows or []))
        if there == further and len(there) == PAGE_SIZE:
            raise IncompleteError(f"GET {query.path}: each page is the same full one: later rows can't be read")
        if further <= there:
            return total
        return behind.total if behind.total is not None and behind.total > total else None

    def _to_the_end(self, query: Query, kind: type[T], way: _Way) -> list[T]:
        """Return all rows of a list without a total: up to an empty page, and twice the same."""
        first, second = self._walk(query, kind, way), self._walk(query, kind, way)
        if first.keys() != second.keys():
            raise IncompleteError(f"GET {query.path}: the list changes while it is read, and reports no total")
        return list(second.values())

    def _walk(self, query: Query, kind: type[T], way: _Way) -> dict[str, T]:
        found: dict[str, T] = {}
        for number in range(1, MOST_WALKED + 1):
            rows = self._page(query, kind, way, number).rows or []
            if not rows:
                return found
            if all(row.id in found for row in rows):
                raise IncompleteError(f"GET {query.path}: the list repeats itself and reports no total")
            found.update((row.id, row) for row in rows)
        raise PortalError(
            f"GET {query.path}: the list does not end within {MOST_WALKED:,} pages and reports no total",
            "the portal may be answering wrongly; run the command again",
        )

    def _page(self, query: Query, kind: type[T], way: _Way, number: int) -> _List[T]:
        answer = self.client.request("GET", query.path, params=way.params(query, number), headers=query.headers)
        if not answer.ok:
            raise self.client.explain(answer)
        return self._listed(answer, kind)

    def _listed(self, answer: Answer, kind: type[T]) -> _List[T]:
        """Return the list in an answer.

        Raises NoAnswerError for anything else: `list` may be missing, or `total`, but not both.
        """
        shape: type[_List[T]] = _List[kind]  # type: ignore[valid-type]
        listed = shaped(self.client, answer, shape)
        if listed.error_msg:
            raise PortalError(
                f"{answer.call} returned {answer.status} with an error: {shortened(listed.error_msg, 500)}"
            )
        if listed.rows is None and listed.total is None:
            raise self.client.not_json(answer)
        check_ids(self.client, answer, (row.id for row in listed.rows or ()))
        if (
            listed.warning_msg
            and listed.warning_msg not in self._reported_total
            and len(self._reported_total) < MOST_WARNINGS
        ):
            self._reported_total.add(listed.warning_msg)
            self._observer(Warned(f"portal {self._name}: {answer.call}: {shortened(listed.warning_msg, 500)}"))
        return listed
