"""HTTP, in one place: authentication, TLS, repeats, pauses and redaction. The only module that imports httpx.

One small synchronous transport per request in flight, all sharing one TLS context: measured faster than one shared
asynchronous client. The one used last is used next, so that few connections are opened and those are kept. What a
client of httpx adds to its transport (cookies, redirects, credentials from ~/.netrc) is not wanted here, and takes a
third of a request's time; so a token goes to the named server and nowhere else.
"""

from __future__ import annotations

import json
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from portalctl.errors import AnswerError, BadUsageError, NoAnswerError
from portalctl.events import Observer, Waiting, ignore
from portalctl.retry import SAFE_METHODS, Outcome, Policy, Waited, asked_pause
from portalctl.stop import INTERRUPTED, Stop
from portalctl.throttle import NAP, Throttle
from portalctl.version import __version__
from portalctl.words import shortened, wait_words

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
DEFAULT_POLICY = Policy()
READ_ONLY = frozenset({"GET"})
READ_WRITE = frozenset({"GET", "POST", "PATCH", "DELETE"})

Auth = Literal["bearer", "api-key"]  # the header that carries the token: Authorization: Bearer, or X-API-KEY


@dataclass(frozen=True, slots=True)
class Server:
    """Where requests go, and with what. `url` has no version path; `url_source` and `token_source` say who gave them.

    Raises BadUsageError for a URL that is no plain server address, plain http beyond loopback, or an unusable token.
    """

    url: str
    token: str = field(repr=False)
    url_source: str = "the default"
    token_source: str = "the environment"  # noqa: S105 (a name, not a secret)
    ca_file: Path | None = None
    verify: bool = True
    auth: Auth = "bearer"

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            named = bool(parts.hostname) and parts.port != 0
        except ValueError:
            named = False
        if not named or parts.scheme not in {"http", "https"} or parts.username or parts.query or parts.fragment:
            raise BadUsageError(
                f"the server from {self.url_source} is not an address such as https://eu.api.konghq.com"
            )
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise BadUsageError(
                f"the server from {self.url_source} is plain http, which would show the token to the network",
                "use https; plain http is allowed to this machine only (127.0.0.1, localhost)",
            )
        if not self.token or not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise BadUsageError(f"the token in {self.token_source} has characters that no token has")

    @property
    def credentials(self) -> dict[str, str]:
        """The header with the token."""
        if self.auth == "api-key":
            return {"X-API-KEY": self.token}
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def is_loopback(self) -> bool:
        return urlsplit(self.url).hostname in LOOPBACK


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status. `trace` is the portal's id of the request, when it told one.

    `date` is the server's time as it told it (RFC 9110, 6.6.1). `headers` have lower-case names.
    """

    call: str
    status: int
    body: bytes
    trace: str | None
    detail: str
    date: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_page(self) -> bool:
        """Whether it is a page of HTML, which no portal answers with, but proxies and log-in pages do."""
        return self.body.lstrip()[:1] == b"<"

    def error(self, *advice: str) -> AnswerError:
        """This answer as an error."""
        return AnswerError(self.call, self.status, self.detail, self.trace, *advice)


@dataclass(frozen=True, slots=True)
class _Try:
    """One request: what came of it, and what that means for another try."""

    result: Answer | NoAnswerError
    outcome: Outcome

    def settle(self) -> Answer:
        """The answer. Raises NoAnswerError where none came."""
        if isinstance(self.result, NoAnswerError):
            raise self.result
        return self.result


class Client:
    """Requests to one server, from any number of threads. `calls` counts what was sent.

    Once `stop` is asked, no write is sent, nothing is repeated and no pause is waited for: each request ends with
    what it has.
    """

    def __init__(
        self,
        server: Server,
        *,
        methods: frozenset[str] = READ_ONLY,
        observer: Observer = ignore,
        policy: Policy | None = None,
        advice: Mapping[int, str] | None = None,
        stop: Stop | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self.server = server
        self.calls = 0
        self._methods = methods
        self._observer = observer
        self._policy = policy or DEFAULT_POLICY
        self._advice = advice or {}
        self._lock = threading.Lock()
        self._opened: list[httpx.HTTPTransport] = []
        self._idle: list[httpx.HTTPTransport] = []
        self._throttle = throttle or Throttle()
        self._stop = stop or Stop()
        self._tls = _tls_context(server)
        self._headers = {
            **server.credentials,
            "Accept": "application/json, application/problem+json",
            "User-Agent": f"portalctl/{__version__}",
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is KeyboardInterrupt:
            self._stop.ask()  # whoever is in the middle of a pause
        for transport in self._opened:
            transport.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """GET `path`, and a 2xx answer. Raises AnswerError for any other status, NoAnswerError when none came."""
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
        headers: Mapping[str, str] | None = None,
        still: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Send, repeat what is safe to repeat, and give the last answer, whatever its status.

        `still` is called before each try, when all waiting is over; what it raises is raised, and nothing is sent.

        Raises NoAnswerError when none came. A method this client was not made for is a mistake of ours, never sent.
        """
        if method not in self._methods:
            raise AssertionError(f"this client cannot send {method}")
        request = self._request(method, path, params, body, headers)
        attempt, first_answer = 0, float("inf")
        while True:
            sent_at = self._turn(method, still)
            tried = self._once(f"{method} {path}", request, sent_at)
            attempt, first_answer = attempt + 1, min(first_answer, time.monotonic())
            waited = Waited(time.monotonic() - first_answer, self._throttle.waited)
            pause = self._policy.pause(method, attempt, tried.outcome, waited)
            if pause is None or self._stop.asked:
                return tried.settle()
            self._hold(pause, tried.outcome)

    def _turn(self, method: str, still: Callable[[], None]) -> float:
        """Wait until a request may go. Gives the moment; raises NoAnswerError, or as `still`, where it may not."""
        self._throttle.wait_for_turn(self._stop)
        try:
            if self._stop.asked and method not in SAFE_METHODS:
                raise NoAnswerError(INTERRUPTED, sent=False)
            still()
        except BaseException:
            self._throttle.landed()
            raise
        return time.monotonic()

    def explain(self, answer: Answer) -> AnswerError:
        """An error answer with advice: which variable supplied the token, which right may be missing."""
        advice = []
        if answer.status in {401, 403}:
            advice.append(f"the token came from {self.server.token_source}")
        if 300 <= answer.status < 400:
            advice.append(f"redirects are not followed; the server came from {self.server.url_source}")
        if answer.status in {404, 405}:
            advice.append(f"is {self.server.url} (from {self.server.url_source}) the API's address?")
        if answer.status >= 500:
            advice.append("that is the portal's own trouble: try again later, or ask its operators")
        if told := self._advice.get(answer.status):
            advice.append(told)
        return answer.error(*advice)

    def not_json(self, answer: Answer) -> NoAnswerError:
        """An answer that should have been the portal's JSON and is something else."""
        return NoAnswerError(
            f"{answer.call} was answered {answer.status} with {'an HTML page' if answer.is_page else 'something'} "
            "that is not the portal's JSON",
            f"is {self.server.url} (from {self.server.url_source}) the API's address, and no proxy in between?",
            sent=True,
        )

    def _once(self, call: str, request: httpx.Request, sent_at: float) -> _Try:
        with self._lock:
            self.calls += 1
        try:
            with self._transport() as transport:
                response = transport.handle_request(request)
                with closing(response):
                    response.read()
        except httpx.HTTPError as error:
            lost = self._no_answer(call, error)
            return _Try(lost, Outcome("broken" if lost.sent else "unconnected"))
        finally:
            self._throttle.landed()
        told = {name.lower(): value for name, value in response.headers.items()}
        trace, detail = _told(response.content) if not response.is_success else (None, "")
        trace = trace or told.get("x-kong-trace-id")
        asked = asked_pause(told, time.time())
        if asked is not None and asked > self._policy.ceiling:
            ceiling = wait_words(self._policy.ceiling)
            detail = f"{detail} (it asks to wait {wait_words(asked)}; no more than {ceiling} are waited)".lstrip()
        answer = Answer(
            call, response.status_code, response.content, trace, self._clean(detail), told.get("date"), told
        )
        learned = self._throttle.learn(answer.status, sent_at, told, self._policy.ceiling)
        if learned.spent_for:
            self._observer(Waiting(learned.spent_for, _SPENT))
        return _Try(answer, Outcome("answered", answer.status, asked, learned.refusals))

    def _no_answer(self, call: str, error: httpx.HTTPError) -> NoAnswerError:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
            return self._unreachable(error)
        if isinstance(error, httpx.TimeoutException):
            return NoAnswerError(f"{call}: no answer within {_TIMEOUT.read:.0f} s", sent=True)
        return NoAnswerError(f"{call}: the connection broke off ({self._clean(str(error))})", sent=True)

    def _unreachable(self, error: httpx.HTTPError) -> NoAnswerError:
        where = f"{self.server.url} (from {self.server.url_source})"
        trouble = _tls_trouble(error)
        if isinstance(trouble, ssl.SSLCertVerificationError):
            misnamed = [_MISNAMED] if trouble.verify_code in _NAME_MISMATCHES else []
            text = f"the certificate of {where} can't be trusted: {trouble.verify_message}"
            return NoAnswerError(text, *misnamed, _UNTRUSTED, sent=False)
        advice = "is the address right, and the network?" if trouble is None else "does it speak plain http there?"
        return NoAnswerError(f"can't reach {where}: {self._clean(str(error))}", advice, sent=False)

    def _clean(self, text: str) -> str:
        return text.replace(self.server.token, "[token]")

    @contextmanager
    def _transport(self) -> Iterator[httpx.HTTPTransport]:
        """A transport that nobody else uses meanwhile."""
        with self._lock:
            transport = self._idle.pop() if self._idle else None
        if transport is None:
            transport = httpx.HTTPTransport(verify=self._tls, proxy=_proxy(self.server))
            with self._lock:
                self._opened.append(transport)
        try:
            yield transport
        finally:
            with self._lock:
                self._idle.append(transport)

    def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: Mapping[str, object] | None,
        headers: Mapping[str, str] | None,
    ) -> httpx.Request:
        """From one finished URL: a client's own way reads it three times, which costs half of a request."""
        query = f"?{urlencode(params, quote_via=quote)}" if params else ""
        return httpx.Request(
            method,
            f"{self.server.url}{path}{query}",
            json=body,
            headers={**self._headers, **headers} if headers else self._headers,
            extensions=_EXTENSIONS,
        )

    def _hold(self, pause: float, outcome: Outcome) -> None:
        """Pause this request; when the server refuses for now, every worker's."""
        if outcome.status != 429:
            spread = random.uniform(0.75, 1.25)  # noqa: S311 (spreads repeats, guards nothing)
            self._sleep_until(time.monotonic() + pause * spread)
            return
        asked = f"429, Retry-After {outcome.asked:g}" if outcome.asked else "429"
        if self._throttle.hold(pause, asked=bool(outcome.asked)):
            self._observer(Waiting(pause, f"the portal asked for it ({asked})"))

    def _sleep_until(self, moment: float) -> None:
        """Sleep in short pieces: an interrupt is not kept waiting."""
        while (left := moment - time.monotonic()) > 0 and not self._stop.asked:
            time.sleep(min(left, NAP))


def post_once(url: str, body: Mapping[str, object], *, seconds: float) -> int:
    """POST to an address that is a secret itself (a webhook's): no credentials, no repeats, no redirects.

    Gives the status. Raises NoAnswerError, which does not tell the address, when none came within `seconds` for each
    step of the way.
    """
    plain = url.startswith("http:")  # to loopback, where neither TLS nor a proxy has any business
    verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else httpx.create_ssl_context()
    try:
        with httpx.Client(timeout=seconds, follow_redirects=False, trust_env=not plain, verify=verify) as client:
            return client.post(url, json=body, headers={"User-Agent": f"portalctl/{__version__}"}).status_code
    except httpx.TimeoutException:
        raise NoAnswerError(f"no answer within {seconds:.0f} s", sent=True) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoAnswerError(f"no answer ({type(error).__name__})", sent=True) from None


_TEXTS = ("error_msg", "detail", "message", "title", "warning_msg")  # what errors are told by, best first
_UNTRUSTED = "give the authority that signed it with --ca-file FILE, or for a test only --insecure-skip-tls-verify"
_SPENT = "the portal allows no more requests until then (ratelimit-remaining)"
_MISNAMED = "write the server as the certificate names it, if that is the portal's"
_NAME_MISMATCHES = frozenset({62, 64})  # OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and …_IP_ADDRESS_MISMATCH
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_EXTENSIONS = {"timeout": _TIMEOUT.as_dict()}


def _proxy(server: Server) -> str | None:
    """The proxy that the environment names for this server (HTTPS_PROXY, ALL_PROXY, NO_PROXY)."""
    if server.is_loopback or proxy_bypass(server.host):
        return None
    named = getproxies()
    proxy = named.get("https") or named.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def _tls_context(server: Server) -> ssl.SSLContext:
    if server.url.startswith("http:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used; without one, each client would make its own
    if not server.verify:
        return httpx.create_ssl_context(verify=False)
    if server.ca_file is None:
        return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=str(server.ca_file))
    except (OSError, ssl.SSLError) as error:
        raise BadUsageError(f"--ca-file {server.ca_file} can't be read as certificates: {error}") from error


def _tls_trouble(error: BaseException) -> ssl.SSLError | None:
    """What went wrong in TLS, where that is behind an error."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return cause


def _told(body: bytes) -> tuple[str | None, str]:
    """Trace id and text of an error body: problem+json, any JSON object with a message, or plain text.

    Konnect tells `detail` and `title`, its gateway `message`; API7 `error_msg`, `message` or only a `warning_msg`.
    """
    try:
        problem = json.loads(body)
    except ValueError:
        text = body.decode("utf-8", "replace").strip()
        return None, "" if text.startswith("<") else shortened(text, 500)  # a page of HTML says nothing of use
    if not isinstance(problem, dict):
        return None, ""
    trace = problem.get("instance")
    text = next((str(problem[key]) for key in _TEXTS if problem.get(key)), "")
    parameters = problem.get("invalid_parameters")
    if isinstance(parameters, list):
        fields = [f"{p.get('field')}: {p.get('reason')}" for p in parameters if isinstance(p, dict)]
        text = "; ".join([text, *fields])
    return (trace if isinstance(trace, str) else None), shortened(text, 500)
