"""One call of an operation, and the two things most operations do: show an object, show a page of a list."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any
from urllib.parse import urlencode

from portalctl.simulator.behaviour import Behaviour
from portalctl.simulator.konnect.api import Api
from portalctl.simulator.konnect.database import TableReader
from portalctl.simulator.konnect.problems import not_found
from portalctl.simulator.konnect.query import ListQuery, cursor_of, parse_query
from portalctl.simulator.konnect.records import TableListing
from portalctl.simulator.konnect.world import World
from portalctl.simulator.message import JSON_TYPE, Request, SimulatedAnswer

_COMPACT = (",", ":")


@dataclass(frozen=True, slots=True)
class Call:
    """`ids` are the path's parameters. `reader` shows GET the lagging view, writes the truth."""

    api: Api
    request: Request
    ids: Mapping[str, str]
    world: World
    reader: TableReader

    @property
    def portal(self) -> str:
        return self.ids["portalId"]


def shown(call: Call, listing: TableListing, object_id: str) -> dict[str, Any]:
    """The object of this id. Raises ProblemError 404."""
    found = objects(call.reader, listing, call.world.behaviour, "t.id = ?", object_id)
    if not found:
        raise not_found()
    return found[0]


def objects(
    reader: TableReader, listing: TableListing, behaviour: Behaviour, scope: str, *parameters: str
) -> list[dict[str, Any]]:
    """All objects in `scope` (a SQL condition with its parameters), in the order of their making."""
    # Only text of this package's own tables enters the SQL; values go as parameters.
    sql = f"SELECT {listing.shape(behaviour)} FROM {listing.source} WHERE {scope} ORDER BY t.seq"  # noqa: S608
    return [json.loads(row[0]) for row in reader.rows(sql, *parameters)]


def page(call: Call, listing: TableListing, scope: str, *parameters: str) -> SimulatedAnswer:
    """One page of the objects in `scope` that the query asks for."""
    query = parse_query(call.request.query, listing, call.world.behaviour)
    keys = _keys(call, listing, query, scope, parameters)
    first = (query.number - 1) * query.size
    data = _rendered(call, listing, keys[first : first + query.size])
    numbers: dict[str, float] = {"number": query.number, "size": query.size, "total": len(keys)}
    if call.world.behaviour.meta_floats:
        numbers = {name: float(number) for name, number in numbers.items()}
    body = f'{{"data":[{data}],"meta":{{"page":{json.dumps(numbers, separators=_COMPACT)}}}}}'
    return SimulatedAnswer(200, body.encode(), JSON_TYPE)


def cursor_page(call: Call, listing: TableListing, scope: str, *parameters: str) -> SimulatedAnswer:
    """One page of a list that is paged by cursors, with links to the pages around it."""
    query = parse_query(call.request.query, listing, call.world.behaviour, "cursors")
    every = sorted(_keys(call, listing, query, scope, parameters))
    keys = [key for key in every if (query.after or 0) < key < (query.before or inf)]
    keys = keys[-query.size :] if query.before and not query.after else keys[: query.size]
    page: dict[str, object] = {
        "first": _link(call, query),
        "next": _link(call, query, after=keys[-1]) if keys and keys[-1] < every[-1] else None,
        "previous": _link(call, query, before=keys[0]) if keys and keys[0] > every[0] else None,
        "size": query.size,
    }
    body = f'{{"data":[{_rendered(call, listing, keys)}],"meta":{{"page":{json.dumps(page, separators=_COMPACT)}}}}}'
    return SimulatedAnswer(200, body.encode(), JSON_TYPE)


def _link(call: Call, query: ListQuery, **row: int) -> str:
    """The URI of a page of the same list: its first, or the one after or before a row."""
    filters = [(name, value) for name, value in call.request.query if not name.startswith("page[")]
    cursors = [(f"page[{name}]", cursor_of(key)) for name, key in row.items()]
    return f"{call.request.path}?{urlencode([*filters, ('page[size]', str(query.size)), *cursors])}"


def everything(call: Call, listing: TableListing, scope: str, *parameters: str) -> SimulatedAnswer:
    """All objects in `scope` that the query's filter lets through, as a bare array."""
    query = parse_query(call.request.query, listing, call.world.behaviour, "none")
    data = _rendered(call, listing, _keys(call, listing, query, scope, parameters))
    return SimulatedAnswer(200, f"[{data}]".encode(), JSON_TYPE)


def _keys(call: Call, listing: TableListing, query: ListQuery, scope: str, parameters: tuple[str, ...]) -> list[int]:
    conditions = " AND ".join([scope, *query.where])
    order = f"{query.order}, t.seq" if query.order else "t.seq"
    sql = f"SELECT {listing.key} FROM {listing.source} WHERE {conditions} ORDER BY {order}"  # noqa: S608
    keys = call.reader.keys(sql, (*parameters, *query.parameters))
    if listing.sorts or call.world.behaviour.unsorted == "stored":
        return keys
    if call.world.behaviour.unsorted == "shuffled":
        return sorted(keys, key=_scattered)
    return random.Random(call.request.number).sample(keys, len(keys))  # noqa: S311


def _scattered(key: int) -> int:
    """Scatters consecutive keys; one that is added leaves the order of the others as it is."""
    return key * 2654435761 % 4294967291


def _rendered(call: Call, listing: TableListing, keys: list[int]) -> str:
    """The objects of these keys in this order, as JSON with commas between them."""
    shape = listing.shape(call.world.behaviour)
    objects_in_order = (
        f"SELECT {shape} AS object FROM json_each(?) k CROSS JOIN {listing.shown or listing.source} "  # noqa: S608
        f"WHERE {listing.key} = k.value ORDER BY k.key"
    )
    row = call.reader.row(f"SELECT group_concat(object) FROM ({objects_in_order})", str(keys))  # noqa: S608
    return row[0] if row and row[0] else ""
