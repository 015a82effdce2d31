"""The ASGI application of the API: bounds, credentials and roles around the endpoints."""

from __future__ import annotations

from functools import partial
from typing import Final

from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
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
from portalctl.controller.api.transport import (
    Threads,
    body_of,
    carried_out,
    headers_of,
    parsed,
    peer_of,
    result_word,
)
from portalctl.controller.page.serving import Pages, wants_page
from portalctl.controller.rate_limit import RateLimit
from portalctl.controller.webhooks import check_secrets
from portalctl.errors import PortalctlError

FAILURES_PER_MINUTE: Final = 60  # wrong credentials of one address; more are answered with 429


def create_app(services: Services) -> Starlette:
    """Return the application with all endpoints, and the pages."""
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
    routes += server.pages.routes
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
        self._threads = Threads()
        self.pages = Pages(services, self._failures, self._threads)

    async def serve(self, endpoint: Endpoint, http: HttpRequest) -> Response:
        """Return the answer to a request to an endpoint."""
        try:
            reply = await self._answer(endpoint, http)
        except RequestError as error:
            reply = error.reply
        self._services.count(endpoint.kind, reply.result or result_word(reply.status))
        return _response(reply)

    async def unrouted(self, http: HttpRequest, error: Exception) -> Response:
        """Answer a request to no endpoint, or with another method."""
        assert isinstance(error, HTTPException)  # noqa: S101 (registered for these only)
        if wants_page(http.headers):
            return self.pages.missing(error.status_code, dict(error.headers or {}))
        self._services.count("other", result_word(error.status_code))
        return _response(problem(error.status_code, **dict(error.headers or {})))

    async def _answer(self, endpoint: Endpoint, http: HttpRequest) -> ApiReply:
        """Raises RequestError."""
        headers = headers_of(http)
        request = ApiRequest(http.path_params, dict(http.query_params), headers)
        match endpoint.credential:
            case "none":
                pass
            case "token":
                request = await self._with_token(endpoint, http, request)
            case _:
                request = await self._signed(endpoint, http, request)
        return await self._threads.run(self._handled, endpoint, request, slow=endpoint.slow)

    async def _with_token(self, endpoint: Endpoint, http: HttpRequest, request: ApiRequest) -> ApiRequest:
        """Return the request with its sender and its body. The body is read once the sender may use the endpoint."""
        access, peer, headers = self._services.access, peer_of(http), request.headers
        if not access.may_be_named(headers.get("host", ())):
            raise RequestError(421, "this controller does not have the host name of the request")
        caller = await self._threads.run(access.caller, peer, headers) if access.may_connect(peer) else None
        if caller is None:
            raise self._unauthorized(http, WWW_Authenticate="Bearer")
        self._check_role(endpoint, caller)
        if endpoint.method != "GET" and not access.same_origin(caller, headers, headers.get("host", ())):
            raise RequestError(403, "the request comes from a page of another site")
        body = parsed(endpoint.body, await body_of(http, endpoint.max_body)) if endpoint.body is not None else None
        return ApiRequest(request.params, request.query, headers, caller, "", body)

    async def _signed(self, endpoint: Endpoint, http: HttpRequest, request: ApiRequest) -> ApiRequest:
        """Return the request with its id and its body, once its signature is valid."""
        content = await body_of(http, endpoint.max_body)
        if not self._services.access.may_connect(peer_of(http)):
            raise self._unauthorized(http)
        name = request.params.get("name", "")
        found = await self._threads.run(message_id, self._services, endpoint, name, request.headers, content)
        if found is None:
            await self._threads.run(self._report_secrets)
            raise self._unauthorized(http)
        body = parsed(endpoint.body, content) if endpoint.body is not None else None
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
        wait = self._failures.wait(peer_of(http))
        if wait:
            return RequestError(429, "too many wrong credentials", Retry_After=f"{wait + 1:.0f}")
        return RequestError(401, "the credential is missing or not valid", **headers)

    def _handled(self, endpoint: Endpoint, request: ApiRequest) -> ApiReply:
        """Return the answer of the endpoint. Raises RequestError."""
        return carried_out(self._services, endpoint.kind, lambda: endpoint.handler(self._services, request))


def _response(reply: ApiReply) -> Response:
    text = reply.body if isinstance(reply.body, str) else to_json(reply.body)
    return Response(text, reply.status, dict(reply.headers), reply.media_type)


__all__ = ["create_app"]
