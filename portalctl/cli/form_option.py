"""`-o FORM`: the form in which a command prints its document, the same on all commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from portalctl.output.forms import every_form, forms


def form_option(kind: str | None, default: str = "text") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add `-o` with the forms of a kind of document, as `output`. `kind` None: whatever a file holds."""
    choices = every_form() if kind is None else forms(kind)
    return click.option(
        "-o", "--output", type=click.Choice(choices), default=default, show_default=True, help="The form."
    )
