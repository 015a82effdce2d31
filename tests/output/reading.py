"""Reading what was rendered: the elements of a page, its text, and the text in which GitHub looks for mentions."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

import cmarkgfm
from cmarkgfm.cmark import Options

QUOTING = frozenset({"code", "pre", "style", "script"})


@dataclass
class Page:
    """`loose` is the text outside code, each piece apart."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""
    loose: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    comments: int = 0

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self.quoting: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.elements.append((tag, dict(attrs)))
        if tag in QUOTING:
            self.quoting.append(tag)
            self.page.code.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in QUOTING:
            self.quoting.remove(tag)

    def handle_data(self, data: str) -> None:
        self.page.text += data
        if self.quoting:
            self.page.code[-1] += data
        else:
            self.page.loose.append(data)

    def handle_comment(self, data: str) -> None:  # noqa: ARG002 (the parser's signature)
        self.page.comments += 1


def read(html: str) -> Page:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.page


def rendered(markdown: str) -> Page:
    """As GitHub's renderer has it, raw HTML and all, before GitHub takes out what is dangerous."""
    return read(cmarkgfm.github_flavored_markdown_to_html(markdown, options=Options.CMARK_OPT_UNSAFE))
