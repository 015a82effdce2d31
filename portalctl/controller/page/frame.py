"""What all pages share: the frame around them, their style and script, words for times, and addresses of pages."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment

from portalctl.controller.access import APPROVERS, OPERATORS, Caller
from portalctl.controller.api.endpoint import ApiRequest, Services
from portalctl.output.html import environment as html
from portalctl.output.links import NO_LINKS
from portalctl.times import rfc3339
from portalctl.version import GENERATOR
from portalctl.words import age_words, moment

PACKAGE: Final = "portalctl.controller.page"
LAYOUT: Final = "frame.html"
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",  # with `no-referrer`, browsers would send forms with `Origin: null`
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
_MINUTE: Final = timedelta(minutes=1)
STATES: Final = {  # in the order of urgency, with the words and the class of the badge
    "held": ("held", "warn"),
    "failing": ("failing", "refused"),
    "suspended": ("suspended", "warn"),
    "drifted": ("drifted", "warn"),
    "pending": ("pending", ""),
    "in_sync": ("in sync", "good"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A page, or with the status 303 the way to another one (`Location`)."""

    html: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the page, under an address that changes with its content."""

    path: str
    content: str
    media_type: str


def shown(services: Services, request: ApiRequest, template: str, **values: Any) -> Shown:  # noqa: ANN401
    """Return a page of a template for a user."""
    return Shown(framed(template, request.caller, services.clock(), **values))


def framed(template: str, caller: Caller | None, now: datetime, **values: Any) -> str:  # noqa: ANN401
    """Return the HTML of a template in the frame."""
    known: dict[str, Any] = {
        "layout": LAYOUT,
        "generator": GENERATOR,
        "caller": caller,
        "can_operate": caller is not None and caller.role in OPERATORS,
        "can_approve": caller is not None and caller.role in APPROVERS,
        "now": now,
        "links": NO_LINKS,
        "filtered": False,
        "current": "",
        "again": None,
    }
    return html.render(_templates(), template, **(known | values))


def see(path: str) -> Shown:
    """Return the answer to a form: the page to show next."""
    return Shown("", 303, {"Location": path})


def portal_path(name: str, *rest: str) -> str:
    """Return the address of a portal's page, or of something below it."""
    return "/".join(("/portals", _quoted(name), *map(_quoted, rest)))


def developer_path(portal: str, developer: str) -> str:
    """Return the address of a developer's page; `developer` is an address, an id or a mask."""
    return portal_path(portal, "developers", developer)


def plan_path(digest: str, *rest: str) -> str:
    """Return the address of a held plan, or of something below it."""
    return "/".join(("/plans", _quoted(digest), *rest))


def run_path(run_id: str) -> str:
    """Return the address of a run."""
    return f"/runs/{_quoted(run_id)}"


@cache
def assets() -> Mapping[str, Asset]:
    """Return the files of the page by their name in templates."""
    style = html.own_file(html.STYLE) + _file("controller.css")
    found = (
        ("style", "css", style, "text/css"),
        ("script", "js", html.own_file(html.SCRIPT), "text/javascript"),
        ("icon", "svg", _file("icon.svg"), "image/svg+xml"),
    )
    return {
        name: Asset(f"/assets/{name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}.{end}", content, media_type)
        for name, end, content, media_type in found
    }


@cache
def _templates() -> Environment:
    """Return the environment with what the templates of the page use."""
    templates = html.environment(PACKAGE)
    templates.globals |= {
        "asset": lambda name: assets()[name].path,
        "ago": _ago,
        "moment_of": datetime.fromisoformat,
        "developer_path": developer_path,
        "plan_path": plan_path,
        "portal_path": portal_path,
        "run_path": run_path,
        "rfc3339": rfc3339,
        "states": STATES,
        "until": _until,
        "when": _when,
    }
    return templates


def _file(name: str) -> str:
    return files(PACKAGE).joinpath("templates", name).read_text(encoding="utf-8")


def _quoted(text: str) -> str:
    return quote(text, safe="@:", errors="replace")


def _ago(then: datetime, now: datetime) -> str:
    """Return how long ago a time was: `3 h ago`, `just now`."""
    return f"{age_words(now - then)} ago" if now - then >= _MINUTE else "just now"


def _until(then: datetime, now: datetime) -> str:
    """Return how long it is until a time, rounded up: `in 3 min`, `now`."""
    return f"in {age_words(then - now + _MINUTE)}" if then > now else "now"


def _when(at: datetime | str) -> str:
    return moment(at if isinstance(at, str) else at.astimezone(UTC).isoformat())
