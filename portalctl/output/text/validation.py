"""The findings in manifest files as text."""

from __future__ import annotations

from portalctl.output.documents import Validation
from portalctl.output.escaping import terminal
from portalctl.output.text.style import Style, joined
from portalctl.words import plural


def validation_text(document: Validation, style: Style) -> str:
    """Return each finding with its place and remedy; then the number of valid files, or of findings."""
    lines = []
    for found in document.findings:
        sign = style.sign("✗") if found.severity == "error" else "!"
        code = f"{found.code}: " if found.code else ""
        lines.append(f"{sign} {terminal(found.file)}:{found.line}:{found.column}: {code}{terminal(found.message)}")
        if found.remedy is not None:
            lines.append(f"    {terminal(found.remedy)}")
    if document.valid:
        count = len(document.files)
        lines.append(f"{plural(count, 'file')} {'is' if count == 1 else 'are'} valid.")
    else:
        lines.append(f"{plural(document.total, 'finding')}.")
    return joined(lines)
