"""The address and credential of one server, checked before anything is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from pathlib import Path
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

import idna

from portalctl.errors import BadUsageError

READ_ONLY: Final = frozenset({"GET"})
READ_WRITE: Final = frozenset({"GET", "POST", "PATCH", "DELETE"})
SIGN_IN: Final = frozenset({"POST"})
_HOST: Final = re.compile(
    r"(?=.{1,254}\Z)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*\.?", re.IGNORECASE
)

# The header with the token: `Authorization` with Bearer, SSWS or Basic (the token is user and password in Base64),
# or `X-API-KEY`. "none": no header, for servers that take the secret in the body.
Auth = Literal["bearer", "api-key", "ssws", "basic", "none"]


@dataclass(frozen=True, slots=True)
class Server:
    """A server's address and token. `url` has no version path; `url_source` and `token_source` name their origin.

    `peer` is what messages call it, `ca_source` what names `ca_file`, and `secrets` are further texts that no message
    may show.

    Raises BadUsageError for an address that is not a plain http or https one, for plain http beyond loopback, and for
    a token with characters that no token has.
    """

    url: str
    token: str = field(repr=False)
    url_source: str = "the default"
    token_source: str = "the environment"  # noqa: S105 (a name, not a secret)
    ca_file: Path | None = None
    verify: bool = True
    auth: Auth = "bearer"
    peer: str = "the portal"
    ca_source: str = "--ca-file"
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        parts = parse_address(self.url)
        if parts is None or parts.query or parts.fragment:
            raise BadUsageError(
                f"the server from {self.url_source} is not a valid address such as https://eu.api.konghq.com"
            )
        if parts.scheme == "http" and not is_loopback(parts):
            raise BadUsageError(
                f"the server from {self.url_source} is plain http, which would show the token to the network",
                "Use https. Plain http is allowed to this machine only (127.0.0.1, localhost, [::1]).",
            )
        if self.auth == "none":
            return
        if not self.token or not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise BadUsageError(f"the token from {self.token_source} has characters that are not valid in a token")

    @property
    def credentials(self) -> dict[str, str]:
        """Return the header with the token."""
        match self.auth:
            case "api-key":
                return {"X-API-KEY": self.token}
            case "none":
                return {}
            case "ssws":
                return {"Authorization": f"SSWS {self.token}"}
            case "basic":
                return {"Authorization": f"Basic {self.token}"}
            case _:
                return {"Authorization": f"Bearer {self.token}"}

    @property
    def host(self) -> str:
        """Return host and port as in the address."""
        return urlsplit(self.url).netloc

    @property
    def is_loopback(self) -> bool:
        return is_loopback(urlsplit(self.url))

    @property
    def is_https(self) -> bool:
        return urlsplit(self.url).scheme == "https"


def parse_address(url: str) -> SplitResult | None:
    """Return the parts of an http or https address without user information; None for anything else.

    Stricter than any URL parser, so that parsers cannot disagree about the host (`http://127.0.0.1\\@evil`).
    """
    if not url.isprintable() or any(sign in url for sign in " \\"):
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return None
    return parts if usable and _is_host(parts.hostname or "") else None


def is_loopback(parts: SplitResult) -> bool:
    """Return whether the address leads to this machine: `localhost`, 127.0.0.0/8 or ::1, in their usual spelling."""
    host = parts.hostname or ""
    try:
        return host in {"localhost", "::1"} or IPv4Address(host).is_loopback
    except AddressValueError:
        return False


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            return IPv6Address(host).scope_id is None
        except AddressValueError:
            return False
    try:
        return _HOST.fullmatch(host if host.isascii() else idna.encode(host.lower()).decode()) is not None
    except idna.IDNAError:
        return False
