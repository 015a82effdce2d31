"""Text that is not YAML, or not text at all: what is said of it, and where.

The parser's own messages quote the text and speak of scanners and tokens; none of it reaches people.
"""

from __future__ import annotations

import re
from typing import Final

from ruamel.yaml.error import MarkedYAMLError, YAMLError

from portalctl.characters import named
from portalctl.errors import Finding, Position
from portalctl.words import quoted

# Control characters, line breaks that only YAML 1.1 knows, and those that let text read otherwise than it is
# shown (bidirectional embedding, override and isolate): a reviewer must see what is loaded.
REFUSED: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)

_CONFLICT: Final = re.compile(r"^(?:<{7}|>{7}|\|{7})(?: .*)?\r?$", re.MULTILINE)

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

# What the parser says (the part that never changes) and what we say; {} is the line where the thing began.
_PROBLEMS: Final = {
    "found unexpected ':'": "between braces or brackets, a value with `:` in it needs quotes",
    "mapping values are not allowed": "`:` can't stand here; check the indentation, and quote a value with `: `",
    "sequence entries are not allowed": "a list can't begin here; put `- ` on a line of its own, below its key",
    "could not find expected ':'": "expected `:` after a key; check line {} and the indentation",
    "cannot start any token": "a value can't begin with this character; put it in quotes",
    "unexpected end of stream": "the quotes opened in line {} are never closed",
    "expected key": "expected a key in line with those that begin in line {}; check the indentation",
    "expected '-' indicator": "expected `- ` in line with the list that begins in line {}; check the indentation",
    "expected <block end>": "expected the end of what begins in line {}; check the indentation",
    "expected ',' or ']'": "expected `,` or `]` in the list that begins in line {}",
    "expected ',' or '}'": "expected `,` or `}` in the mapping that begins in line {}",
    "expected node content": "expected a value",
    "<document start>": "one file holds one document; this begins another",
    "tag": "tags are not allowed",
    "directive": "`%` directives are not allowed",
    "incompatible YAML": "`%YAML` names a version that is not known here; leave it out",
    "escape": "this is no escape that YAML knows in double quotes; use single quotes to write \\ itself",
    "indentation": "check the indentation of this block text",
    "comment": "a comment begins with ` #`, after a blank",
}


def decode(file: str, content: bytes) -> tuple[str, list[Finding]]:
    """The text of a YAML file, and what is wrong with it. With findings the text is not for use."""
    text, findings = plain_text(file, content)
    return text, findings + _each(file, text, _NO_CHARACTER, "this escape stands for no character")


def plain_text(file: str, content: bytes) -> tuple[str, list[Finding]]:
    """UTF-8 text without its byte order mark, and what is wrong with it. With findings the text is not for use."""
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
    conflicts = _each(file, text, _CONFLICT, "a merge conflict is not resolved here; resolve it and delete the marks")
    return text, conflicts or _each(file, text, REFUSED, "{} is not allowed here; delete it")


def _foreign(content: bytes) -> str | None:
    """What a file really is, if its content is not the text that its name promises."""
    begin = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    found = next((what for mark, what in _FOREIGN.items() if begin.startswith(mark)), None)
    if found is None and _HTML.match(begin):
        found = "an HTML page, perhaps of a login or an error; download the file itself"
    if found is None and (content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:2]):
        found = "UTF-16 text; save the file as UTF-8"
    if found is None and b"\0\0" in content[:512]:
        found = "a binary file; save it as text in UTF-8"
    return f"this is {found}" if found is not None else None


def _each(file: str, text: str, wrong: re.Pattern[str], message: str) -> list[Finding]:
    """A finding for the first of these on each line. `message` may have a place for the character's name."""
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


def explain(file: str, text: str, error: YAMLError) -> Finding:
    """What the parser could not read, in words that help to repair it."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if not isinstance(error, MarkedYAMLError) or mark is None:
        return Finding(Position(file, 1, 1), "this file is not valid YAML")
    begin = error.context_mark or mark
    lines = text.splitlines() or [""]
    line, column = mark.line, mark.column
    if line >= len(lines):  # the parser counts the line after the last one
        line, column = len(lines) - 1, len(lines[-1])
    at = Position(file, line + 1, column + 1)
    if lines[line][column : column + 1] == "\t":
        return Finding(at, "a tab can't indent; use spaces")
    problem = str(error.problem or "")
    ours = next((ours for theirs, ours in _PROBLEMS.items() if theirs in problem), None)
    return Finding(at, ours.replace("{}", str(begin.line + 1)) if ours else "this is not valid YAML")


def kind(value: object) -> str:
    """What a value is, in words; never what it says."""
    kinds = {
        str: "text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "a mapping",
    }
    return kinds.get(type(value), "null")


# What tokens and keys look like: long, without blanks, of letters and digits.
_TOKEN: Final = re.compile(r"(?=[^@]*\d)[\w.~+/=-]{20,}", re.ASCII)


def shown_value(text: str) -> str:
    """A value for a message, quoted; one that could be a token, and was written in a wrong place, is not repeated."""
    return f"a text of {len(text)} characters" if _TOKEN.fullmatch(text) else quoted(text)
