"""The check that an answer is about the requested object.

A gateway that mixes up its portals returns well-formed objects of another one. So the ids in answers are compared
with the requested ones, and an id from an answer enters a path only if it is valid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated

from pydantic import StringConstraints
from pydantic_core import from_json

from portalctl.errors import PortalError
from portalctl.http import Answer, Client
from portalctl.ids import LONGEST_ID, is_id, is_uuid

LONGEST_SHOWN = 80  # characters of a value from an answer that a message shows
JsonObject = Mapping[str, object]  # the fields of one object of an answer

# An id within a row: of an application, or of its owner.
PathId = Annotated[str, StringConstraints(pattern=rf"^[a-zA-Z0-9_-][a-zA-Z0-9_.-]{{0,{LONGEST_ID - 1}}}$")]
MOST_PORTALS = 10  # that a message names


class OtherAnswerError(PortalError):
    """The answer is about another object than the one requested: this server cannot be relied on."""


def same_id(one: str, other: object) -> bool:
    """Return whether two ids are equal. UUIDs compare without letter case (RFC 9562, 4)."""
    if not isinstance(other, str):
        return False
    return one == other or (is_uuid(one) and one.lower() == other.lower())


def check_id(client: Client, answer: Answer, what: str, asked: str, answered: object) -> None:
    """Raise OtherAnswerError unless the answer is about the requested object; an id that it does not have is None."""
    if answered is not None and not same_id(asked, answered):
        raise other_answer(client, answer.call, what, asked=asked, answered=answered, trace=answer.trace)


def other_answer(
    client: Client, call: str, what: str, *, asked: str, answered: object, trace: str | None = None
) -> OtherAnswerError:
    """Return the error for an answer about another object. `what` is its kind, such as `portal`."""
    mark = f" ({trace[:LONGEST_SHOWN]})" if trace else ""
    return OtherAnswerError(
        f"{call} returned another {what} than the one asked for: asked for {shown(client, asked)}, "
        f"returned {shown(client, answered)}{mark}",
        f"check {client.server.url} (from {client.server.url_source}) and any gateway or proxy in between: "
        "they may mix up portals",
    )


def check_ids(client: Client, answer: Answer, ids: Iterable[object]) -> None:
    """Raise PortalError where one of these ids is not valid in a path."""
    wrong = [value for value in ids if not is_id(value)]
    if wrong:
        more = f" (and {len(wrong) - 1:,} more)" if len(wrong) > 1 else ""
        raise PortalError(
            f"{answer.call} returned {shown(client, wrong[0])}{more}, which is not a valid id; expected 1 to "
            f"{LONGEST_ID} letters, digits, `-`, `_` and `.`",
            f"check {client.server.url} (from {client.server.url_source}) and any gateway or proxy in between",
        )


def check_rows(client: Client, answer: Answer, rows: str, portal_id: str) -> None:
    """Raise OtherAnswerError where a row of a list names another portal, as `portal_id` or in `portal`.

    Args:
        rows: the key under which the list has its rows.
    """
    if b'"portal' not in answer.body:  # most lists never name it
        return
    listed = json_object(answer.body).get(rows)
    for row in listed if isinstance(listed, list) else ():
        check_portal(client, answer, row if isinstance(row, dict) else {}, portal_id)


def check_portal(client: Client, answer: Answer, response_object: JsonObject, portal_id: str) -> None:
    """Raise OtherAnswerError where an object names another portal than the one requested."""
    for named in portals_named(response_object):
        check_id(client, answer, "portal", portal_id, named)


def portals_named(response_object: JsonObject) -> Iterator[object]:
    """Yield the ids of the portals that an object names; an empty one names none."""
    portal = response_object.get("portal")
    found = (response_object.get("portal_id"), portal.get("id") if isinstance(portal, dict) else None)
    yield from (finding for finding in found if finding not in (None, ""))


def json_object(body: bytes) -> dict[str, object]:
    """Return the JSON object of a body; an empty one for anything else. The parser bounds depth and numbers."""
    try:
        response_object = from_json(body, allow_inf_nan=False)
    except ValueError:
        return {}
    return response_object if isinstance(response_object, dict) else {}


def shown(client: Client, value: object) -> str:
    """Return a value from an answer for a message: quoted, escaped, not too long, and never the token."""
    if not isinstance(value, str):
        return f"a value of type {type(value).__name__}"
    text = value[: 10 * LONGEST_SHOWN].replace(client.server.token, "[token]")
    return ascii(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}...")


def no_portal(
    client: Client, portals: Sequence[tuple[str, str]], *, portal_id: str | None, title: str | None, found: int
) -> PortalError:
    """Return the error for a portal that is missing or ambiguous, with the portals that there are.

    Args:
        portals: ids and names.
        found: how many have the title.
    """
    wanted = f"titled {title!r}" if portal_id is None else f"with id {portal_id}"
    named = [f"{name[:LONGEST_SHOWN]} ({key})" for key, name in portals[:MOST_PORTALS]]
    more = [f"and {len(portals) - MOST_PORTALS:,} more"] if len(portals) > MOST_PORTALS else []
    there = ", ".join([*named, *more]).replace(client.server.token, "[token]")
    return PortalError(
        f"{'more than one' if found > 1 else 'no'} portal {wanted} at {client.server.url}",
        f"portals there: {there or 'none that is visible with this token'}",
    )
