"""Serves the pages: who asks, what they may see, forms of our own pages only, and errors as pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Final, Literal
from urllib.parse import parse_qsl

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from portalctl.controller.access import APPROVERS, OPERATORS, READERS, Caller
from portalctl.controller.api.bodies import Problem
from portalctl.controller.api.endpoint import ApiRequest, RequestError, Services
from portalctl.controller.api.transport import (
    Threads,
    body_of,
    carried_out,
    headers_of,
    peer_of,
    result_word,
)
from portalctl.controller.models import Role
from portalctl.controller.page import forms, sessions
from portalctl.controller.page.developer import developer
from portalctl.controller.page.directories import directories
from portalctl.controller.page.frame import HEADERS, Asset, Shown, assets, framed
from portalctl.controller.page.guides import guide, guides
from portalctl.controller.page.overview import overview
from portalctl.controller.page.plan import plan
from portalctl.controller.page.portal import portal
from portalctl.controller.page.run import run
from portalctl.controller.rate_limit import RateLimit

MAX_FORM: Final = 64 * 1024
MAX_FIELDS: Final = 20
FORM_TYPE: Final = "application/x-www-form-urlencoded"
KIND: Final = "page"  # under which requests are counted
FOR_A_YEAR: Final = "public, max-age=31536000, immutable"
_TITLES: Final = {
    403: "Not allowed",
    404: "Not found",
    409: "This cannot be done any more",
    413: "Too large",
    429: "Too many attempts",
    503: "Not available now",
}
_DETAILS: Final = {404: "There is no such page."}


@dataclass(frozen=True, slots=True)
class WebPage:
    """A page, or the target of a form. `slow`: it waits for a portal."""

    method: Literal["GET", "POST"]
    path: str
    handler: Callable[[Services, ApiRequest], Shown]
    roles: frozenset[Role] = READERS
    slow: bool = False


PAGES: Final = (
    WebPage("GET", "/", overview),
    WebPage("GET", "/portals/{name}", portal),
    WebPage("GET", "/portals/{name}/developers/{address:path}", developer, slow=True),
    WebPage("GET", "/plans/{digest}", plan),
    WebPage("GET", "/runs/{id:path}", run),
    WebPage("GET", "/directories", directories),
    WebPage("GET", "/docs", guides),
    WebPage("GET", "/docs/{topic}", guide),
    WebPage("POST", "/plans/{digest}/approve", forms.approve, APPROVERS),
    WebPage("POST", "/plans/{digest}/reject", forms.reject, APPROVERS),
    WebPage("POST", "/portals/{name}/suspend", forms.suspend, OPERATORS),
    WebPage("POST", "/portals/{name}/resume", forms.resume, OPERATORS),
    WebPage("POST", "/portals/{name}/reconcile", forms.reconcile, OPERATORS),
)


class Pages:
    """Serves requests to pages in the threads of the API. `failures` counts wrong tokens, also those sent there."""

    def __init__(self, services: Services, failures: RateLimit, threads: Threads) -> None:
        self._services = services
        self._failures = failures
        self._threads = threads

    @property
    def routes(self) -> list[Route]:
        """Return the routes of all pages, of signing in and out, and of the style and script."""
        fixed = [
            Route("/login", self._login, methods=["GET", "POST"]),
            Route("/logout", self._logout, methods=["POST"]),
            *(Route(asset.path, partial(_file, asset), methods=["GET"]) for asset in assets().values()),
        ]
        return fixed + [Route(page.path, partial(self._serve, page), methods=[page.method]) for page in PAGES]

    def missing(self, status: int, headers: Mapping[str, str]) -> Response:
        """Return the answer to a request to no page, or with another method."""
        found = self._message(Problem(status, HTTPStatus(status).phrase), None)
        return self._response(Shown(found.html, status, headers))

    async def _serve(self, page: WebPage, http: HttpRequest) -> Response:
        caller = None
        try:
            caller = await self._caller(http)
            if caller is None:
                return self._response(self._sign_in(http))
            request = await self._request(page, http, caller)
            call = partial(carried_out, self._services, KIND, partial(page.handler, self._services, request))
            found: Shown = await self._threads.run(call, slow=page.slow)
        except RequestError as error:
            found = self._failed(error, caller)
        return self._response(found)

    async def _caller(self, http: HttpRequest) -> Caller | None:
        """Return the user; None: they are not signed in. Raises RequestError."""
        access, headers, peer = self._services.access, headers_of(http), peer_of(http)
        if not access.may_be_named(headers.get("host", ())):
            raise RequestError(421, "this controller does not have the host name of the request")
        if not access.may_connect(peer):
            return None
        found = await self._threads.run(access.caller, peer, headers)
        if found is not None or "authorization" in headers:
            return found
        call = partial(sessions.caller_of, self._services, self._cookie(http))
        return await self._threads.run(partial(carried_out, self._services, KIND, call))

    def _cookie(self, http: HttpRequest) -> str | None:
        return http.cookies.get(sessions.cookie_name(self._services))

    async def _request(self, page: WebPage, http: HttpRequest, caller: Caller) -> ApiRequest:
        """Return the request with the fields of its form. Raises RequestError."""
        if caller.role not in page.roles:
            raise RequestError(403, f"This needs the role {' or '.join(sorted(page.roles))}.")
        headers, form = headers_of(http), dict[str, str]()
        if page.method == "POST":
            self._check_origin(http, caller)
            form = await _form(http)
        return ApiRequest(http.path_params, dict(http.query_params), headers, caller, "", form)

    def _check_origin(self, http: HttpRequest, caller: Caller | None) -> None:
        """Raise RequestError for a form of another site."""
        headers = headers_of(http)
        if not self._services.access.same_origin(caller, headers, headers.get("host", ())):
            raise RequestError(
                403, "The form comes from a page of another site, or this page is open under another address."
            )

    def _sign_in(self, http: HttpRequest) -> Shown:
        """Return the answer to a request without a session: the form for a token."""
        path = http.url.path if http.method == "GET" else "/"
        again = http.method == "GET" and http.headers.get("sec-fetch-site") in {"cross-site", "same-site"}
        found = sessions.login_page(self._services, None, status=401, path=path, again=again)
        return Shown(found.html, found.status, {"WWW-Authenticate": "Bearer"})

    async def _login(self, http: HttpRequest) -> Response:
        caller, path = None, http.query_params.get("next")
        try:
            caller = await self._caller(http)
            if http.method != "POST":
                return self._response(sessions.login_page(self._services, caller, path=path or "/"))
            self._check_origin(http, None)
            if not self._services.access.may_connect(peer_of(http)):
                raise RequestError(403, "Tokens are taken from the trusted proxy only.")
            form = await _form(http)
            call = partial(sessions.log_in, self._services, form)
            found = await self._threads.run(partial(carried_out, self._services, KIND, call))
            if found is None:
                wait = self._failures.wait(peer_of(http))
                if wait:
                    raise RequestError(429, "Too many wrong tokens; wait a minute.", Retry_After=f"{wait + 1:.0f}")
                detail, target = "The token is not valid.", form.get("next", "/")
                found = sessions.login_page(self._services, None, status=401, path=target, detail=detail)
        except RequestError as error:
            found = self._failed(error, caller)
        return self._response(found)

    async def _logout(self, http: HttpRequest) -> Response:
        try:
            self._check_origin(http, None)
            call = partial(sessions.log_out, self._services, self._cookie(http))
            found = await self._threads.run(partial(carried_out, self._services, KIND, call))
        except RequestError as error:
            found = self._failed(error, None)
        return self._response(found)

    def _failed(self, error: RequestError, caller: Caller | None) -> Shown:
        """Return the page about a request that is not carried out."""
        reply = error.reply
        assert isinstance(reply.body, Problem)  # noqa: S101 (made by `problem`)
        found = self._message(reply.body, caller)
        return Shown(found.html, found.status, reply.headers)

    def _message(self, problem: Problem, caller: Caller | None) -> Shown:
        title = _TITLES.get(problem.status, problem.title)
        detail = problem.detail or _DETAILS.get(problem.status, problem.title)
        detail = f"{detail[:1].upper()}{detail[1:].rstrip('.')}."
        values = {"title": title, "status": problem.status, "detail": detail}
        return Shown(framed("message.html", caller, self._services.clock(), **values), problem.status)

    def _response(self, found: Shown) -> Response:
        self._services.count(KIND, result_word(found.status))
        return Response(found.html, found.status, HEADERS | dict(found.headers), "text/html")


def wants_page(headers: Mapping[str, str]) -> bool:
    """Return whether the sender of a request is a browser that shows its answer."""
    return "text/html" in headers.get("accept", "")


async def _form(http: HttpRequest) -> dict[str, str]:
    """Return the fields of a form. Raises RequestError."""
    if http.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        raise RequestError(415, f"expected a form ({FORM_TYPE})")
    content = await body_of(http, MAX_FORM)
    try:
        return dict(parse_qsl(content.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"))
    except ValueError:
        raise RequestError(400, "the form cannot be read") from None


async def _file(asset: Asset, http: HttpRequest) -> Response:
    del http
    return Response(asset.content, headers={"Cache-Control": FOR_A_YEAR}, media_type=asset.media_type)
