"""Signing in and out, and the cookie of a session. The database has the hash of the cookie only."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Final

from portalctl.controller.access import READERS, Caller
from portalctl.controller.api.endpoint import RequestError, Services
from portalctl.controller.page.frame import Shown, framed, see

_LOCAL: Final = re.compile(r"/(?![/\\])[!-\[\]-~]{0,2000}")


def cookie_name(services: Services) -> str:
    """Return the name of the cookie; with https, one that no other host can set (RFC 6265bis, 4.1.3.2)."""
    return "__Host-portalctl" if services.access.secure else "portalctl"


def caller_of(services: Services, cookie: str | None) -> Caller | None:
    """Return the user of a session; None: there is none."""
    if not cookie or len(cookie) > 200:
        return None
    salt = services.store.session(_hash(cookie), services.clock())
    return services.access.of_session(salt) if salt is not None else None


def log_in(services: Services, form: Mapping[str, str]) -> Shown | None:
    """Return the answer to a token: the page that was asked for, and the cookie. None: the token is not valid.

    Raises RequestError for a token of a role without pages.
    """
    found = services.access.log_in(form.get("token", ""))
    if found is None:
        return None
    salt, caller = found
    if caller.role not in READERS:
        raise RequestError(403, f"tokens of the role {caller.role} are for the API only")
    cookie = secrets.token_urlsafe(32)
    services.store.start_session(_hash(cookie), salt, services.clock())
    there = see(local(form.get("next")))
    return Shown("", there.status, {**there.headers, "Set-Cookie": _cookie(services, cookie)})


def log_out(services: Services, cookie: str | None) -> Shown:
    """End a session."""
    if cookie:
        services.store.end_session(_hash(cookie))
    there = see("/login")
    return Shown("", there.status, {**there.headers, "Set-Cookie": f"{_cookie(services, '')}; Max-Age=0"})


def local(path: str | None) -> str:
    """Return the address of a page of ours, `/` for anything else."""
    return path if path and _LOCAL.fullmatch(path) else "/"


def login_page(
    services: Services,
    caller: Caller | None,
    *,
    status: int = 200,
    path: str = "/",
    detail: str = "",
    again: bool = False,
) -> Shown:
    """Return the page with the form for a token.

    Args:
        path: the page to show afterwards.
        again: let the browser ask once more. From a link on another site it sends no cookie with SameSite=Strict;
            from this page it does.
    """
    target = local(path)
    values = {"possible": services.access.tokens is not None, "next": target, "detail": detail}
    html = framed("login.html", caller, services.clock(), again=target if again else None, **values)
    return Shown(html, status)


def _cookie(services: Services, value: str) -> str:
    secure = "; Secure" if services.access.secure else ""
    return f"{cookie_name(services)}={value}; Path=/; HttpOnly; SameSite=Strict{secure}"


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
