"""Faults: scripted, deterministic ways in which an answer goes wrong."""

from __future__ import annotations

import email.utils
import json
import math
import threading
import time
import typing
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from itertools import chain
from typing import Literal

from portalctl.simulator.message import JSON_TYPE, REASONS, Json, Request, SimulatedAnswer, json_answer

Kind = Literal[
    "status", "rate", "drop-before", "drop-after", "truncate", "html", "empty", "lose-row", "slow", "misroute", "set"
]  # fmt: skip
_KINDS: tuple[str, ...] = typing.get_args(Kind)
# Kinds that take their main value with the first word: `status=429`, `slow=0.5`, `rate=100`.
_MAIN = {"status": "status", "slow": "delay", "rate": "requests", "set": "field"}
# Settings that take one of a few words.
_BOOLEAN = ("true", "false")
_CHOICES = {
    "retry_date": _BOOLEAN,
    "retry_ms": _BOOLEAN,
    "plain": _BOOLEAN,
    "window": _BOOLEAN,
    "told": _BOOLEAN,
    "body": ("error", "html", "none"),
}

PLAIN_429 = {"message": "API rate limit exceeded"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, and for which requests.

    `status`: answers `status` and changes nothing; `rate`: 429 beyond `requests` in `seconds`, which come back bit by
    bit (a token bucket), or with `window` all at once when the `seconds` are over, as with Kong's own limit, and with
    `told` each answer reports the remaining requests and the time of their renewal, in the headers of Kong's plugin;
    `drop-before`, `drop-after`: the connection closes without an answer, before or after the write happens;
    `truncate`: half of the body, though Content-Length promises all; `html`: 200 with a page of HTML instead;
    `empty`: no data, though the total stays; `lose-row`: the last row of the page is missing, though the total
    stays; `slow`: the answer comes `delay` seconds late; `misroute`: a confused gateway lets another portal answer,
    the first one there is beside the one that was asked; `set`: `field` of the answer's JSON, such as `id`,
    `data.*.id` (of each row) or `meta.page.total`, has `value`, which is JSON or else text.

    It meets requests with a `service`, `method` and decoded `path` that fit the patterns (fnmatch; `*` spans slashes)
    and a query with the pair `query`, such as `page[number]=2`. The first `after` of them pass, the next `times` are
    hit (None: all). With `retry_after` seconds, 429 and the like carry Retry-After, as an HTTP date with
    `retry_date`, or as Retry-After-Ms with `retry_ms`. `plain` returns the gateway's own JSON instead of the vendor's
    error; else `body` can be a proxy's page of HTML, or none at all."""

    kind: Kind
    method: str = "*"
    path: str = "*"
    query: str = ""
    after: int = 0
    times: int | None = None
    status: int = 503
    retry_after: int | None = None
    retry_date: bool = False
    retry_ms: bool = False
    plain: bool = False
    body: Literal["error", "html", "none"] = "error"
    delay: float = 1.0
    requests: int = 100
    seconds: float = 60.0
    window: bool = False
    told: bool = False
    service: str = "*"
    field: str = ""
    value: str = ""

    def meets(self, request: Request) -> bool:
        """Whether the patterns fit. Management and portal-side requests alike."""
        return (
            fnmatchcase(request.service, self.service)
            and fnmatchcase(request.method, self.method)
            and fnmatchcase(request.path, self.path)
            and (not self.query or tuple(self.query.split("=", 1)) in request.query)
        )


def parse_fault(text: str) -> Fault:
    """A fault from text such as `status=429,method=POST,path=/v3/*/teams,times=1,retry_after=77`.

    Raises ValueError with the reason.
    """
    first, *rest = text.split(",")
    kind, equals, value = first.partition("=")
    if kind not in _KINDS:
        raise ValueError(f"unknown fault {kind!r}; known: {', '.join(_KINDS)}")
    settings: dict[str, bool | float | str] = {}
    if equals:
        if kind not in _MAIN:
            raise ValueError(f"fault {kind} takes no value")
        settings[_MAIN[kind]] = _value(_MAIN[kind], value)
    for part in rest:
        name, _, value = part.partition("=")
        settings[name] = _value(name, value)
    return replace(Fault(typing.cast(Kind, kind)), **settings)  # type: ignore[arg-type]  # _value checked them


def _value(name: str, text: str) -> bool | float | str:
    known = [field.name for field in fields(Fault) if field.name != "kind"]
    if name not in known:
        raise ValueError(f"unknown setting {name!r} in a fault; known: {', '.join(known)}")
    if name in ("method", "path", "query", "service", "field", "value"):
        return text
    if name in _CHOICES:
        if text not in _CHOICES[name]:
            raise ValueError(f"{name} in a fault must be {' or '.join(_CHOICES[name])}, not {text!r}")
        return text if name == "body" else text == "true"
    try:
        number: float = float(text) if name in ("delay", "seconds") else int(text)
    except ValueError:
        raise ValueError(f"{name} in a fault must be a number, not {text!r}") from None
    if number < 0 or (name == "seconds" and number == 0):
        raise ValueError(f"{name} in a fault is too small: {text}")
    if name == "status" and not 300 <= number <= 599:
        raise ValueError(f"status in a fault must be 300 to 599, not {text}")
    return number


class _Script:
    """A fault with what it has seen so far."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._met = 0
        self._tokens = float(fault.requests)
        self._refilled = time.monotonic()

    def hits(self, request: Request) -> bool:
        fault = self.fault
        if not fault.meets(request):
            return False
        self._met += 1
        past = self._met - fault.after
        if past <= 0 or (fault.times is not None and past > fault.times):
            return False
        return fault.kind != "rate" or self._overdrawn(request.started)

    def _overdrawn(self, now: float) -> bool:
        fault = self.fault
        periods = max(0.0, now - self._refilled) / fault.seconds
        if fault.window:
            periods = float(int(periods))
        self._tokens = min(float(fault.requests), self._tokens + periods * fault.requests)
        self._refilled += periods * fault.seconds
        if self._tokens < 1:
            return True
        self._tokens -= 1
        return False

    def headers(self, request: Request) -> tuple[tuple[str, str], ...]:
        """Return the headers of a limit for an answer, after `hits`."""
        fault = self.fault
        if fault.kind != "rate" or not fault.told or not fault.meets(request):
            return ()
        missing = fault.seconds if fault.window else (fault.requests - self._tokens) * fault.seconds / fault.requests
        reset = max(1, math.ceil(self._refilled + missing - time.monotonic()))
        return (("RateLimit-Remaining", str(int(self._tokens))), ("RateLimit-Reset", str(reset)))


class Faults:
    """The faults in force. The first that hits a request is the one that acts; later ones don't see it."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._scripts = [_Script(fault) for fault in faults]

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._scripts.append(_Script(fault))

    def clear(self) -> None:
        with self._lock:
            self._scripts.clear()

    def acting(self, request: Request) -> tuple[Fault | None, tuple[tuple[str, str], ...]]:
        """The fault that befalls this request, and headers of the limits it met. Counts: ask once per request."""
        if not self._scripts:
            return None, ()
        with self._lock:
            fault = next((script.fault for script in self._scripts if script.hits(request)), None)
            return fault, tuple(chain.from_iterable(script.headers(request) for script in self._scripts))


def refusal_status(fault: Fault) -> int:
    """The code of a `status` or `rate` fault."""
    return 429 if fault.kind == "rate" else fault.status


def refusal(fault: Fault, error: SimulatedAnswer) -> SimulatedAnswer:
    """The answer of a `status` or `rate` fault; `error` is how the vendor would word it."""
    if fault.plain:
        status = error.status
        error = json_answer(status, PLAIN_429 if status == 429 else {"message": REASONS.get(status, "Error")})
    elif fault.body != "error":
        error = _html(error.status) if fault.body == "html" else SimulatedAnswer(error.status)
    return replace(error, headers=_retry_headers(fault))


def spoil(fault: Fault, answer: SimulatedAnswer, rows: str) -> SimulatedAnswer:
    """What `html`, `set`, `empty` and `lose-row` make of an answer; the last two only of a list, under `rows`."""
    if fault.kind == "html":
        return _html(200)
    if fault.kind not in ("empty", "lose-row", "set") or answer.content_type != JSON_TYPE:
        return answer
    body = json.loads(answer.payload)
    if fault.kind == "set":
        _set(body, fault.field.split("."), _json_or_text(fault.value))
        return json_answer(answer.status, body)
    if not isinstance(body, dict) or not body.get(rows):
        return answer
    return json_answer(answer.status, body | {rows: [] if fault.kind == "empty" else body[rows][:-1]})


def _set(node: Json, keys: list[str], value: Json) -> None:
    """Set a field, which need not be there, of an object or, for `*`, of each item of a list."""
    key, *more = keys
    places = range(len(node)) if key == "*" and isinstance(node, list) else [key] if isinstance(node, dict) else []
    for place in places:
        if more and not isinstance(node, list):
            node.setdefault(place, {})
        if more:
            _set(node[place], more, value)
        else:
            node[place] = value


def _json_or_text(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _html(status: int) -> SimulatedAnswer:
    return SimulatedAnswer(status, b"<!DOCTYPE html><html><body>Sign in</body></html>", "text/html; charset=utf-8")


def _retry_headers(fault: Fault) -> tuple[tuple[str, str], ...]:
    if fault.retry_after is None:
        return ()
    if fault.retry_ms:
        return (("Retry-After-Ms", str(1000 * fault.retry_after)),)
    value = str(fault.retry_after)
    if fault.retry_date:
        value = email.utils.formatdate(time.time() + fault.retry_after, usegmt=True)
    return (("Retry-After", value),)
