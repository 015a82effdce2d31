"""The HTML page of a document that only has a text form."""

from __future__ import annotations

from portalctl.output.documents import Document
from portalctl.output.html.environment import page


def shown(document: Document, text: str) -> str:
    """Return the text on a self-contained page."""
    return page("text.html", kind=document.kind, generator=document.generator, text=text)
