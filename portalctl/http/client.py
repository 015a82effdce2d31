"""Requests to one server: authentication, retries, pauses, limits and redaction.

One small synchronous transport per request in flight, all sharing one TLS context: measured faster than one shared
asynchronous client. The transport used last is used next, so that few connections are opened. The additions of
httpx's own client (cookies, redirects, credentials from ~/.netrc) are not used: a token goes to the named server
only."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote, urlencode, urlsplit

import httpcore
import httpx

from portalctl.cancellation import INTERRUPTED, Stop
from portalctl.errors import AnswerError, BoundError, NoAnswerError
from portalctl.events import Observer, Retrying, Waiting, Warned, ignore
from portalctl.http.answer import Answer, explain_error
from portalctl.http.bounds import BodyError, BodyReader, RequestLimits
from portalctl.http.failures import Failures, is_refusal, is_slow
from portalctl.http.redaction import Redactor, inert
from portalctl.http.retry import SAFE_METHODS, Attempt, RetryPolicy, Waited, asked_pause, reset_pause
from portalctl.http.server import READ_ONLY, Server
from portalctl.http.throttle import NAP, LargePages, Throttle
from portalctl.http.transport import Transport, route_to
from portalctl.version import __version__
from portalctl.words import wait_words

DEFAULT_POLICY: Final = RetryPolicy()
DEFAULT_LIMITS: Final = RequestLimits()
MIN_SECONDS: Final = 0.5  # that must be left for another try
_SPENT: Final = "{peer} allows no more requests until then (ratelimit-remaining)"
_FAILURES: Final = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, httpcore.TimeoutException)


@dataclass(frozen=True, slots=True)
class _Try:
    """One request: its result, and its consequence for another try."""

    result: Answer | NoAnswerError
    outcome: Attempt

    def settle(self) -> Answer:
        """Return the answer. Raises NoAnswerError if there is none."""
        if isinstance(self.result, NoAnswerError):
            raise self.result
        return self.result


class Client:
    """Sends requests to one server from any number of threads. `calls` counts what was sent.

    After `stop`, no write is sent, nothing is repeated and no pause is waited for: each request ends with its last
    result. Raises BadUsageError for a proxy, CA file or key log in the environment that cannot be used."""

    def __init__(
        self,
        server: Server,
        *,
        methods: frozenset[str] = READ_ONLY,
        observer: Observer = ignore,
        policy: RetryPolicy | None = None,
        limits: RequestLimits | None = None,
        advice: Mapping[int, str] | None = None,
        stop: Stop | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self.server = server
        self.calls = 0
        self._methods = methods
        self._observer = observer
        self._policy = policy or DEFAULT_POLICY
        self._limits = limits or DEFAULT_LIMITS
        self._advice = advice or {}
        self._lock = threading.Lock()
        self._opened: list[Transport] = []
        self._idle: list[Transport] = []
        self._throttle = throttle or Throttle()
        self._health = self._throttle.health
        self._stop = stop or Stop()
        self._bodies = BodyReader(self._limits)
        self._route = route_to(
            urlsplit(server.url),
            self._limits,
            self._warn_once,
            ca_file=server.ca_file,
            verify=server.verify,
            ca_source=server.ca_source,
        )
        proxy = self._route.proxy
        self._redact = Redactor([server.token, *server.secrets, proxy.password if proxy else ""])
        where = f"{server.url} (from {server.url_source})"
        self._failures = Failures(where, urlsplit(server.url).hostname or "", proxy, self._redact, server)
        self._origin = _origin(httpx.URL(server.url))
        self._headers = {
            **server.credentials,
            "Accept": "application/json, application/problem+json",
            "Accept-Encoding": "gzip",  # a page of 1,000 rows: 234 kB become 31 kB, for 0.7 ms
            "User-Agent": f"portalctl/{__version__}",
        }

    @property
    def large_pages(self) -> LargePages:
        """The page sizes that the server has served in this run."""
        return self._throttle.large_pages

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is KeyboardInterrupt:
            self._stop.ask()  # for threads in the middle of a pause
        for transport in self._opened:
            transport.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Return the 2xx answer to GET `path`. Raises AnswerError for another status, NoAnswerError for no answer."""
        answer = self.request("GET", path, params=params)
        if not answer.ok:
            raise self.explain(answer)
        return answer

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        precheck: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Send, repeat where that is safe, and return the last answer, whatever its status.

        `body` is sent as JSON, `form` as a web form. `precheck` is called before each try, after all waiting; what
        it raises is raised, and nothing is sent. Raises NoAnswerError for no usable answer, BoundError for one beyond
        the limits. A method that this client does not allow is a bug and is never sent."""
        if method not in self._methods:
            raise AssertionError(f"this client cannot send {method}")
        call = inert(self._redact(f"{method} {path}"))
        url = self._url(call, path, params)
        sent = {**self._headers, **headers} if headers else self._headers
        request = httpx.Request(method, url, json=body, data=form, headers=sent)
        attempt, first_answer = 0, float("inf")
        while True:
            sent_at = self._turn(call, method, precheck)
            tried = self._once(call, request, sent_at)
            attempt, first_answer = attempt + 1, min(first_answer, time.monotonic())
            waited = Waited(time.monotonic() - first_answer, self._throttle.waited)
            pause = self._policy.pause(method, attempt, tried.outcome, waited)
            if pause is None or self._stop.asked or self._time_left() < MIN_SECONDS:
                return tried.settle()
            self._hold(call, pause, tried.outcome)

    def explain(self, answer: Answer) -> AnswerError:
        """Return an error answer with advice: the variable with the token, permissions that may be missing."""
        advice = []
        vendor = self._advice.get(answer.status, "")
        if answer.status in {401, 403}:
            advice.append(f"Token from {self.server.token_source}. {vendor}".strip())
            vendor = ""
        if 300 <= answer.status < 400:
            advice.append(f"Redirects are not followed. Check the address (from {self.server.url_source}).")
        if answer.status in {404, 405}:
            advice.append(f"Check that {self._address} is the address of the API.")
        if answer.status >= 500:
            peer = self.server.peer
            advice.append(f"{peer[:1].upper()}{peer[1:]} failed. Try again later, or contact its operators.")
        if vendor:
            advice.append(vendor)
        return answer.error(*advice)

    def not_json(self, answer: Answer) -> NoAnswerError:
        """Return the error for an answer that should have been JSON and is not."""
        found = "an HTML page instead of JSON" if answer.is_page else "a body that is not the API's JSON"
        return NoAnswerError(
            f"{self.server.peer} returned {answer.status} to {answer.call} with {found}",
            f"Check that {self._address} is the address of the API, and that no proxy or login page answers instead.",
            sent=True,
        )

    @property
    def _address(self) -> str:
        return f"{self.server.url} (from {self.server.url_source})"

    def _turn(self, call: str, method: str, precheck: Callable[[], None]) -> float:
        """Wait until a request may be sent and return the time.

        Raises NoAnswerError, or what `precheck` raises, if it may not.
        """
        self._throttle.wait_for_turn(self._stop)
        try:
            if self._stop.asked and method not in SAFE_METHODS:
                raise NoAnswerError(INTERRUPTED, sent=False)
            self._check_health(call)
            precheck()
        except BaseException:
            self._throttle.landed()
            raise
        return time.monotonic()

    def _check_health(self, call: str) -> None:
        """Stop requests to a server that refused the token twice, or used up the time without complete answers."""
        if self._health.is_refused(self.server.token):
            raise NoAnswerError(
                f"{call} was not sent: {self.server.peer} refused the token from {self.server.token_source} "
                "twice (401)",
                f"Check {self.server.token_source}. Further tries could lock the account.",
                sent=False,
            )
        if self._time_left() <= 0:
            raise NoAnswerError(
                f"{call} was not sent: requests to {self._address} had no complete answer for too long",
                "Run the same command again later.",
                sent=False,
            )

    def _time_left(self) -> float:
        return self._health.seconds_left(self._limits.lost_seconds)

    def _once(self, call: str, request: httpx.Request, sent_at: float) -> _Try:
        """Send a request once, and record what its answer shows about the server."""
        with self._lock:
            self.calls += 1
        seconds = min(self._limits.seconds, max(self._time_left(), 0.1))
        try:
            with self._transport() as transport:
                transport.network.begin(sent_at + seconds)
                try:
                    status, headers, body = self._exchange(transport, request, sent_at)
                except _FAILURES as error:
                    self._health.lost(sent_at)
                    return self._failed(call, error, transport, seconds)
                except BodyError as error:
                    return _Try(self._unusable(call, str(error)), Attempt("overlong"))
            return self._answered(call, status, headers, body, sent_at)
        finally:
            self._throttle.landed()

    def _exchange(
        self, transport: Transport, request: httpx.Request, sent_at: float
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers by lower-case name, and body. Raises BodyError, or what httpcore raises."""
        with closing(transport.send(request)) as reply:
            status, headers = reply.status, reply.headers
            encoding = headers.get("content-encoding", "")
            try:
                body = self._bodies.read(status, encoding, reply.chunks, transport.network.time_left())
            except _FAILURES:
                if 200 <= status < 300:
                    raise
                self._health.lost(sent_at)
                body = b""  # the status is what counts
            return status, headers, body

    def _failed(self, call: str, error: Exception, transport: Transport, seconds: float) -> _Try:
        lost = self._failures.explain(call, error, transport.network, seconds)
        if is_refusal(error) or is_slow(error, transport.network):
            return _Try(lost, Attempt("overlong"))
        return _Try(lost, Attempt("broken" if lost.sent else "unconnected"))

    def _unusable(self, call: str, fault: str) -> BoundError:
        return BoundError(
            f"{self.server.peer} returned an answer to {call} {fault}",
            f"Check that {self._address} is the address of the API, and that no proxy answers for it.",
            sent=True,
        )

    def _answered(self, call: str, status: int, headers: dict[str, str], body: bytes, sent_at: float) -> _Try:
        ok = 200 <= status < 300
        trace, detail = (headers.get("x-kong-trace-id"), "") if ok else explain_error(body, headers, self._redact)
        asked = asked_pause(headers, time.time())
        if asked is None and status == 429:
            asked = reset_pause(headers, time.time())
        if asked is not None and asked > self._policy.ceiling:
            ceiling = wait_words(self._policy.ceiling)
            detail = (
                f"{detail} (it asks to wait {wait_words(min(asked, 1e9))}; at most {ceiling} are waited)".lstrip()
            )
        answer = Answer(call, status, body, trace, detail, headers.get("date"), headers, self.server.peer)
        self._health.answered(self.server.token, status)
        learned = self._throttle.learn(status, sent_at, headers, self._policy.ceiling)
        if learned.spent_for:
            self._observer(Waiting(learned.spent_for, _SPENT.format(peer=self.server.peer)))
        return _Try(answer, Attempt("answered", status, asked, learned.refusals))

    @contextmanager
    def _transport(self) -> Iterator[Transport]:
        """Yield a transport that no other thread uses."""
        with self._lock:
            transport = self._idle.pop() if self._idle else None
        if transport is None:
            transport = self._route.transport()
            with self._lock:
                self._opened.append(transport)
        try:
            yield transport
        finally:
            with self._lock:
                self._idle.append(transport)

    def _url(self, call: str, path: str, params: Mapping[str, str] | None) -> httpx.URL:
        """Return one finished URL: httpx's own client reads it three times, half of the cost.

        Whatever the path is, it leads to this server, since the credential goes with it. Raises NoAnswerError.
        """
        query = f"?{urlencode(params, quote_via=quote)}" if params else ""
        try:
            url = httpx.URL(f"{self.server.url}{path}{query}")
        except (httpx.InvalidURL, ValueError) as error:
            fault = inert(self._redact(str(error)))
            raise NoAnswerError(
                f"{call} was not sent: not a valid address: {fault}", "Check the path.", sent=False
            ) from None
        if _origin(url) != self._origin:
            text = f"{call} was not sent: the address leads to another server than {self._address}"
            raise NoAnswerError(text, "Check the path.", sent=False)
        return url

    def _hold(self, call: str, pause: float, outcome: Attempt) -> None:
        """Pause this request; when the server refuses for now, those of every worker."""
        if outcome.status != 429:
            spread = random.uniform(0.75, 1.25)  # noqa: S311 (spreads repeats, guards nothing)
            self._observer(Retrying(call, pause * spread, outcome.words(self.server.peer)))
            self._sleep_until(time.monotonic() + pause * spread)
            return
        asked = f"429, Retry-After {outcome.asked:g}" if outcome.asked else "429"
        if self._throttle.hold(pause, asked=bool(outcome.asked)):
            self._observer(Waiting(pause, f"{self.server.peer} requested it ({asked})"))

    def _sleep_until(self, moment: float) -> None:
        """Sleep in short pieces, so that an interrupt is noticed."""
        while (left := moment - time.monotonic()) > 0 and not self._stop.asked:
            time.sleep(min(left, NAP))

    def _warn_once(self, notice: str) -> None:
        if self._health.is_new(notice):
            self._observer(Warned(notice))


def _origin(url: httpx.URL) -> tuple[bytes, bytes, int | None]:
    """Return scheme, host and port."""
    return url.raw_scheme, url.raw_host, url.port
