"""The ASGI application of the API: bounds, credentials and roles around the endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any, Final, TypeVar

import anyio.to_thread
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from portalctl.controller.access import Caller
from portalctl.controller.api import history, operations, plans, portals, registrations
from portalctl.controller.api.bounds import Bounds
from portalctl.controller.api.endpoint import (
    ApiReply,
    ApiRequest,
    Endpoint,
    RequestError,
    Services,
    problem,
)
from portalctl.controller.api.openapi import document
from portalctl.controller.api.signatures import message_id
from portalctl.controller.database_errors import ConflictError, StoreError
from portalctl.controller.rate_limit import RateLimit
from portalctl.controller.webhooks import check_secrets
from portalctl.errors import PortalctlError
from portalctl.json_file import problems

BODY_SECONDS: Final = 10.0
BODY_BYTES_PER_SECOND: Final = 1024 * 1024  # that a large body has to come with
FAILURES_PER_MINUTE: Final = 60  # wrong credentials of one address; more are answered with 429
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


def create_app(services: Services) -> Starlette:
    """Return the application with all endpoints."""
    server = _Endpoints(services)
    own = Endpoint(
        "GET",
        "/openapi.json",
        "openapi",
        "Describe this API",
        lambda _services, _request: openapi,
        {200: ("The OpenAPI document.", None)},
        credential="none",
    )
    fixed = (operations.ENDPOINTS, portals.ENDPOINTS, plans.ENDPOINTS, history.ENDPOINTS, registrations.endpoints())
    endpoints = (own, *(one for part in fixed for one in part))
    openapi = ApiReply(200, to_json(document(endpoints)).decode())
    routes = [Route(one.path, partial(server.serve, one), methods=[one.method]) for one in endpoints]
    app = Starlette(routes=routes, exception_handlers={HTTPException: server.unrouted})
    app.router.redirect_slashes = False
    app.add_middleware(Bounds, log=services.log)
    return app


class _Endpoints:
    """Serves requests to endpoints. Everything that may wait happens in threads, of a bounded number."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._failures = RateLimit(FAILURES_PER_MINUTE, 60)
        self._reports = RateLimit(1, 60)
        self._quick = anyio.CapacityLimiter(THREADS)
        self._slow = anyio.CapacityLimiter(SLOW_THREADS)

    async def serve(self, endpoint: Endpoint, http: HttpRequest) -> Response:
        """Return the answer to a request to an endpoint."""
        try:
            reply = await self._answer(endpoint, http)
        except RequestError as error:
            reply = error.reply
        self._services.count(endpoint.kind, reply.result or _word(reply.status))
        return _response(reply)

    async def unrouted(self, http: HttpRequest, error: Exception) -> Response:
        """Answer a request to no endpoint, or with another method."""
        del http
        assert isinstance(error, HTTPException)  # noqa: S101 (registered for these only)
        self._services.count("other", _word(error.status_code))
        return _response(problem(error.status_code, **dict(error.headers or {})))

    async def _answer(self, endpoint: Endpoint, http: HttpRequest) -> ApiReply:
        """Raises RequestError."""
        headers = _headers(http)
        request = ApiRequest(http.path_params, dict(http.query_params), headers)
        match endpoint.credential:
            case "none":
                pass
            case "token":
                request = await self._with_token(endpoint, http, request)
            case _:
                request = await self._signed(endpoint, http, request)
        reply: ApiReply = await self._thread(self._handled, endpoint, request, slow=endpoint.slow)
        return reply

    async def _with_token(self, endpoint: Endpoint, http: HttpRequest, request: ApiRequest) -> ApiRequest:
        """Return the request with its sender and its body. The body is read once the sender may use the endpoint."""
        access, peer, headers = self._services.access, _peer(http), request.headers
        if not access.may_be_named(headers.get("host", ())):
            raise RequestError(421, "this controller does not have the host name of the request")
        caller = await self._thread(access.caller, peer, headers) if access.may_connect(peer) else None
        if caller is None:
            raise self._unauthorized(http, WWW_Authenticate="Bearer")
        self._check_role(endpoint, caller)
        if endpoint.method != "GET" and not access.same_origin(caller, headers, headers.get("host", ())):
            raise RequestError(403, "the request comes from a page of another site")
        body = _parsed(endpoint.body, await _body(http, endpoint)) if endpoint.body is not None else None
        return ApiRequest(request.params, request.query, headers, caller, "", body)

    async def _signed(self, endpoint: Endpoint, http: HttpRequest, request: ApiRequest) -> ApiRequest:
        """Return the request with its id and its body, once its signature is valid."""
        content = await _body(http, endpoint)
        if not self._services.access.may_connect(_peer(http)):
            raise self._unauthorized(http)
        name = request.params.get("name", "")
        found = await self._thread(message_id, self._services, endpoint, name, request.headers, content)
        if found is None:
            await self._thread(self._report_secrets)
            raise self._unauthorized(http)
        body = _parsed(endpoint.body, content) if endpoint.body is not None else None
        return ApiRequest(request.params, request.query, request.headers, None, found, body)

    def _report_secrets(self) -> None:
        """Log, at most once a minute, that a secret cannot be used: it may be why a signature is not valid."""
        if self._reports.wait("secrets"):
            return
        try:
            check_secrets(self._services.env)
        except PortalctlError as error:
            self._services.log.warning("secrets", error=error.message)

    def _check_role(self, endpoint: Endpoint, caller: Caller) -> None:
        if caller.role not in endpoint.roles:
            raise RequestError(403, f"needs the role {' or '.join(sorted(endpoint.roles))}")

    def _unauthorized(self, http: HttpRequest, **headers: str) -> RequestError:
        """Count a wrong credential. One answer for all faults, and another one only for too many of them."""
        wait = self._failures.wait(_peer(http))
        if wait:
            return RequestError(429, "too many wrong credentials", Retry_After=f"{wait + 1:.0f}")
        return RequestError(401, "the credential is missing or not valid", **headers)

    async def _thread(self, call: Any, *arguments: object, slow: bool = False) -> Any:  # noqa: ANN401
        limiter = self._slow if slow else self._quick
        return await anyio.to_thread.run_sync(call, *arguments, limiter=limiter, abandon_on_cancel=True)

    def _handled(self, endpoint: Endpoint, request: ApiRequest) -> ApiReply:
        """Return the answer of the endpoint, also to an error that a database or a portal causes."""
        try:
            return endpoint.handler(self._services, request)
        except RequestError as error:
            return error.reply
        except ConflictError as error:
            return problem(409, error.message)
        except StoreError as error:
            self._services.log.error("database", error=error.message)
            return problem(503, "the database cannot be used now", Retry_After="30")
        except PortalctlError as error:
            self._services.log.warning("api", endpoint=endpoint.kind, error=error.message)
            return problem(503, "the portal cannot be read now", Retry_After="30")


def _peer(http: HttpRequest) -> str | None:
    """Return the address of the socket's peer. Forwarded headers are ignored."""
    return http.client.host if http.client is not None else None


def _headers(http: HttpRequest) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for name, value in http.headers.items():
        found.setdefault(name, []).append(value)
    return found


async def _body(http: HttpRequest, endpoint: Endpoint) -> bytes:
    """Return the body. Raises RequestError for one that is too large, before it is read, or too slow."""
    most, seconds = endpoint.max_body, BODY_SECONDS + endpoint.max_body / BODY_BYTES_PER_SECOND
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


def _parsed(model: Any, content: bytes) -> Any:  # noqa: ANN401 (the endpoint's class)
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


def _word(status: int) -> str:
    """Return the word a status is counted under."""
    if status < 400:
        return "ok"
    return _WORDS.get(status, "failed" if status >= 500 else "invalid")


def _response(reply: ApiReply) -> Response:
    text = reply.body if isinstance(reply.body, str) else to_json(reply.body)
    return Response(text, reply.status, dict(reply.headers), reply.media_type)


__all__ = ["create_app"]
