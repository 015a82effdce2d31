"""The connection to one server: TLS, proxy and limits, checked when it is made; httpx's requests over httpcore."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult

import httpcore
import httpx

from portalctl.http.bounds import RequestLimits
from portalctl.http.network import Network
from portalctl.http.proxy import Proxy, proxy_for
from portalctl.http.server import is_loopback
from portalctl.http.trust import Contexts, contexts, no_tls

KEEP_SECONDS: Final = 5.0  # for which an unused connection is kept; servers close theirs soon after


@dataclass(frozen=True, slots=True)
class Route:
    """The route to a server: TLS contexts, and a proxy if there is one. Makes transports."""

    tls: Contexts
    proxy: Proxy | None
    limits: RequestLimits
    is_https: bool

    def transport(self) -> Transport:
        """Return a new transport, for one thread at a time."""
        return Transport(self)


def route_to(
    address: SplitResult,
    limits: RequestLimits,
    notice: Callable[[str], None],
    *,
    ca_file: Path | None,
    verify: bool,
    ca_source: str = "--ca-file",
) -> Route:
    """Check everything that the environment sets for this address, and return the route.

    Raises BadUsageError, which names the variable or option and not its value.
    """
    is_https = address.scheme == "https"
    tls = contexts(ca_file, verify=verify, notice=notice, ca_source=ca_source) if is_https else no_tls()
    proxy = None if is_loopback(address) else proxy_for(address)
    return Route(tls, proxy, limits, is_https)


class StreamedAnswer:
    """The head of an answer, and its body as a stream. `headers` have lower-case names. Must be closed."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer
        self.status = answer.status
        self.headers: dict[str, str] = {}
        for raw_name, raw_value in answer.headers:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            self.headers[name] = f"{self.headers[name]}, {value}" if name in self.headers else value

    @property
    def chunks(self) -> Iterable[bytes]:
        """Yield the body in pieces, as it is sent."""
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class Transport:
    """One connection that is kept. A request must end by its deadline, which `network.begin` sets."""

    def __init__(self, route: Route) -> None:
        proxy = route.proxy
        layers = int(route.is_https) + int(proxy is not None and proxy.scheme == "https")
        self.network = Network(route.limits, proxied=proxy is not None, tls_layers=layers)
        self._is_socks = proxy is not None and proxy.is_socks
        self._pool = _pool(route, self.network)
        self._extensions = {"timeout": {"connect": route.limits.connect_seconds}}

    def send(self, request: httpx.Request) -> StreamedAnswer:
        """Send a request, and return the answer as soon as its headers are there. Raises what httpcore raises."""
        url = request.url
        try:
            answer = self._pool.handle_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=self._extensions,
                )
            )
        except Exception as error:
            self.network.drop()
            if self._is_socks and self.network.stage == "proxy" and not isinstance(error, _KNOWN):
                raise httpcore.ProxyError("not a SOCKS 5 answer") from error  # socksio's own errors
            raise
        self.network.headers_done()
        if not self.network.reads:
            answer.close()
            raise httpcore.RemoteProtocolError("the server sent an answer before it was asked")
        return StreamedAnswer(answer)

    def close(self) -> None:
        self._pool.close()


_KNOWN: Final = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, httpcore.TimeoutException)


def _pool(route: Route, network: Network) -> httpcore.ConnectionPool:
    context = route.tls()
    common: dict[str, Any] = {
        "ssl_context": context,
        "max_connections": 1,
        "keepalive_expiry": KEEP_SECONDS,
        "network_backend": network,
    }
    proxy = route.proxy
    if proxy is None:
        return httpcore.ConnectionPool(**common)
    auth = (proxy.user.encode(), proxy.password.encode()) if proxy.user or proxy.password else None
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    if proxy.is_socks:
        return httpcore.SOCKSProxy(f"socks5://{host}:{proxy.port}", proxy_auth=auth, **common)
    tls = route.tls() if proxy.scheme == "https" else None
    return httpcore.HTTPProxy(f"{proxy.scheme}://{host}:{proxy.port}", auth, proxy_ssl_context=tls, **common)
