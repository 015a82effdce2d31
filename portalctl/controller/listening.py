"""Where the controller listens, and which settings are safe there. Checked once, before anything is opened."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from portalctl.environment import secret
from portalctl.errors import BadUsageError
from portalctl.http.server import is_loopback, parse_address
from portalctl.words import quoted

PROXY_SECRET: Final = "PORTALCTL_PROXY_SECRET"  # noqa: S105 (a variable's name)
MIN_PROXY_SECRET: Final = 16  # characters
Ip = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """The options of `portalctl run` about its API. `proxies`: addresses of trusted proxies, as on the command line.

    `user_header`: the header in which such a proxy sends the name of the user that it authenticated; None: it only
    handles TLS. `manifest`: the manifest's files and folders, in which the token file must not be.
    """

    host: str = "127.0.0.1"
    port: int = 8350
    tokens: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    public_url: str | None = None
    proxies: tuple[str, ...] = ()
    user_header: str | None = None
    manifest: tuple[Path, ...] = ()

    @property
    def is_loopback(self) -> bool:
        """Return whether only this machine can connect."""
        return is_loopback(urlsplit(f"//{_bracketed(self.host)}"))

    @property
    def tls(self) -> bool:
        return self.certificate is not None

    @property
    def trusted(self) -> frozenset[Ip]:
        """Return the addresses of the trusted proxies."""
        return frozenset(filter(None, map(peer_address, self.proxies)))


def parse_listen(text: str) -> tuple[str, int]:
    """Return host and port of `--listen`. Raises BadUsageError."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port is None or parts.path or parts.query or "@" in parts.netloc or not text.isascii():
        raise BadUsageError(
            f"--listen {quoted(text)} is not a valid address; expected HOST:PORT",
            "Use an address such as 127.0.0.1:8350.",
        )
    return host, port


def check_listening(settings: ListenSettings, env: Mapping[str, str]) -> None:
    """Check that the settings are complete, and safe where others can connect. Raises BadUsageError.

    The token file is checked where it is opened.
    """
    _check_tls(settings)
    _check_proxies(settings, env)
    if settings.public_url is not None:
        _check_public_url(settings.public_url)
    if settings.is_loopback:
        return
    place = f"--listen {_bracketed(settings.host)}:{settings.port}: other machines can connect, which needs"
    if settings.tokens is None:
        raise BadUsageError(f"{place} tokens", "Pass --tokens FILE; `portalctl run token NAME ROLE` makes its lines.")
    if not settings.tls and not settings.proxies:
        raise BadUsageError(
            f"{place} TLS, or a proxy that handles it",
            "Pass --tls-certificate FILE and --tls-key FILE, or --trusted-proxy ADDRESS.",
        )
    if settings.public_url is None:
        raise BadUsageError(f"{place} --public-url", "Pass the address that browsers use: --public-url https://HOST.")


def tls_context(settings: ListenSettings) -> ssl.SSLContext | None:
    """Return the TLS settings of the server; None without a certificate. Raises BadUsageError for unusable files."""
    if settings.certificate is None or settings.key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.certificate, settings.key, password=_no_password)
    except (OSError, ssl.SSLError, ValueError) as error:
        fault = getattr(error, "strerror", None) or getattr(error, "reason", None) or type(error).__name__
        raise BadUsageError(
            f"--tls-certificate {settings.certificate}, --tls-key {settings.key}: cannot be used: {fault}",
            "Name a certificate chain and its unencrypted key, both in PEM.",
        ) from None
    return context


def _no_password() -> str:
    """OpenSSL would ask for the password of an encrypted key on the terminal."""
    raise ValueError("the key is encrypted")


def peer_address(text: str) -> Ip | None:
    """Return an IP address, an IPv4 one that is written as IPv6 as IPv4; None for anything else."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def proxy_secret(env: Mapping[str, str]) -> str:
    """Return the secret that trusted proxies send. Raises BadUsageError where it is missing or too short."""
    found = secret(env, PROXY_SECRET)
    if found is None:
        raise BadUsageError(
            f"--trusted-proxy needs a secret that only the proxy sends; {PROXY_SECRET} is not set",
            f"Set {PROXY_SECRET}, and let the proxy send it in the header X-Portalctl-Proxy.",
        )
    if len(found.value) < MIN_PROXY_SECRET:
        raise BadUsageError(
            f"{found.source}: the secret is too short; expected at least {MIN_PROXY_SECRET} characters",
            "Create one, for example with: openssl rand -hex 32",
        )
    return found.value


def _check_tls(settings: ListenSettings) -> None:
    if (settings.certificate is None) != (settings.key is None):
        alone, missing = "--tls-certificate", "--tls-key"
        if settings.certificate is None:
            alone, missing = missing, alone
        raise BadUsageError(f"{alone} needs {missing}", f"Pass {missing} FILE.")
    tls_context(settings)


def _check_proxies(settings: ListenSettings, env: Mapping[str, str]) -> None:
    for text in settings.proxies:
        if peer_address(text) is None:
            raise BadUsageError(f"--trusted-proxy {quoted(text)} is not a valid IP address", "Pass an IP address.")
    if settings.user_header is not None and not settings.proxies:
        raise BadUsageError(
            "--user-header needs --trusted-proxy: any client could send the header", "Pass --trusted-proxy ADDRESS."
        )
    if settings.user_header is not None and not _is_header(settings.user_header):
        raise BadUsageError(f"--user-header {quoted(settings.user_header)} is not a valid header name")
    if settings.proxies:
        if settings.tokens is None:
            raise BadUsageError(
                "--trusted-proxy needs --tokens: its lines NAME ROLE proxy list the proxy's users",
                "Pass --tokens FILE.",
            )
        proxy_secret(env)


def _is_header(name: str) -> bool:
    plain = name.replace("-", "").replace("_", "")
    return plain.isascii() and plain.isalnum() and name.lower() not in {"authorization", "x-portalctl-proxy", "host"}


def _check_public_url(url: str) -> None:
    parts = parse_address(url)
    if parts is None or parts.query or parts.fragment or parts.path not in {"", "/"}:
        raise BadUsageError(
            f"--public-url {quoted(url)} is not a valid address; expected one such as https://portalctl.example.com"
        )
    if parts.scheme != "https" and not is_loopback(parts):
        raise BadUsageError(f"--public-url {quoted(url)} is plain http", "Use https.")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
