"""Looking at what a run would need of a portal, one thing after the other, by GET only: what fails is a result."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar

from portalctl.errors import UNTOLD, AnswerError, PortalError
from portalctl.http import Answer, Client
from portalctl.portals.ping_result import Check, Result
from portalctl.portals.unexpected_errors import as_portal_error

MOST_SKEW = timedelta(minutes=1)
WRITING = "apply has to write; whether the token may cannot be known without writing"
T = TypeVar("T")


class Examination:
    """The checks of one service, in the order they are made. `now` gives this machine's time as RFC 3339."""

    def __init__(self, client: Client, now: Callable[[], str]) -> None:
        self.checks: list[Check] = []
        self._client = client
        self._now = now

    def begin(self, path: str, code: str = "server") -> bool:
        """Whether the server is there and takes the token; what follows makes sense only then."""
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
        self.checks.append(_clock(answer, self._now()))
        if answer.status == 401:
            self._failed("token", self._client.explain(answer))
            return False
        self.checks.append(Check("token", "ok", f"the token from {server.token_source} is taken"))
        return True

    def look(self, code: str, message: str, read: Callable[[], T], *, without: str | None = None) -> T | None:
        """What was read; None where that failed.

        `without`: what becomes of a plan where the token has no right to this, or the portal has it not. That is no
        failure then.
        """
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
        advice = error.advice or (f"is {server.url} (from {server.url_source}) the API's address?",)
        self.checks.append(Check(code, "failed", error.message, "; ".join(advice)))


def _clock(answer: Answer, now: str) -> Check:
    """Expiry and the validity of plans go by this machine's clock."""
    told = _moment(answer.date)
    if told is None:
        return Check(
            "clock", "unknown", "the server does not tell its time", "see that this machine's clock is right"
        )
    skew = datetime.fromisoformat(now) - told
    if abs(skew) <= MOST_SKEW:
        return Check("clock", "ok", "this machine's clock agrees with the server's")
    how = "ahead of" if skew > timedelta(0) else "behind"
    return Check(
        "clock",
        "warning",
        f"this machine's clock is {abs(skew).total_seconds():,.0f} s {how} the server's",
        "set the clock, by NTP for example: `expires` and the validity of plans go by it",
    )


def _moment(date: str | None) -> datetime | None:
    """The time in a Date header (RFC 9110, 5.6.7)."""
    try:
        told = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return told if told.tzinfo is not None else told.replace(tzinfo=UTC)
