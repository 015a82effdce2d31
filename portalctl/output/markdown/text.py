"""A document without Markdown of its own: its text, in a block of code."""

from __future__ import annotations

import re

from portalctl.output.documents import Document


def shown(document: Document, text: str) -> str:
    """Return the text fenced, so that nothing in it is taken for Markdown."""
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 3)
    return f"## portalctl {document.kind}\n\n{fence}text\n{text.rstrip()}\n{fence}\n"
