"""An answer's JSON as a value of the type it should have."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from portalctl.errors import NoAnswerError
from portalctl.http import Answer, Client

V = TypeVar("V")


@cache
def _shape(kind: type[object]) -> TypeAdapter[object]:
    return TypeAdapter(kind)


def shaped(client: Client, answer: Answer, kind: type[V]) -> V:
    """The answer's JSON as `kind`. What the portal sent is not quoted: it is other people's data.

    Raises NoAnswerError for what is no JSON or has another shape.
    """
    try:
        return cast(V, _shape(cast("Hashable", kind)).validate_json(answer.body))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        raise client.not_json(answer)
    where = ".".join(str(part) for part in first["loc"]) or "the whole"
    raise NoAnswerError(
        f"{answer.call} was answered {answer.status} in a shape that is not the API's: {where}: {first['msg']}",
        f"is {client.server.url} (from {client.server.url_source}) the API's address?",
        sent=True,
    )
