"""`-o FORM`: the output format of a document, the same option for all commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from portalctl.output.forms import every_form, forms


def form_option(kind: str | None, default: str = "text") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add `-o` with the forms of a kind of document, as `output`. `kind` None: the forms of all kinds."""
    choices = every_form() if kind is None else forms(kind)
    return click.option(
        "-o", "--output", type=click.Choice(choices), default=default, show_default=True, help="The output format."
    )
