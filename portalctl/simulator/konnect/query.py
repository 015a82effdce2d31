"""Query parameters of lists: `page[…]`, `sort`, `filter[…]`, strictly checked and turned into SQL."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from portalctl.simulator.behaviour import Behaviour
from portalctl.simulator.konnect.body import is_uuid
from portalctl.simulator.konnect.problems import (
    Invalid,
    at_least,
    at_most,
    bad_request,
    choice,
    not_uuid,
    standard,
    unknown,
)
from portalctl.simulator.konnect.records import ColumnFilter, TableListing

Pairs = tuple[tuple[str, str], ...]
Paging = Literal["numbers", "cursors", "none"]

_PAGING: Mapping[Paging, tuple[str, ...]] = {
    "numbers": ("page[size]", "page[number]"),
    "cursors": ("page[size]", "page[after]", "page[before]"),
    "none": (),
}

_FILTER = re.compile(r"filter\[(\w+)\](?:\[(\w+)\])?", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,9}", re.ASCII)
_OPERATORS = {
    "string": ("eq", "neq", "contains", "oeq", "ocontains"),
    "uuid": ("eq", "neq", "oeq"),
    "bare_uuid": ("eq", "neq", "oeq"),
    "equals": ("eq",),
    "boolean": (),
}


@dataclass(slots=True)
class ListQuery:
    """What a list was asked for. `where` are SQL conditions, all of which must hold, `parameters` their values.

    `after` and `before` are the keys of rows, from cursors."""

    number: int = 1
    size: int = 10
    after: int | None = None
    before: int | None = None
    order: str = ""
    where: list[str] = field(default_factory=list)
    parameters: list[str | int] = field(default_factory=list)


def parse_query(pairs: Pairs, listing: TableListing, behaviour: Behaviour, paging: Paging = "numbers") -> ListQuery:
    """The query of a list. Raises ProblemError 400 naming every parameter that is wrong."""
    query = ListQuery(size=min(behaviour.page_size_default, behaviour.page_size_max))
    wrong: list[Invalid] = []
    used: set[str] = set()
    for name, value in pairs:
        subject = name
        if match := _FILTER.fullmatch(name):
            subject = f"filter[{match[1]}]"
            problem = _filter(query, listing.filters.get(match[1]), match, value, behaviour)
        elif name == "sort" and listing.sorts:
            problem = _sort(query, listing, value)
        elif name in _PAGING[paging]:
            numbers = name in _PAGING["numbers"]
            problem = _page(query, name, value, behaviour) if numbers else _cursor(query, name, value)
        else:
            problem = unknown(name, "query")
        if problem is None and subject in used:
            problem = standard(name, "invalid", f'"{subject}" is given more than once', "query")
        used.add(subject)
        if problem is not None:
            wrong.append(problem)
    if wrong:
        raise bad_request(*wrong)
    return query


def cursor_of(key: int) -> str:
    """Return the cursor that stands for a row."""
    return base64.urlsafe_b64encode(f"row {key}".encode()).decode().rstrip("=")


def key_of(cursor: str) -> int | None:
    """Return the row that a cursor stands for; None for what is not a cursor of ours."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:
        return None
    number = text.removeprefix("row ")
    return int(number) if text.startswith("row ") and _INTEGER.fullmatch(number) else None


def refuse_query(pairs: Pairs) -> None:
    """For operations without query parameters. Raises ProblemError 400."""
    if pairs:
        raise bad_request(*(unknown(name, "query") for name in dict(pairs)))


def _page(query: ListQuery, name: str, value: str, behaviour: Behaviour) -> Invalid | None:
    if value == "":  # allowEmptyValue: as if left out
        return None
    if not _INTEGER.fullmatch(value):
        return standard(name, "is_number", f'"{name}" must be a number', "query")
    number = int(value)
    if number < 1:
        return at_least(name, "min", 1, f'"{name}" must be at least 1', "query")
    if name == "page[number]":
        query.number = number
        return None
    most = behaviour.page_size_max
    if number > most and behaviour.page_size_over == "refuse":
        return at_most(name, "max", most, f'"{name}" must not exceed {most}', "query")
    query.size = min(number, most)
    return None


def _cursor(query: ListQuery, name: str, value: str) -> Invalid | None:
    key = key_of(value) if value else None
    if value and key is None:
        return standard(name, "invalid", f'"{name}" must be a cursor of this list', "query")
    if name == "page[after]":
        query.after = key
    else:
        query.before = key
    return None


def _sort(query: ListQuery, listing: TableListing, value: str) -> Invalid | None:
    terms = []
    for term in value.split(","):
        name, _, direction = term.strip().partition(" ")
        if name not in listing.sorts or direction not in ("", "asc", "desc"):
            return choice("sort", list(listing.sorts), "query")
        terms.append(f"{listing.sorts[name]} {direction or 'asc'}")
    query.order = ", ".join(terms)
    return None


def _filter(
    query: ListQuery, subject: ColumnFilter | None, match: re.Match[str], value: str, behaviour: Behaviour
) -> Invalid | None:
    name, operator = match[1], match[2]
    spelled = match[0]
    if subject is None:
        return unknown(f"filter[{name}]", "query")
    if operator is not None and operator not in _OPERATORS[subject.kind]:
        return unknown(spelled, "query")
    if subject.kind == "boolean":
        return _boolean(query, subject, spelled, value)
    if subject.kind == "uuid" and operator is None:
        return standard(spelled, "is_object", f'"{spelled}" must be an object', "query")
    if subject.kind in ("uuid", "bare_uuid") and not all(is_uuid(part) for part in value.split(",")):
        return not_uuid(spelled, "query")
    if name == "email" and behaviour.emails == "folded":
        value = value.lower()
    condition, parameters = _CONDITIONS[operator or "eq"](subject.expression, value, behaviour)
    query.where.append(condition)
    query.parameters.extend(parameters)
    return None


def _boolean(query: ListQuery, subject: ColumnFilter, spelled: str, value: str) -> Invalid | None:
    if value not in ("true", "false"):
        return standard(spelled, "is_boolean", f'value of "{spelled}" must be true or false', "query")
    query.where.append(f"{subject.expression} = ?")
    query.parameters.append(int(value == "true"))
    return None


Condition = tuple[str, list[str]]


def _equals(expression: str, value: str, _: Behaviour) -> Condition:
    return f"{expression} = ?", [value]


def _differs(expression: str, value: str, _: Behaviour) -> Condition:
    return f"{expression} IS NOT ?", [value]


def _any_of(expression: str, value: str, _: Behaviour) -> Condition:
    parts = value.split(",")
    return f"{expression} IN ({', '.join('?' * len(parts))})", parts


def _contains(expression: str, value: str, behaviour: Behaviour) -> Condition:
    if behaviour.contains_ignores_case:
        return f"instr(lower({expression}), lower(?)) > 0", [value]
    return f"instr({expression}, ?) > 0", [value]


def _contains_any(expression: str, value: str, behaviour: Behaviour) -> Condition:
    parts = value.split(",")
    condition = " OR ".join(_contains(expression, part, behaviour)[0] for part in parts)
    return f"({condition})", parts


_CONDITIONS: dict[str, Callable[[str, str, Behaviour], Condition]] = {
    "eq": _equals,
    "neq": _differs,
    "oeq": _any_of,
    "contains": _contains,
    "ocontains": _contains_any,
}
