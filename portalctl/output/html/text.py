"""A document without HTML of its own: its text, on a page."""

from __future__ import annotations

from portalctl.output.documents import Document
from portalctl.output.html.environment import page


def shown(document: Document, text: str) -> str:
    """Return the text on a page that needs nothing else."""
    return page("text.html", kind=document.kind, generator=document.generator, text=text)
