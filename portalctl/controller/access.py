"""The sender of a request, by token or proxy. Every fault of a credential has the same result: None."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from portalctl.controller.listening import ListenSettings, peer_address, proxy_secret
from portalctl.controller.models import Role
from portalctl.controller.token_file import TokenFile
from portalctl.errors import BadUsageError, PortalctlError
from portalctl.http.server import is_loopback

READERS: Final[frozenset[Role]] = frozenset({"viewer", "operator", "approver"})
OPERATORS: Final[frozenset[Role]] = frozenset({"operator", "approver"})
APPROVERS: Final[frozenset[Role]] = frozenset({"approver"})
REGISTRARS: Final[frozenset[Role]] = frozenset({"registrar"})
_PROXY_HEADER: Final = "x-portalctl-proxy"
Headers = Mapping[str, Sequence[str]]  # values by lower-case name


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request. `name` None: any user of this machine, without a token. `ambient`: a browser sends the
    credential by itself, so that other sites could make it send requests. `session`: it is the cookie of the page."""

    name: str | None
    role: Role
    ambient: bool = False
    session: bool = False

    @property
    def unmasked(self) -> bool:
        """Return whether they see addresses."""
        return self.role in APPROVERS


class Access:
    """The checks of credentials, by the settings of the controller. `report` gets the error of a token
    file that becomes unusable. Raises BadUsageError for one that is so at the start."""

    def __init__(
        self,
        settings: ListenSettings,
        env: Mapping[str, str],
        report: Callable[[PortalctlError], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._env = env
        self._trusted = settings.trusted
        tokens = settings.tokens
        self.tokens = TokenFile(tokens, settings.manifest, report) if tokens is not None else None

    def may_connect(self, peer: str | None) -> bool:
        """Return whether requests of a socket's peer are read at all.

        Without TLS of our own they come from a trusted proxy or from this machine, else a token would be readable on
        the network.
        """
        if self._settings.tls or self._settings.is_loopback:
            return True
        address = peer_address(peer or "")
        return address is not None and (address in self._trusted or address.is_loopback)

    def may_be_named(self, host: Sequence[str]) -> bool:
        """Return whether the Host header is one of ours.

        Only where no credential is needed: a page of another site could otherwise read everything here through a name
        of its own that leads to 127.0.0.1.
        """
        if self.tokens is not None:
            return True
        public = self._settings.public_url
        allowed = urlsplit(public).netloc.lower() if public is not None else None
        return len(host) == 1 and (_names_this_machine(host[0]) or host[0].lower() == allowed)

    def caller(self, peer: str | None, headers: Headers) -> Caller | None:
        """Return the sender of a request; None: the credential is not valid. Forwarded headers are ignored."""
        if self.tokens is None:
            return Caller(None, "viewer")
        values = headers.get("authorization", ())
        if values:
            return self._bearer(self.tokens, values)
        return self._proxied(self.tokens, peer, headers)

    @property
    def secure(self) -> bool:
        """Return whether browsers reach the page by https, so that a cookie can be kept from plain http."""
        public = self._settings.public_url
        return self._settings.tls or not self._settings.is_loopback or (public or "").lower().startswith("https:")

    def log_in(self, token: str) -> tuple[str, Caller] | None:
        """Return what names the line of a token, and its user; None: the token is not valid."""
        line = self.tokens.holder(token.strip()) if self.tokens is not None else None
        if line is None or line.salt is None:
            return None
        return line.salt, Caller(line.name, line.role, ambient=True, session=True)

    def of_session(self, salt: str) -> Caller | None:
        """Return the user of a session that a token began; None: the token's line is gone."""
        line = self.tokens.line(salt) if self.tokens is not None else None
        return Caller(line.name, line.role, ambient=True, session=True) if line is not None else None

    def _bearer(self, tokens: TokenFile, values: Sequence[str]) -> Caller | None:
        scheme, _, token = values[0].partition(" ")
        if len(values) != 1 or scheme.lower() != "bearer":
            return None
        line = tokens.holder(token.strip())
        return Caller(line.name, line.role) if line is not None else None

    def _proxied(self, tokens: TokenFile, peer: str | None, headers: Headers) -> Caller | None:
        name = self._settings.user_header
        if name is None or peer_address(peer or "") not in self._trusted:
            return None
        marks, users = headers.get(_PROXY_HEADER, ()), headers.get(name.lower(), ())
        if len(marks) != 1 or len(users) != 1 or not self._is_proxy(marks[0]):
            return None
        line = tokens.user(users[0])
        return Caller(line.name, line.role, ambient=True) if line is not None else None

    def _is_proxy(self, mark: str) -> bool:
        """Compare with the secret as it is now. One that is missing or too short matches nothing."""
        try:
            expected = proxy_secret(self._env)
        except BadUsageError:
            return False
        return hmac.compare_digest(mark.encode("latin-1"), expected.encode())

    def same_origin(self, caller: Caller | None, headers: Headers, host: Sequence[str]) -> bool:
        """Return whether a POST may come from a page of this controller, or from no page at all.

        Browsers send Origin with every POST (https://fetch.spec.whatwg.org/#origin-header), and Sec-Fetch-Site
        (https://www.w3.org/TR/fetch-metadata/) with every request to a trustworthy address.
        """
        if any(site != "same-origin" for site in headers.get("sec-fetch-site", ())):
            return False
        origins = headers.get("origin", ())
        if not origins:
            return caller is None or not caller.ambient
        own = self._settings.public_url
        if own is None:
            own = f"{'https' if self._settings.tls else 'http'}://{host[0] if host else ''}"
        return len(origins) == 1 and origins[0].lower() == own.lower().rstrip("/")


def _names_this_machine(host: str) -> bool:
    try:
        return is_loopback(urlsplit(f"//{host}"))
    except ValueError:
        return False
