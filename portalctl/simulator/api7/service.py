"""Which operation a request means, who may call it, and what is checked before it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from http import HTTPStatus

from portalctl.simulator.api7.call import Call, Operation
from portalctl.simulator.api7.database import Database
from portalctl.simulator.api7.dialect import ServiceDialect
from portalctl.simulator.api7.errors import ApiError, not_found
from portalctl.simulator.api7.records import SimulatedPortal
from portalctl.simulator.message import REASONS, Request, SimulatedAnswer
from portalctl.simulator.router import Router

# The portal that a request's credential belongs to, None where it is for all. Raises ApiError 401.
Authorize = Callable[[Request], SimulatedPortal | None]


class Api7Service:
    """One of the two services. `open_paths` need no credential."""

    rows = "list"

    def __init__(
        self,
        name: str,
        db: Database,
        dialect: ServiceDialect,
        *,
        routes: Iterable[tuple[str, str, Operation]],
        authorize: Authorize,
        open_paths: Iterable[str] = (),
    ) -> None:
        self.name = name
        self._db = db
        self._dialect = dialect
        self._router = Router(routes)
        self._authorize = authorize
        self._open_paths = frozenset(open_paths)

    def answer(self, request: Request) -> SimulatedAnswer:
        try:
            with self._db.lock:
                return self._operate(request)
        except ApiError as error:
            answer = self._dialect.error(error.status, error.text)
            return self._router.allowing(request, answer) if error.status == 405 else answer

    def error(self, request: Request, status: int) -> SimulatedAnswer:  # noqa: ARG002  # API7 shows no mark of the request
        return self._dialect.error(status, REASONS.get(status, "Error").lower())

    def headers(self, request: Request) -> tuple[tuple[str, str], ...]:  # noqa: ARG002
        return ()

    def misrouted(self, request: Request) -> Request:
        asked = dict(request.query).get("portal_id")
        with self._db.lock:
            other = next(
                (portal.id for portal in self._db.truth.all(SimulatedPortal) if asked not in (None, portal.id)), None
            )
        if other is None:
            return request
        return replace(request, target=request.target.replace(f"portal_id={asked}", f"portal_id={other}", 1))

    def _operate(self, request: Request) -> SimulatedAnswer:
        portal = None if request.path in self._open_paths else self._authorize(request)
        operations, ids = self._router.find(request.segments)
        if not operations:
            raise not_found("path")
        operation = operations.get(request.method)
        if operation is None:
            raise ApiError(HTTPStatus.METHOD_NOT_ALLOWED, "method not allowed")
        seen = self._db.seen() if request.method == "GET" else self._db.truth
        return operation(Call(request, ids, self._db, seen, self._dialect, portal))
