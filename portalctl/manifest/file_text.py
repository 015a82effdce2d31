"""The bytes of a manifest or CSV file → text, or the reasons why it is not text that can be reviewed."""

from __future__ import annotations

import re
from typing import Final

from portalctl.characters import named
from portalctl.errors import Finding, Position

# Control characters, line breaks of YAML 1.1 only, and those that let text read otherwise than it is
# shown (bidirectional embedding, override and isolate): a reviewer must see what is loaded.
REFUSED: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)

_CONFLICT: Final = re.compile(r"^(?:<{7}|>{7}|\|{7})(?: .*)?\r?$", re.MULTILINE)

_CONFLICT_ADVICE: Final = "unresolved merge conflict; resolve it and delete the conflict markers"

_FOREIGN: Final = {
    b"version https://git-lfs.github.com/": "a pointer of Git LFS, not the file itself; fetch it: git lfs pull",
    b"PK\x03\x04": "a spreadsheet (.xlsx) or another ZIP archive; save it as CSV or YAML in UTF-8",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls); save it as CSV in UTF-8",
    b"%PDF-": "a PDF document; save its content as text in UTF-8",
    b"\x1f\x8b": "a gzip archive; unpack it",
    b"{\\rtf": "a rich text document; save it as plain text in UTF-8",
}
_HTML: Final = re.compile(rb"<(?:!doctype|html|head|body|\?xml)\b", re.IGNORECASE)

# Escapes of surrogates, and of what is beyond Unicode: one of the two parsers takes them.
_NO_CHARACTER: Final = re.compile(r"\\(u|U0000)[dD][89a-fA-F][0-9a-fA-F]{2}|\\U(?!000|0010)[0-9a-fA-F]{8}")


def decode(file: str, content: bytes) -> tuple[str, list[Finding]]:
    """Return the text of a YAML file, and its errors. Do not use the text if there are findings."""
    text, findings = plain_text(file, content)
    return text, findings + _first_per_line(file, text, _NO_CHARACTER, "this escape is not a valid character")


def plain_text(file: str, content: bytes) -> tuple[str, list[Finding]]:
    """Return UTF-8 text without its byte order mark, and its errors. Do not use the text if there are findings."""
    foreign = _foreign(content)
    if foreign is not None:
        return "", [Finding(Position(file, 1, 1), foreign)]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", errors="replace")
        message = f"this is not UTF-8 (byte {error.start + 1} of the file); save the file as UTF-8"
        line_start = before.rfind("\n") + 1
        return "", [Finding(Position(file, before.count("\n") + 1, len(before) - line_start + 1), message)]
    conflicts = _first_per_line(file, text, _CONFLICT, _CONFLICT_ADVICE)
    return text, conflicts or _first_per_line(file, text, REFUSED, "{} is not allowed here; delete it")


def _foreign(content: bytes) -> str | None:
    """Return the kind of a file that is not text, such as a spreadsheet; None for text."""
    begin = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    found = next((what for mark, what in _FOREIGN.items() if begin.startswith(mark)), None)
    if found is None and _HTML.match(begin):
        found = "an HTML page, perhaps of a login or an error; download the file itself"
    if found is None and (content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:2]):
        found = "UTF-16 text; save the file as UTF-8"
    if found is None and b"\0\0" in content[:512]:
        found = "a binary file; save it as text in UTF-8"
    return f"this is {found}" if found is not None else None


def _first_per_line(file: str, text: str, wrong: re.Pattern[str], message: str) -> list[Finding]:
    """Return a finding for the first match on each line. `{}` in `message` becomes the character's name."""
    findings: list[Finding] = []
    line, line_start, seen = 1, 0, 0
    for found in wrong.finditer(text):
        newer = text.count("\n", seen, found.start())
        if newer or not findings:
            line += newer
            line_start = text.rfind("\n", 0, found.start()) + 1 if newer else line_start
            at = Position(file, line, found.start() - line_start + 1)
            findings.append(Finding(at, message.format(named(found[0][0]))))
        seen = found.start()
    return findings
