"""Notifications to an address that is a secret itself (a chat's webhook)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing

import httpcore
import httpx

from portalctl.errors import BadUsageError, NoAnswerError
from portalctl.http.bounds import RequestLimits
from portalctl.http.server import is_loopback, parse_address
from portalctl.http.transport import route_to
from portalctl.version import __version__


class Webhook:
    """Posts JSON to one address: no credentials, no retries, no redirects. The address is shown nowhere.

    `source` names the option or variable it comes from. Raises BadUsageError for anything but https, or http to this
    machine, and for a proxy or CA file in the environment that cannot be used.
    """

    def __init__(self, url: str, *, source: str, seconds: float) -> None:
        parts = parse_address(url)
        if parts is None or (parts.scheme == "http" and not is_loopback(parts)):
            raise BadUsageError(
                f"{source} is not an https address",
                "The value is not shown because it may be a secret.",
            )
        self._url = url
        self._limits = RequestLimits(seconds=seconds)
        self._route = route_to(parts, self._limits, lambda _: None, ca_file=None, verify=True)

    def post(self, body: Mapping[str, object]) -> int:
        """Post once and return the status. Raises NoAnswerError, which does not show the address."""
        try:
            request = httpx.Request("POST", self._url, json=body, headers={"User-Agent": f"portalctl/{__version__}"})
            with closing(self._route.transport()) as transport:
                transport.network.begin(time.monotonic() + self._limits.seconds)
                with closing(transport.send(request)) as reply:
                    return reply.status
        except httpcore.TimeoutException:
            raise NoAnswerError(f"no answer within {self._limits.seconds:.0f} s", sent=True) from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, httpx.InvalidURL) as error:
            raise NoAnswerError(f"no answer ({self._place()}{type(error).__name__})", sent=True) from None

    def _place(self) -> str:
        return f"through the proxy {self._route.proxy}: " if self._route.proxy is not None else ""
