"""A document without HTML of its own: its text, on a page."""

from __future__ import annotations

from portalctl.output.documents import Document
from portalctl.output.escaping import html
from portalctl.output.html import frame


def shown(document: Document, text: str) -> str:
    """Return the text on a page that needs nothing else."""
    title = f"portalctl {document.kind}"
    return frame.document(title, title, html(document.generator), [f"<pre>{html(text)}</pre>"])
