"""The guides as pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from portalctl.controller.api.endpoint import ApiRequest, RequestError, Services
from portalctl.controller.page.frame import Shown, shown

_COMMENT = re.compile(r"^<!--.*?-->\n", re.MULTILINE)
_GUIDE = re.compile(r"(?:\./)?([a-z-]+)\.md(#.*)?")
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


def guides(services: Services, request: ApiRequest) -> Shown:
    """Return the page `/docs`."""
    titles = {name: text.partition("\n")[0].lstrip("# ") for name, text in _texts().items()}
    return shown(services, request, "guides.html", current="/docs", titles=titles)


def guide(services: Services, request: ApiRequest) -> Shown:
    """Return the page `/docs/TOPIC`."""
    name = request.params["topic"]
    if name not in _texts():
        raise RequestError(404, "no guide has this name")
    title, content = _rendered(name)
    return shown(services, request, "guide.html", current="/docs", title=title, content=content)


@cache
def _texts() -> Mapping[str, str]:
    folder = files("portalctl") / "docs"
    found = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".md")), key=lambda one: one.name)
    return {entry.name.removesuffix(".md"): _COMMENT.sub("", entry.read_text(encoding="utf-8")) for entry in found}


@cache
def _rendered(name: str) -> tuple[str, Markup]:
    """Return title and content of a guide. HTML in it is shown as text."""
    title, _, text = _texts()[name].partition("\n")
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text)
    for token in _all(tokens):
        if token.type == "link_open":
            token.attrSet("href", _address(str(token.attrGet("href") or "")))
        elif token.type == "th_open":
            token.attrSet("scope", "col")
    for token, inline in pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", _anchor(inline.content))
    html = parser.renderer.render(tokens, parser.options, {})
    return title.lstrip("# "), Markup(html)  # noqa: S704 (our own guides, without HTML of theirs)


def _all(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from token.children or ()


def _address(target: str) -> str:
    """Return the address of a link: that of a page for a guide, else unchanged."""
    found = _GUIDE.fullmatch(target)
    return f"/docs/{found[1]}{found[2] or ''}" if found and found[1] in _texts() else target


def _anchor(heading: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    return _NOT_IN_ANCHORS.sub("", heading.lower()).replace(" ", "-")
