"""The guides as pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
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
    for token in tokens:
        if token.type == "th_open":
            token.attrSet("scope", "col")
        _set_links(token.children or ())
    for token, inline in pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", _anchor(inline.content))
    html = parser.renderer.render(tokens, parser.options, {})
    return title.lstrip("# "), Markup(html)  # noqa: S704 (our own guides, without HTML of theirs)


def _set_links(tokens: Iterable[Token]) -> None:
    """Let links to guides lead to their pages. Those to other files of the repository become text."""
    tag = "a"
    for token in tokens:
        if token.type == "link_open":
            target = _address(str(token.attrGet("href") or ""))
            tag = "a" if target is not None else "span"
            token.attrs = {"href": target} if target is not None else {}
        if token.type in {"link_open", "link_close"}:
            token.tag = tag


def _address(target: str) -> str | None:
    """Return the address of a link; None: no page has it."""
    found = _GUIDE.fullmatch(target)
    if found and found[1] in _texts():
        return f"/docs/{found[1]}{found[2] or ''}"
    return target if target.startswith(("https://", "#")) else None


def _anchor(heading: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    return _NOT_IN_ANCHORS.sub("", heading.lower()).replace(" ", "-")
