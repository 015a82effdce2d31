"""What passes between a client and the simulator: values only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote

Json: TypeAlias = Any  # whatever a JSON document can hold
JSON_TYPE = "application/json; charset=utf-8"
REASONS = {int(status): status.phrase for status in HTTPStatus}


@dataclass(frozen=True)
class Request:
    """One request as it came in. `target` is the raw request target; header names are lower case.

    `started` is in seconds of the monotonic clock. `number` counts requests in order of arrival, from 1. `service`
    names the one that was asked, where the vendor has several.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    started: float
    number: int = 0
    service: str = ""

    @cached_property
    def path(self) -> str:
        """The path, percent-decoded, as patterns of faults see it."""
        return unquote(self.target.partition("?")[0])

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The path's segments, split first and decoded then, so that an encoded slash stays inside its segment."""
        raw = self.target.partition("?")[0].split("/")[1:]
        return tuple(unquote(segment) if "%" in segment else segment for segment in raw)

    @cached_property
    def query(self) -> tuple[tuple[str, str], ...]:
        """Decoded query pairs in their order, empty values included."""
        return tuple(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class SimulatedAnswer:
    """What goes back. `content_type` is empty where there is no body."""

    status: int
    payload: bytes = b""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def json_answer(status: int, body: Json, content_type: str = JSON_TYPE) -> SimulatedAnswer:
    """Return an answer with `body` as JSON."""
    return SimulatedAnswer(status, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(), content_type)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer. `reply` is None where the connection was closed without one.

    `query` is the raw query string; `headers` hold no credential, `authorized` is whether there was one;
    `started` and `ended` are seconds of the monotonic clock. `fault` names the kind of fault that acted.
    """

    number: int
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    authorized: bool
    raw_body: bytes
    reply: SimulatedAnswer | None
    started: float
    ended: float
    fault: str | None = None
    service: str = ""

    @property
    def params(self) -> tuple[tuple[str, str], ...]:
        """Decoded query pairs."""
        return tuple(parse_qsl(self.query, keep_blank_values=True))

    @property
    def body(self) -> Json:
        """The request's body: parsed JSON, or None where nothing was sent. Raises ValueError where it isn't JSON."""
        return json.loads(self.raw_body) if self.raw_body else None

    @property
    def status(self) -> int:
        """The answer's status; 0 where there was no answer."""
        return self.reply.status if self.reply else 0

    @property
    def answer(self) -> Json:
        """The answer's body: parsed where it calls itself JSON, else text; None where there is none."""
        if self.reply is None or not self.reply.payload:
            return None
        return json.loads(self.reply.payload) if "json" in self.reply.content_type else self.reply.payload.decode()
