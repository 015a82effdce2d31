"""The Markdown of a document that only has a text form."""

from __future__ import annotations

import re

from portalctl.output.documents import Document


def shown(document: Document, text: str) -> str:
    """Return the text in a code block, so that no part of it is read as Markdown."""
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 3)
    return f"## portalctl {document.kind}\n\n{fence}text\n{text.rstrip()}\n{fence}\n"
