"""Checks of everything that a run needs from a portal, by GET only: a failure is a result."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from portalctl.errors import UNTOLD, AnswerError, PortalError
from portalctl.http import Client
from portalctl.portals.clock import clock_check
from portalctl.portals.ping_result import Check, Result
from portalctl.portals.unexpected_errors import as_portal_error

WRITING = "apply has to write; the token's permission to write cannot be checked without writing"
T = TypeVar("T")


class Examination:
    """The checks of one service, in the order they are made. `now` gives this machine's time as RFC 3339."""

    def __init__(self, client: Client, now: Callable[[], str]) -> None:
        self.checks: list[Check] = []
        self._client = client
        self._now = now

    def begin(self, path: str, code: str = "server") -> bool:
        """Check that the server is reachable and accepts the token; return whether to go on."""
        server = self._client.server
        try:
            with as_portal_error(f"GET {path}"):
                answer = self._client.request("GET", path)
        except PortalError as error:
            self._failed(code, error)
            return False
        if answer.status >= 500 or 300 <= answer.status < 400:
            self._failed(code, self._client.explain(answer))
            return False
        if answer.is_page and answer.status != 401:
            self._failed(code, self._client.not_json(answer))
            return False
        self.checks.append(Check(code, "ok", f"{server.url} answers (from {server.url_source})"))
        self.checks.append(clock_check(answer.date, self._now()))
        if answer.status == 401:
            self._failed("token", self._client.explain(answer))
            return False
        self.checks.append(Check("token", "ok", f"token accepted ({server.token_source})"))
        return True

    def look(self, code: str, message: str, read: Callable[[], T], *, without: str | None = None) -> T | None:
        """Return the result of a read; None where it failed.

        `without`: the effect on a plan where the token has no permission for this, or the portal does not have it.
        That is a warning then."""
        try:
            with as_portal_error(f"{code}:"):
                found = read()
        except PortalError as error:
            if without is not None and isinstance(error, AnswerError) and error.status in UNTOLD:
                self.note(code, "warning", error.message, without)
            else:
                self._failed(code, error)
            return None
        self.checks.append(Check(code, "ok", message))
        return found

    def note(self, code: str, result: Result, message: str, remedy: str | None = None) -> None:
        self.checks.append(Check(code, result, message, remedy))

    def _failed(self, code: str, error: PortalError) -> None:
        server = self._client.server
        advice = error.advice or (f"Check that {server.url} (from {server.url_source}) is the API's address.",)
        self.checks.append(Check(code, "failed", error.message, "; ".join(advice)))
