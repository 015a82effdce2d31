"""The proxy that the environment names for a server, checked before anything is sent.

As curl and urllib read them: `https_proxy`, else `all_proxy`, in any letter case, lower case first; `no_proxy` lists
the exceptions. Plain http goes to this machine only, so `http_proxy` is not used. On macOS and Windows the system's
own settings count where no variable is set."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from portalctl.errors import BadUsageError
from portalctl.http.server import parse_address

SYSTEM: Final = "the system's proxy settings"
SCHEMES: Final = ("http", "https", "socks5", "socks5h")
PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy. `source` names the variable it comes from; `user` and `password` are shown nowhere."""

    scheme: str
    host: str
    port: int
    source: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def is_socks(self) -> bool:
        return self.scheme.startswith("socks")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port} (from {self.source})"


def proxy_for(address: SplitResult) -> Proxy | None:
    """Return the proxy for an https address that is not on this machine; None for a direct connection.

    Raises BadUsageError, which names the variable and not its value.
    """
    _check_syntax()
    settings = getproxies()
    kind = "https" if settings.get("https") else "all"
    value = settings.get(kind)
    if not value or proxy_bypass(address.netloc):
        return None
    source = _variable(kind, value)
    proxy = _parsed(value, source)
    if proxy.is_socks and find_spec("socksio") is None:
        raise BadUsageError(
            f"{source} names a SOCKS proxy, which needs the package socksio",
            "Install portalctl with its extra `socks`; in a clone: pip install '.[socks]'",
        )
    return proxy


def _check_syntax() -> None:
    """Check every proxy variable, also those that are not used for this address. Raises BadUsageError."""
    for name, value in os.environ.items():
        if name.lower() in {"http_proxy", "https_proxy", "all_proxy"} and value:
            _parsed(value, name)


def _variable(kind: str, value: str) -> str:
    """Return the name of the variable that holds this value."""
    names = (name for name, text in os.environ.items() if name.lower() == f"{kind}_proxy" and text == value)
    return next(names, SYSTEM)


def _parsed(value: str, source: str) -> Proxy:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        raise _unusable(source) from None
    if not value.isprintable() or any(sign in value for sign in " \\") or parts.scheme not in SCHEMES:
        raise _unusable(source)
    host = parts.hostname or ""
    if parse_address(f"https://{f'[{host}]' if ':' in host else host}") is None:
        raise _unusable(source)
    return Proxy(parts.scheme, host, port, source, unquote(parts.username or ""), unquote(parts.password or ""))


def _unusable(source: str) -> BadUsageError:
    return BadUsageError(
        f"{source} is not the address of a proxy",
        f"Expected {', '.join(f'{scheme}://' for scheme in SCHEMES[:-1])} or {SCHEMES[-1]}:// and HOST:PORT; special "
        "characters in a password are percent-encoded. The value is not shown because it may hold a password.",
    )
