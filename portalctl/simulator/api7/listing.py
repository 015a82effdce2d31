"""Lists: filters, order, pages."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic

from portalctl.simulator.api7.call import Call, parameters
from portalctl.simulator.api7.database import Kind
from portalctl.simulator.api7.errors import invalid
from portalctl.simulator.message import Json, SimulatedAnswer

Key = datetime | str
_PAGES = ("page", "page_size")


@dataclass(frozen=True, slots=True)
class Filter(Generic[Kind]):
    """A parameter that keeps the items with the given `value`, or one of several where `many`.

    `choices` are the values there are; empty: any.
    """

    value: Callable[[Kind], str]
    choices: tuple[str, ...] = ()
    many: bool = False


@dataclass(frozen=True, slots=True)
class Listing(Generic[Kind]):
    """What a list can be asked for. `searched`: the texts `search` looks at (a part of one suffices).

    `changing` is the order of the list by itself, newest first. `sorts`: what `order_by` takes; with none there are
    neither `order_by` nor `direction`. `accepted`: further parameters, which the operation itself reads.
    """

    changing: Callable[[Kind], Key]
    searched: Callable[[Kind], Sequence[str | None]]
    sorts: Mapping[str, Callable[[Kind], Key]] = field(default_factory=dict)
    filters: Mapping[str, Filter[Kind]] = field(default_factory=dict)
    accepted: tuple[str, ...] = ()

    @property
    def known(self) -> tuple[str, ...]:
        sorting = ("order_by", "direction") if self.sorts else ()
        return (*_PAGES, "search", *sorting, *self.filters, *self.accepted)


def page(call: Call, listing: Listing[Kind], items: Sequence[Kind], show: Callable[[Kind], Json]) -> SimulatedAnswer:
    """The page of `items` that the query asks for. Raises ApiError 400 for a query that can't be."""
    many = [name for name, entry in listing.filters.items() if entry.many]
    query = parameters(call, listing.known, many)
    for name, filter_ in listing.filters.items():
        items = _kept(items, name, filter_, query.get(name, []))
    if "search" in query:
        wanted = query["search"][0].lower()
        items = [item for item in items if any(wanted in (text or "").lower() for text in listing.searched(item))]
    ordered = _ordered(call, listing, items, query)
    chosen = _page(call, ordered, query)
    return call.dialect.many([show(item) for item in chosen], len(ordered))


def _kept(items: Sequence[Kind], name: str, filter_: Filter[Kind], wanted: list[str]) -> Sequence[Kind]:
    if not wanted:
        return items
    if filter_.choices and not set(wanted) <= set(filter_.choices):
        raise invalid(f"{name} must be one of {', '.join(filter_.choices)}")
    return [item for item in items if filter_.value(item) in wanted]


def _ordered(
    call: Call, listing: Listing[Kind], items: Sequence[Kind], query: Mapping[str, list[str]]
) -> Sequence[Kind]:
    if listing.sorts and ("order_by" in query or "direction" in query):
        return _sorted(listing, items, query)
    match call.behaviour.order:
        case "stored":
            return items
        case "shuffled":
            return sorted(items, key=lambda item: random.Random(item.id).random())  # noqa: S311
        case "restless":
            return random.Random(call.request.number).sample(items, len(items))  # noqa: S311
        case _:
            return sorted(items, key=listing.changing, reverse=True)


def _sorted(listing: Listing[Kind], items: Sequence[Kind], query: Mapping[str, list[str]]) -> Sequence[Kind]:
    direction = query.get("direction", ["desc"])[0].lower()
    if direction not in ("asc", "desc"):
        raise invalid("direction must be one of asc, desc")
    key = listing.sorts.get(query["order_by"][0]) if "order_by" in query else listing.changing
    if key is None:
        raise invalid(f"order_by must be one of {', '.join(listing.sorts)}")
    return sorted(items, key=key, reverse=direction == "desc")


def _page(call: Call, items: Sequence[Kind], query: Mapping[str, list[str]]) -> Sequence[Kind]:
    number, size = (_positive(name, query) for name in _PAGES)
    paging = call.behaviour.paging
    if paging == "ignored" or (size is None and paging != "always"):
        return items
    size = min(size or call.behaviour.page_size_default, call.behaviour.page_size_max)
    first = 0 if paging == "first_page" else ((number or 1) - 1) * size
    return items[first : first + size]


def _positive(name: str, query: Mapping[str, list[str]]) -> int | None:
    if name not in query:
        return None
    text = query[name][0]
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) >= 1):
        raise invalid(f"{name} must be a number of at least 1")
    return int(text)
