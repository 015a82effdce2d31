"""What API and page share: reading a request within bounds, threads for its work, and errors as answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeVar

import anyio.to_thread
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json
from starlette.requests import ClientDisconnect, Request

from portalctl.controller.api.endpoint import RequestError, Services
from portalctl.controller.database_errors import ConflictError, StoreError
from portalctl.errors import PortalctlError
from portalctl.json_file import problems

BODY_SECONDS: Final = 10.0
BODY_BYTES_PER_SECOND: Final = 1024 * 1024  # that a large body has to come with
THREADS: Final = 16
SLOW_THREADS: Final = 16  # for endpoints that wait for a portal, so that they never keep the others waiting
_WORDS: Final = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    408: "slow",
    409: "conflict",
    413: "too_large",
    429: "limited",
}
T = TypeVar("T")


class Threads:
    """Threads for everything that may wait, of a bounded number. `slow`: it waits for a portal."""

    def __init__(self) -> None:
        self._quick = anyio.CapacityLimiter(THREADS)
        self._slow = anyio.CapacityLimiter(SLOW_THREADS)

    async def run(self, call: Callable[..., T], *arguments: object, slow: bool = False) -> T:
        """Return what `call` returns."""
        limiter = self._slow if slow else self._quick
        return await anyio.to_thread.run_sync(call, *arguments, limiter=limiter, abandon_on_cancel=True)


def carried_out(services: Services, kind: str, call: Callable[[], T]) -> T:
    """Return what `call` returns. Raises RequestError for an error that a database or a portal causes."""
    try:
        return call()
    except ConflictError as error:
        raise RequestError(409, error.message) from None
    except StoreError as error:
        services.log.error("database", error=error.message)
        raise RequestError(503, "the database cannot be used now", Retry_After="30") from None
    except PortalctlError as error:
        services.log.warning("api", endpoint=kind, error=error.message)
        raise RequestError(503, "the portal cannot be read now", Retry_After="30") from None


def peer_of(http: Request) -> str | None:
    """Return the address of the socket's peer. Forwarded headers are ignored."""
    return http.client.host if http.client is not None else None


def headers_of(http: Request) -> Mapping[str, Sequence[str]]:
    """Return the values of the headers by lower-case name."""
    found: dict[str, list[str]] = {}
    for name, value in http.headers.items():
        found.setdefault(name, []).append(value)
    return found


async def body_of(http: Request, most: int) -> bytes:
    """Return the body. Raises RequestError for one that is too large, before it is read, or too slow."""
    seconds = BODY_SECONDS + most / BODY_BYTES_PER_SECOND
    too_large = RequestError(413, f"at most {most // 1024} KiB are read")
    length = http.headers.get("content-length", "0")
    if len(length) > 18 or int(length) > most:  # the HTTP parser lets digits through only
        raise too_large
    content = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in http.stream():
                content += chunk
                if len(content) > most:
                    raise too_large
    except TimeoutError:
        raise RequestError(408, f"the body took more than {seconds:.0f} s") from None
    except ClientDisconnect:
        raise RequestError(400, "the body ends too early") from None
    return bytes(content)


def parsed(model: Any, content: bytes) -> Any:  # noqa: ANN401 (the endpoint's class)
    """Return the value of a JSON body. Raises RequestError, which names keys and types, never values."""
    if model is bytes:
        return content
    content = content if content.strip() else b"{}"
    try:
        data = from_json(content, allow_inf_nan=False)  # bounds depth and the length of numbers
    except ValueError:
        raise RequestError(400, "the body is not JSON, or nested too deeply") from None
    if not isinstance(data, dict):
        raise RequestError(400, "the body is not a JSON object")
    try:
        return _adapter(model).validate_json(content, strict=True)
    except ValidationError as error:
        found = problems(error, data)[:5]
        raise RequestError(400, "; ".join(f"{path.removeprefix('.')}: {text}" for path, text in found)) from None


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:  # noqa: ANN401
    return TypeAdapter(model)


def result_word(status: int) -> str:
    """Return the word a status is counted under."""
    if status < 400:
        return "ok"
    return _WORDS.get(status, "failed" if status >= 500 else "invalid")
