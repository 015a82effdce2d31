"""What an endpoint of the API is: its path, who may use it, what it takes and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from portalctl.controller.access import Access, Caller
from portalctl.controller.api.bodies import Problem
from portalctl.controller.hub import Hub
from portalctl.controller.models import PortalView, Role
from portalctl.output.masks import Mask

if TYPE_CHECKING:
    from portalctl.controller.store import Store

Credential = Literal["none", "token", "event", "registration", "github", "gitlab"]
MAX_BODY: Final = 64 * 1024
PROBLEM: Final = "application/problem+json"


class Logger(Protocol):
    """Where the API reports what an operator has to know."""

    def warning(self, event: str, **facts: object) -> None: ...

    def error(self, event: str, **facts: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Services:
    """What the endpoints work with.

    `mask` returns what hides addresses, for one request. `metrics` returns the text of `/metrics`. `count` counts a
    request by its kind and result.
    """

    hub: Hub
    store: Store
    access: Access
    env: Mapping[str, str]
    mask: Callable[[], Mask]
    clock: Callable[[], datetime]
    metrics: Callable[[], str]
    count: Callable[[str, str], None]
    log: Logger


@dataclass(frozen=True, slots=True)
class ApiReply:
    """An answer. `body`: a dataclass, or text. `result`: the word it is counted under; None: that of its status."""

    status: int
    body: object
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    result: str | None = None


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request with a valid credential. `message_id`: that of a signed one. `body`: of the endpoint's class."""

    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, Sequence[str]]
    caller: Caller | None = None
    message_id: str = ""
    body: Any = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation of the API.

    `answers`: what each status means, and the class of its body; None: a problem. `roles`: who may use it, with the
    credential `token`. `body`: the class of the request's body; `bytes`: it is not parsed here; None: it is not read.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    kind: str
    summary: str
    handler: Callable[[Services, ApiRequest], ApiReply]
    answers: Mapping[int, tuple[str, Any]]
    credential: Credential = "token"
    roles: frozenset[Role] = frozenset()
    body: Any = None
    max_body: int = MAX_BODY
    slow: bool = False  # waits for a portal


class RequestError(Exception):
    """A request that is not carried out."""

    def __init__(self, status: int, detail: str = "", **headers: str) -> None:
        super().__init__(detail)
        self.reply = problem(status, detail, **headers)


def problem(status: int, detail: str = "", **headers: str) -> ApiReply:
    """Return the answer to a request that is not carried out. `detail` never repeats what the sender sent."""
    return ApiReply(
        status,
        Problem(status, HTTPStatus(status).phrase, detail),
        PROBLEM,
        {name.replace("_", "-"): value for name, value in headers.items()},
    )


def portal_of(services: Services, request: ApiRequest) -> PortalView:
    """Return the portal that the path names. Raises RequestError where the manifest has none of this name."""
    view = services.hub.portal(request.params["name"])
    if view is None and services.hub.not_ready:
        raise RequestError(503, "the controller is not ready", Retry_After="10")
    if view is None:
        raise RequestError(404, "the manifest has no such portal")
    return view


def name_of(request: ApiRequest) -> str:
    """Return the name of the sender of a request that needs a token."""
    assert request.caller is not None and request.caller.name is not None  # noqa: PT018, S101 (roles need a token)
    return request.caller.name
