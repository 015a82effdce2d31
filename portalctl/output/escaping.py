"""The one module that makes foreign text printable: what strangers typed stays visible and has no effect.

One function per medium, named after it. Each takes one piece of text (a name, an address, a message of the portal),
except `json_text`, which takes a whole document. Documents for people are printed in CI logs too: what `terminal`
makes visible is visible in Markdown, HTML and CSV as well.
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

# Besides hiding in a name, unseen characters hide commands: a comparison by culture, as .NET makes by default, skips
# them. `str.isprintable` has the others.
_INVISIBLE = UNSEEN

# GitHub's runner acts on `::name …::` at the start of a line and on `##[name …]` anywhere in one
# (actions/runner, src/Runner.Common/ActionCommand.cs); `##` is the mark of other runners' commands too.
# The lone colon at an edge and the lone hash at the start would make such a mark with a neighbour.
_COMMAND = r"\A[:#]|:(?=:|\Z)|#(?=#)"

# A backslash that would read as the start of an escape: before one, before what looks like one, or at an edge.
_AMBIGUOUS_BACKSLASH = r"\\(?=[\\xuU:#]|[^ -~]|\Z)"

_SHOWN_CHARACTER = re.compile(r"\\(?:\\|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})|.", re.DOTALL)
_TERMINAL = re.compile(rf"[^ -~]|{_COMMAND}|{_AMBIGUOUS_BACKSLASH}")
_INVISIBLES = re.compile(f"[{_INVISIBLE}]")
_HIDDEN = re.compile(f"[{_INVISIBLE}:#]")

_DOUBLED_HASH = re.compile(r"#(?=#)")
_DOUBLED = re.compile(r":(?=:)|#(?=#)")

# Words that mean nothing in Markdown, without the punctuation around them: letters, or a number.
_PLAIN = re.compile(r"(?!www\b)[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+(?:,\d{3})*")
_COMMIT = re.compile(r"[0-9a-fA-F]{7,40}")  # GitHub makes a link of one
_LIST = re.compile(r"\d+[.)]+")

# A pipe would split a row of a table; cmark looks for the end of code by at most 80 backticks.
_NO_CODE = re.compile(r"(\||`{40,})")

_WIDE_ESCAPE = re.compile(r"\\(?=[uU])")


def terminal(text: str) -> str:
    r"""Return one piece of foreign text for a terminal or a CI log.

    The result has no line break, and only letters, marks, digits, signs and the ASCII space. Everything else
    becomes a visible escape, `\x1b`, `\u202e` or `\U000e0041`: control and format characters (bidirectional,
    zero-width, tags), separators, surrogates, private use, unassigned, and what is blank without being a space.
    It has no `::` and no `##`, and none arises where such pieces stand side by side, or where we write a colon
    next to one. Different texts stay different: a backslash is doubled where it could be taken for an escape.
    Ordinary names are unchanged.
    """
    return _TERMINAL.sub(_shown, text)


def markdown(text: str, most: int | None = None) -> str:
    r"""Return one piece of foreign text for GitHub's and GitLab's Markdown, as code: no link, no mention.

    Good in a line and in a table's cell alike: a pipe stands between two pieces of code as `&#124;`, since what
    splits a row is found before code is. Two results need something between them; the empty text gives nothing.

    A result of more than `most` bytes is shortened and ends with `…`; see `_fitting`.
    """
    return _fitting(text, most, _code)


def markdown_words(text: str, most: int | None = None) -> str:
    """Return a sentence with foreign text for Markdown: words and numbers stay, everything else becomes code.

    A result of more than `most` bytes is shortened and ends with `…`.
    """
    return _fitting(text, most, lambda shown: " ".join(map(_markdown_word, shown.split())))


def html(text: str, most: int | None = None) -> str:
    """Return one piece of foreign text for HTML, between tags or in a quoted attribute; not for scripts or styles.

    A result of more than `most` bytes is shortened and ends with `…`.
    """
    return _fitting(text, most, escape)


def chat(text: str) -> str:
    """Return one piece of foreign text for a message to Slack and programs that read messages as Slack does.

    There `<!channel>` calls everybody and `<url|text>` is a link; the three signs are escaped as Slack asks
    (https://docs.slack.dev/messaging/formatting-message-text).
    """
    return escape(terminal(text), quote=False)


def csv(text: str) -> str:
    """Return one quoted CSV field (RFC 4180), with an apostrophe before what a spreadsheet would calculate."""
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
    """One entry of the file that GITHUB_OUTPUT or GITHUB_ENV names; `value` arrives as it is, lines and all.

    `delimiter` is random, new for each entry. Raises ValueError when a line of the value is the delimiter, which a
    stranger can only have guessed.
    """
    if delimiter in re.split(r"\r\n|\r|\n", value):
        raise ValueError("the value holds its own delimiter")
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def yaml(text: str) -> str:
    r"""Return a double-quoted YAML 1.2 scalar in one line, for a file, a terminal or a CI log.

    Reading it gives the same text, except that a lone surrogate, which YAML cannot hold, becomes U+FFFD. It has no
    `::` and no `##`.
    """
    return '"' + _DOUBLED.sub(lambda found: _escaped(found[0]), "".join(map(_yaml_char, text))) + '"'


def yaml_comment(text: str) -> str:
    r"""One piece of foreign text for a comment in a manifest: as on a terminal.

    A backslash before `u` or `U` is written `\x5c`: readers of YAML that look for escapes of half a character look in
    comments too.
    """
    return _WIDE_ESCAPE.sub(lambda _: r"\x5c", terminal(text))


def _fitting(text: str, most: int | None, form: Callable[[str], str]) -> str:
    """Return the form of a text, or of as much of its beginning as fits `most` bytes with a `…` after it.

    It is never cut within an escape, of `terminal` or of the form, nor before a combining mark.
    """
    if most is None:
        return form(terminal(text))
    shown = terminal(text[: most + 1])  # each character has a byte at least
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
    """Fenced by more backticks than are inside; one blank at both edges is dropped (CommonMark 0.31, 6.1)."""
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

    `document` is valid JSON. Beyond ASCII everything is written as `\uXXXX`, and so is the first sign of a `##`;
    tabs and carriage returns between tokens become spaces. `::` needs nothing: outside a string no two colons
    meet, a string has no line break, and so a line cannot begin with it. A surrogate is written as itself; a high
    one right before a low one, which no encoding can hold, becomes the character that the two stand for.
    """
    return _DOUBLED_HASH.sub(r"\\u0023", document.translate(_JsonTable()))


class _JsonTable(dict[int, str]):
    """What each code point becomes, computed on first use: documents are large and have few different characters."""

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
