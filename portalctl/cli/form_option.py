"""`-o FORM`: the form in which a command prints its document, the same on all commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

# By kind of document; `portalctl.output.documents` has the functions, and is imported when one is shown.
COMMON = ("text", "json", "markdown", "html")
FORMS = {
    "plan": (*COMMON, "gitlab"),
    "access": (*COMMON, "csv"),
    "validation": (*COMMON, "github", "gitlab"),
}
ALL = (*COMMON, "csv", "github", "gitlab")


def form_option(kind: str | None, default: str = "text") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add `-o` with the forms of a kind of document, as `output`. `kind` None: whatever a file holds."""
    choices = ALL if kind is None else FORMS.get(kind, COMMON)
    return click.option(
        "-o", "--output", type=click.Choice(choices), default=default, show_default=True, help="The form."
    )
