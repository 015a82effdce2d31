"""The Jinja2 environment of all HTML pages, and the only place where text becomes HTML.

Every value that a template prints passes through `_escaped`, the environment's finalizer. It calls
`portalctl.output.escaping.html`, which makes control, bidirectional and invisible characters visible and escapes
HTML's markup characters. A template cannot avoid this, because Jinja2's filters, including `safe`, are not available.
Only this module, the templates and the controller's page of guides (our own text) create `Markup`, which is printed
unchanged.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from functools import cache, lru_cache, partial
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from portalctl.output import view_model
from portalctl.output.escaping import html
from portalctl.words import moment, plural

SCRIPT = "page.js"
STYLE = "page.css"
LAYOUT = "base.html"  # of a self-contained page
PACKAGE = "portalctl.output.html"


def page(template: str, *, filtered: bool = False, **values: Any) -> str:  # noqa: ANN401 (any value that a template prints)
    """Return a self-contained page in ASCII.

    Args:
        filtered: whether the page has rows that the script filters and sorts.
    """
    return render(environment(), template, layout=LAYOUT, filtered=filtered, **values)


def render(templates: Environment, template: str, **values: Any) -> str:  # noqa: ANN401 (any value that a template prints)
    """Return a page in ASCII."""
    text = templates.get_template(template).render(**values)
    return text.encode("ascii", "xmlcharrefreplace").decode()


def code(text: str) -> Markup:
    """Return text from outside as code."""
    return Markup(f"<code>{html(text)}</code>")  # noqa: S704 (escaped)


def phrase(words: Callable[..., str], *values: object) -> Markup:
    """Return a phrase of `view_model` with text from outside as code; the other words are portalctl's own."""
    return Markup(words(*values, code))  # noqa: S704 (`code` escapes text from outside)


def phrases(words: Callable[..., Iterable[str]], *values: object) -> tuple[Markup, ...]:
    """Return several phrases, each like `phrase`."""
    return tuple(Markup(text) for text in words(*values, code))  # noqa: S704 (as in `phrase`)


@cache
def environment(package: str = PACKAGE) -> Environment:
    """Return the environment with the templates of this package, and those of another one before them."""
    environment = Environment(
        loader=FunctionLoader(partial(_found, package)),
        autoescape=True,
        finalize=_escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    environment.filters = {"length": len}
    environment.globals = {
        "code": code,
        "moment": moment,
        "number": "{:,}".format,
        "phrase": phrase,
        "phrases": phrases,
        "plural": plural,
        "policy": _policy,
        "script": lambda: _own(SCRIPT),
        "style": lambda: _own(STYLE),
        "view_model": view_model,
    }
    return environment


def _found(package: str, name: str) -> str:
    file = files(package).joinpath("templates", name)
    return file.read_text(encoding="utf-8") if file.is_file() else own_file(name)


def own_file(name: str) -> str:
    """Return a template, the style or the script of this package."""
    return files(PACKAGE).joinpath("templates", name).read_text(encoding="utf-8")


@lru_cache(maxsize=10_000)  # rules, teams and words recur in most rows
def _text(value: str) -> Markup:
    return Markup(html(value))  # noqa: S704 (escaped)


def _escaped(value: object) -> Markup:
    return value if isinstance(value, Markup) else _text(str(value))


@cache
def _own(name: str) -> Markup:
    """Return the script or the style of this package."""
    return Markup(own_file(name))  # noqa: S704 (a file of this package)


def _policy(*, filtered: bool) -> str:
    """Return the content security policy: only this style and script are allowed, and nothing is loaded."""
    sources = f"style-src {_hash(_own(STYLE))};" + (f" script-src {_hash(_own(SCRIPT))};" if filtered else "")
    return f"default-src 'none'; {sources} base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    """Return the hash source of inline content in a content security policy (CSP 3, 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
