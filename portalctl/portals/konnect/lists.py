"""Reads Konnect's objects and lists over HTTP: pages, shapes, and portals that change during a read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from threading import Lock
from typing import Annotated, Generic, TypeVar
from urllib.parse import quote

from pydantic import BeforeValidator, FailFast
from typing_extensions import TypedDict

from portalctl.errors import AnswerError, PortalError
from portalctl.events import Observer, Progress
from portalctl.http import Answer, Client
from portalctl.ids import is_id
from portalctl.portals.answer_ids import check_id, check_ids, check_rows, json_object
from portalctl.portals.decode import shaped
from portalctl.portals.paging import IdentifiedRow, ListSource, Page, page_of, read_lists, whole_number
from portalctl.portals.thread_pool import Pool

# Neither default nor maximum is documented; Kong's own clients request 100. More than the maximum may be clamped,
# which the paging handles, or refused: then a smaller size is requested, at last the one in the document's examples.
LARGE_PAGE_SIZE = 1000
PAGE_SIZE = 100
MODEST_PAGE_SIZE = 10
BATCH_CHARACTERS = 1500  # of encoded values in one query: keeps the URL well below the limits of servers
SETTLE_PAUSES = (0.5, 2.0)  # seconds before repeating a contradictory read

T = TypeVar("T", bound=IdentifiedRow)
U = TypeVar("U")
V = TypeVar("V")


class _Identified(TypedDict):
    """A row with only the id; a list of a team's members requires no other field.

    These are the most frequent rows, and a dictionary is built in a third less time than an object.
    """

    id: str


@dataclass(frozen=True, slots=True)
class Query:
    """One list to read. `portal`: the id of the portal that its rows belong to, where it is one portal's list."""

    path: str
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def portal(self) -> str | None:
        _, _, kind, *ids = self.path.split("/")
        return ids[0] if kind == "portals" and ids else None


@dataclass(frozen=True, slots=True)
class _PageNumbers:
    total: Annotated[int, BeforeValidator(whole_number)]


@dataclass(frozen=True, slots=True)
class _Meta:
    page: _PageNumbers


@dataclass(frozen=True, slots=True)
class Counted:
    """A page with only the total number of rows."""

    meta: _Meta


@dataclass(frozen=True, slots=True)
class _List(Generic[V]):
    data: Annotated[list[V], FailFast()]  # one wrong row is enough; 60,000 would take 200 MB to describe
    meta: _Meta


class UnsettledError(PortalError):
    """The rows contradict each other, because the portal changed during the read: repeating it may help."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "the portal may be changing quickly; run the command again")


def settle(look: Callable[[], V]) -> V:
    """Return the result of `look`, called again after each of SETTLE_PAUSES while it raises UnsettledError."""
    for pause in SETTLE_PAUSES:
        try:
            return look()
        except UnsettledError:
            time.sleep(pause)
    return look()


@contextmanager
def just_listed() -> Iterator[None]:
    """Turn a 404 for an object that was just listed into UnsettledError: it was deleted since."""
    try:
        yield
    except AnswerError as error:
        if error.status != 404:
            raise
        raise UnsettledError(f"an object that was just listed is missing: {error.message}") from error


class Wire:
    """Reads for one portal, with the handle `name` for progress. `pool` runs the pages of lists."""

    def __init__(self, client: Client, pool: Pool, *, name: str, observer: Observer) -> None:
        self.client = client
        self._pool = pool
        self._name = name
        self._observer = observer
        self._page_size = PAGE_SIZE
        self._counting = Lock()

    def get(self, folder: str, what: str, asked: str, kind: type[T]) -> T | None:
        """Return the object with the id `asked` below the path `folder`; None where there is none.

        Raises OtherAnswerError for an object with another id, PortalError for any other failure.
        """
        answer = self.client.request("GET", f"{folder}/{segment(asked)}")
        if answer.status == 404:
            return None
        if not answer.ok:
            raise self.client.explain(answer)
        found = self.parse(answer, kind)
        check_id(self.client, answer, what, asked, found.id)
        return found

    def read_list(self, what: str, query: Query, kind: type[T]) -> tuple[T, ...]:
        """Return all rows of one list. Raises PortalError unless it was read completely."""
        return self.read_lists(what, [query], kind)[0]

    def read_lists(self, what: str, queries: Sequence[Query], kind: type[T]) -> list[tuple[T, ...]]:
        """Return all rows of each list, read in parallel. Raises PortalError unless each was read completely."""
        shape: type[_List[T]] = _List[kind]  # type: ignore[valid-type]
        return read_lists([self._source(what, query, shape, _rows) for query in queries], self._pool)

    def read_ids(self, what: str, queries: Sequence[Query]) -> list[tuple[str, ...]]:
        """Return the ids in each list, read in parallel. Raises PortalError unless each was read completely."""
        return read_lists([self._source(what, query, _List[_Identified], _ids) for query in queries], self._pool)

    def parse(self, answer: Answer, kind: type[V]) -> V:
        """Return the answer's JSON as `kind`. Raises NoAnswerError for anything else."""
        return shaped(self.client, answer, kind)

    def _source(
        self, what: str, query: Query, shape: type[_List[V]], page_of: Callable[[_List[V]], Page[U]]
    ) -> ListSource[U]:
        rows_read = 0

        def fetch(size: int, number: int) -> Page[U]:
            nonlocal rows_read
            answer = self._page(query, number, size)
            page = page_of(self.parse(answer, shape))
            check_ids(self.client, answer, page.ids)
            if query.portal is not None:
                check_rows(self.client, answer, "data", query.portal)
            with self._counting:
                rows_read += len(page.ids)
                done = min(rows_read, page.total)
            self._observer(Progress(self._name, f"reading {what}", done, page.total))
            return page

        return ListSource(
            f"GET {query.path}", partial(fetch, PAGE_SIZE), partial(fetch, LARGE_PAGE_SIZE), self.client.large_pages
        )

    def _page(self, query: Query, number: int, size: int) -> Answer:
        size = self._page_size if size == PAGE_SIZE else size
        numbers = {"page[size]": str(size), "page[number]": str(number)}
        answer = self.client.request("GET", query.path, params={**numbers, **query.params})
        if answer.status == 400 and number == 1 and "page[size]" in answer.detail and size == PAGE_SIZE:
            self._page_size = _stated_maximum(answer.body)
            return self._page(query, number, size)
        if not answer.ok:
            raise self.client.explain(answer)
        return answer


def _rows(listed: _List[T]) -> Page[T]:
    return page_of(listed.data, listed.meta.page.total)


def _ids(listed: _List[_Identified]) -> Page[str]:
    ids = tuple(map(itemgetter("id"), listed.data))
    return Page(ids, ids, listed.meta.page.total)


def segment(text: str) -> str:
    """Return an id as a segment of a path.

    Raises PortalError for an invalid id, such as one that would leave the folder.
    """
    if not is_id(text):
        raise PortalError(f"{text[:80]!a} is not a valid id; expected letters, digits, `-`, `_` and `.`")
    return text


def batches(values: Iterable[str]) -> list[tuple[str, ...]]:
    """Yield batches of values without commas, each for one comma list (`oeq`: any of these)."""
    rows: list[list[str]] = []
    room = 0
    for value in values:
        length = len(quote(value, safe="")) + len("%2C")
        if not rows or length > room:
            rows.append([])
            room = BATCH_CHARACTERS
        rows[-1].append(value)
        room -= length
    return [tuple(row) for row in rows]


def _stated_maximum(body: bytes) -> int:
    """Return the largest page size, where a refusal has a usable one (`maximum` of an invalid parameter)."""
    parameters = json_object(body).get("invalid_parameters")
    for parameter in parameters if isinstance(parameters, list) else ():
        maximum = parameter.get("maximum") if isinstance(parameter, dict) else None
        if isinstance(maximum, int | float):
            return int(maximum) if 0 < maximum < PAGE_SIZE else MODEST_PAGE_SIZE
    return MODEST_PAGE_SIZE
