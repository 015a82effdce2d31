"""Decodes an answer's JSON into its expected type."""

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
    """Return the answer's JSON as `kind`.

    Values are not quoted in errors: they may be personal data. Raises NoAnswerError for anything that is not JSON or
    has another shape, with the first wrong place and the number of errors."""
    try:
        return cast(V, _shape(cast("Hashable", kind)).validate_json(answer.body))
    except ValidationError as error:
        count = error.error_count()
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        raise client.not_json(answer)
    where = ".".join(str(part) for part in first["loc"]) or "the whole body"
    more = f" (and {count - 1:,} more errors)" if count > 1 else ""
    trace = f" ({answer.trace})" if answer.trace else ""
    raise NoAnswerError(
        f"{answer.call} returned {answer.status} with JSON that is not the API's: {where}: "
        f"{first['msg'].removeprefix('Value error, ')}{more}{trace}",
        f"check that {client.server.url} (from {client.server.url_source}) is the API's address",
        sent=True,
    )
