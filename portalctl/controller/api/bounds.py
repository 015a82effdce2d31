"""The outermost layer of the API: bounds of a request's head and of its time, and headers of every answer."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portalctl.controller.api.endpoint import PROBLEM, Logger

MAX_HEADER_BYTES: Final = 16 * 1024
MAX_HEADERS: Final = 100
MAX_TARGET: Final = 8 * 1024
REQUEST_SECONDS: Final = 120.0  # a registration waits 60 s for the portal
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_BODY: Final = b'{"status":%d,"title":"%s","detail":""}'


class Bounds:
    """Refuses what is too large before anything reads it, and ends what takes too long."""

    def __init__(self, app: ASGIApp, log: Logger) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as ASGI has it."""
        exchange = _Exchange(scope, receive, send)
        status = _fault(scope)
        try:
            if status is None:
                async with asyncio.timeout(REQUEST_SECONDS):
                    await self._app(scope, exchange.receive, exchange.send)
                return
        except TimeoutError:
            status = 503
        except Exception as error:  # a mistake of ours ends one request, and is reported without what was sent
            self._log.error("api", error=f"{type(error).__name__} in {_place(error)}")
            status = 500
        if not exchange.answered:
            body = _BODY % (status, HTTPStatus(status).phrase.encode())
            await Response(body, status, {"Connection": "close"}, PROBLEM)(scope, receive, exchange.send)


class _Exchange:
    """One request and its answer. A connection ends with an answer before which the body was not read completely:
    else the rest would be read and dropped without end."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.answered = False
        self._unread = _has_body(scope)
        self._encrypted = scope["scheme"] == "https"
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        message = await self._receive()
        self._unread = self._unread and message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.answered = True
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if self._encrypted:
                headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            if self._unread:
                headers["Connection"] = "close"
        await self._send(message)


def _has_body(scope: Scope) -> bool:
    names = {name for name, value in scope["headers"] if value != b"0"}
    return b"content-length" in names or b"transfer-encoding" in names


def _fault(scope: Scope) -> int | None:
    """Return the status for a request with a head that is too large."""
    if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_TARGET:
        return 414
    headers = scope["headers"]
    if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
        return 431
    return None


def _place(error: BaseException) -> str:
    """Return where an error was raised, for the log."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"
