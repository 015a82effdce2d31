"""The only module that makes text from outside printable: the text stays visible and has no effect.

It has one function for each output format, named after the format. Each accepts one piece of text (a name, an
address, a message of the portal), except `json_text`, which accepts a whole document. Since CI logs also show
Markdown, HTML and CSV, these formats make the same characters visible as `terminal`.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable
from html import escape
from unicodedata import combining

from portalctl.characters import UNSEEN
from portalctl.csv_guard import guard

# Invisible characters can hide in names, and they can hide commands, because .NET's default comparison of strings
# ignores them. `str.isprintable` covers all others.
_INVISIBLE = UNSEEN

# GitHub's runner executes `::name …::` at the start of a line and `##[name …]` anywhere in a line
# (actions/runner, src/Runner.Common/ActionCommand.cs); commands of other runners also begin with `##`.
# A single colon at an edge, or a single hash at the start, could form such a command with adjacent text.
_COMMAND = r"\A[:#]|:(?=:|\Z)|#(?=#)"

# A backslash that looks like the start of an escape: before an escape or the letter of one, or at an edge.
_AMBIGUOUS_BACKSLASH = r"\\(?=[\\xuU:#]|[^ -~]|\Z)"

_SHOWN_CHARACTER = re.compile(r"\\(?:\\|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})|.", re.DOTALL)
_TERMINAL = re.compile(rf"[^ -~]|{_COMMAND}|{_AMBIGUOUS_BACKSLASH}")
_INVISIBLES = re.compile(f"[{_INVISIBLE}]")
_HIDDEN = re.compile(f"[{_INVISIBLE}:#]")

_DOUBLED_HASH = re.compile(r"#(?=#)")
_DOUBLED = re.compile(r":(?=:)|#(?=#)")

# Words without a meaning in Markdown, without surrounding punctuation: letters, or a number.
_PLAIN = re.compile(r"(?!www\b)[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+(?:,\d{3})*")
_COMMIT = re.compile(r"[0-9a-fA-F]{7,40}")  # GitHub links it
_LIST = re.compile(r"\d+[.)]+")

# A pipe would split a row of a table; cmark recognises code fences of at most 80 backticks.
_NO_CODE = re.compile(r"(\||`{40,})")

_WIDE_ESCAPE = re.compile(r"\\(?=[uU])")


def terminal(text: str) -> str:
    r"""Return one piece of text from outside for a terminal or a CI log.

    The result has no line break, and only letters, marks, digits, signs and the ASCII space. All other characters
    become visible escapes such as `\x1b`, `\u202e` or `\U000e0041`: control and format characters (bidirectional,
    zero-width, tags), separators, surrogates, private use, unassigned ones, and blanks other than the space.
    The result has no `::` and no `##`, also not together with adjacent results or an adjacent colon. Different texts
    have different results: a backslash that could be read as an escape is doubled. Ordinary names are unchanged.
    """
    return _TERMINAL.sub(_shown, text)


def markdown(text: str, most: int | None = None) -> str:
    r"""Return one piece of text from outside as code in GitHub's and GitLab's Markdown, without links and mentions.

    The result is valid in a line and in a table cell: a pipe becomes `&#124;` between two pieces of code, because
    Markdown splits rows before it finds code. Separate two results by other text. An empty text has an empty result.

    A result of more than `most` bytes is shortened and ends with `…`; see `_fitting`.
    """
    return _fitting(text, most, _code)


def markdown_words(text: str, most: int | None = None) -> str:
    """Return a sentence with text from outside for Markdown: words and numbers stay, everything else becomes code.

    A result of more than `most` bytes is shortened and ends with `…`.
    """
    return _fitting(text, most, lambda shown: " ".join(map(_markdown_word, shown.split())))


def html(text: str, most: int | None = None) -> str:
    """Return one piece of text from outside for HTML, as content or a quoted attribute, not for scripts or styles.

    A result of more than `most` bytes is shortened and ends with `…`.
    """
    return _fitting(text, most, escape)


def chat(text: str) -> str:
    """Return one piece of text from outside for a message to Slack or a program with the same format.

    In it, `<!channel>` notifies all members and `<url|text>` is a link. Slack documents the escapes of `<`, `>` and
    `&` (https://docs.slack.dev/messaging/formatting-message-text).
    """
    return escape(terminal(text), quote=False)


def csv(text: str) -> str:
    """Return one quoted CSV field (RFC 4180), with an apostrophe before text that spreadsheets read as a formula."""
    return '"' + guard(terminal(text)).replace('"', '""') + '"'


def github_data(text: str) -> str:
    """Return the message of a workflow command (`::error::…`), which may have several lines.

    The runner decodes `%25`, `%0D` and `%0A` (actions/toolkit, packages/core/src/command.ts).
    """
    return "%0A".join(terminal(line).replace("%", "%25") for line in text.split("\n"))


def github_property(text: str) -> str:
    """Return a property of a workflow command (`::error file=…,title=…::`), with `:` and `,` encoded too."""
    return terminal(text).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")


def github_output(name: str, value: str, delimiter: str) -> str:
    """Return one entry of the file that GITHUB_OUTPUT or GITHUB_ENV names. `value` is unchanged and may have lines.

    `delimiter` is a new random text for each entry. Raises ValueError if a line of the value equals the delimiter.
    """
    if delimiter in re.split(r"\r\n|\r|\n", value):
        raise ValueError("the value contains its delimiter")
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def yaml(text: str) -> str:
    r"""Return a double-quoted YAML 1.2 scalar in one line, for a file, a terminal or a CI log.

    A YAML reader returns the same text, except that a lone surrogate, which YAML cannot contain, becomes U+FFFD. The
    result has no `::` and no `##`.
    """
    return '"' + _DOUBLED.sub(lambda found: _escaped(found[0]), "".join(map(_yaml_char, text))) + '"'


def yaml_comment(text: str) -> str:
    r"""Return one piece of text from outside for a comment in a manifest, escaped as for a terminal.

    A backslash before `u` or `U` becomes `\x5c`, because some YAML readers reject escapes of lone surrogates, also in
    comments.
    """
    return _WIDE_ESCAPE.sub(lambda _: r"\x5c", terminal(text))


def _fitting(text: str, most: int | None, form: Callable[[str], str]) -> str:
    """Return the form of a text, or of its beginning followed by `…`, in at most `most` bytes.

    The text is not cut within an escape of `terminal` or of the form, or before a combining mark.
    """
    if most is None:
        return form(terminal(text))
    shown = terminal(text[: most + 1])  # each character has at least one byte
    if len(text) <= most and len(form(shown).encode()) <= most:
        return form(shown)
    ends = [0, *(found.end() for found in _SHOWN_CHARACTER.finditer(shown))]

    def size(end: int) -> int:
        return len(form(f"{shown[:end]}…").encode())

    count = bisect_right(ends, most, key=size) - 1
    while count > 0 and (combining(shown[ends[count] : ends[count] + 1] or " ") or size(ends[count]) > most):
        count -= 1
    return form(f"{shown[: ends[max(count, 0)]]}…")


def _code(shown: str) -> str:
    parts = _NO_CODE.split(shown)
    return "".join(
        "".join(map(_entity, part)) if number % 2 else _code_span(part) for number, part in enumerate(parts)
    )


def _entity(char: str) -> str:
    return f"&#{ord(char)};"


def _code_span(shown: str) -> str:
    """Fence code with more backticks than it has; Markdown drops one blank at both edges (CommonMark 0.31, 6.1)."""
    if not shown.strip(" "):
        return f"`{shown}`" if shown else ""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _markdown_word(word: str) -> str:
    core = word.lstrip('("').rstrip(',;:.!?")')
    before, _, after = word.partition(core) if core else (word, "", "")
    plain = not core or (_PLAIN.fullmatch(core) and not _COMMIT.fullmatch(core) and not _LIST.fullmatch(word))
    return word if plain else f"{before}{_code(core)}{after}"


def _yaml_char(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if " " <= char <= "~" or (char.isprintable() and not _INVISIBLES.match(char)):
        return char
    return _escaped("\ufffd" if "\ud800" <= char <= "\udfff" else char)


def json_text(document: str) -> str:
    r"""Return an equal JSON document in printable ASCII and newlines, for a terminal or a CI log.

    `document` is valid JSON. Characters outside ASCII and the first hash of a `##` become `\uXXXX`; tabs and carriage
    returns between tokens become spaces. `::` cannot start a line, because strings have no line breaks and two colons
    do not follow each other outside strings. A lone surrogate keeps its value; a high surrogate before a low one
    becomes the character that both encode.
    """
    return _DOUBLED_HASH.sub(r"\\u0023", document.translate(_JsonTable()))


class _JsonTable(dict[int, str]):
    """The replacement of each code point, computed on first use: documents have few different characters."""

    def __init__(self) -> None:
        super().__init__({ord("\t"): " ", ord("\r"): " "})

    def __missing__(self, code: int) -> str:
        char = chr(code)
        kept = char == "\n" or " " <= char <= "~"
        return self.setdefault(code, char if kept else json.dumps(char)[1:-1])


def _shown(match: re.Match[str]) -> str:
    char = match[0]
    if char == "\\":
        return r"\\"
    return char if char.isprintable() and not _HIDDEN.match(char) else _escaped(char)


def _escaped(char: str) -> str:
    code = ord(char)
    if code <= 0xFF:
        return rf"\x{code:02x}"
    return rf"\u{code:04x}" if code <= 0xFFFF else rf"\U{code:08x}"
