"""Findings in manifest files as Markdown."""

from __future__ import annotations

from portalctl.output.documents import FoundInFile, Validation
from portalctl.output.markdown.parts import MOST, Row, part, place_words, sentence, short, table
from portalctl.output.size_limit import fitted, size
from portalctl.words import plural

COLUMNS = ("severity", "place", "finding", "remedy")


def validation_markdown(document: Validation, *, most: int = MOST) -> str:
    """Return the findings as a table of at most `most` bytes of UTF-8."""
    files = plural(len(document.files), "file")
    state = f"{files} valid" if document.valid else plural(document.total, "finding")
    heading = f"## Manifest: {state}\n\n"
    missing = document.total - len(document.findings)
    foot = f"{f'{missing:,} more are not listed. ' if missing else ''}<sub>{short(document.generator)}</sub>\n"
    rows = part(0, document.findings, _row, lambda rows: table(rows, *COLUMNS), named="findings", most=most)
    return heading + fitted([rows], most - size(heading + foot))[0] + foot


def _row(found: FoundInFile) -> Row:
    code = f"{short(found.code)} " if found.code else ""
    remedy = sentence(found.remedy) if found.remedy else ""
    place = place_words(f"{found.file}:{found.line}")
    return Row(f"| {found.severity} | {place} | {code}{sentence(found.message)} | {remedy} |")
