"""What every page of ours is made of: one HTML file that needs nothing else.

All foreign text goes through `safe.html`, into text only. The policy in its head lets a browser run and apply exactly
the script and the style of this package, and load nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files

from portalctl.output.escaping import html


def document(title: str, heading: str, stamp: str, main: Iterable[str], *, foot: str = "", script: str = "") -> str:
    """A whole page in ASCII. All of it is HTML but `script`, which is of this package."""
    page = "\n".join(
        [
            *_head(title, script),
            "<body>",
            "<header>",
            f"<h1>{heading}</h1>",
            f'<p class="quiet">{stamp}</p>',
            "</header>",
            "<main>",
            *main,
            "</main>",
            *([f'<footer class="quiet">{foot}</footer>'] if foot else []),
            *([f"<script>{script}</script>"] if script else []),
            "</body>",
            "</html>",
            "",
        ]
    )
    return page.encode("ascii", "xmlcharrefreplace").decode()  # whatever the stream makes of other characters


@cache
def asset(name: str) -> str:
    """A file of this package."""
    return files("portalctl.output.html").joinpath(name).read_text(encoding="utf-8")


def box(kind: str, title: str, items: Iterable[str], after: str = "") -> Iterator[str]:
    """A framed list; nothing where there are no items."""
    lines = "\n".join(f"<li>{item}</li>" for item in items)
    if lines:
        yield f'<div class="box {kind}"><h3>{title}</h3>\n<ul>\n{lines}\n</ul>{after}</div>'


def code(text: str) -> str:
    """Foreign text as code."""
    return f"<code>{html(text)}</code>"


def _head(title: str, script: str) -> Iterator[str]:
    style = asset("page.css")
    sources = f"style-src {_hash(style)};" + (f" script-src {_hash(script)};" if script else "")
    policy = f"default-src 'none'; {sources} base-uri 'none'; form-action 'none'"
    yield "<!DOCTYPE html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>{title}</title>"
    yield f"<style>{style}</style>"
    yield "</head>"


def _hash(text: str) -> str:
    """How a content security policy names inline content (CSP 3, 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
