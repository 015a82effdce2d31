"""What strangers typed stays visible and does nothing, in every medium."""

from __future__ import annotations

import csv as csv_reader
import io
import json
import re
import unicodedata
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from portalctl.csv_guard import unguard
from portalctl.output.escaping import (
    csv,
    github_data,
    github_output,
    github_property,
    html,
    json_text,
    terminal,
    yaml,
)
from portalctl.output.manifest_files import override_to_paste

# Any text, surrogates too, and often the signs that commands and escapes are made of.
MARKS = st.sampled_from(
    ["::", ":", "##[", "##", "#", "#[", "[", "\\", "\\x41", "x1b", "\n", "\r", "\x1b[2J", "\u200b", " "]
)
FOREIGN = st.lists(MARKS | st.text(st.characters(), max_size=4), max_size=8).map("".join)
UNSHOWN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def read_back(shown: str) -> str:
    r"""What a person who knows the escapes reads: `\\`, `\xhh`, `\uhhhh`, `\Uhhhhhhhh`; all else is itself."""
    escape = re.compile(r"\\(?:\\|x(..)|u(....)|U(.{8}))")

    def plain(match: re.Match[str]) -> str:
        code = match[1] or match[2] or match[3]
        return chr(int(code, 16)) if code else "\\"

    return escape.sub(plain, shown)


@given(FOREIGN)
def test_terminal_shows_only_what_can_be_seen(text: str) -> None:
    shown = terminal(text)
    assert not {unicodedata.category(char) for char in shown} & UNSHOWN
    assert not any(char.isspace() and char != " " for char in shown)
    assert len(shown.splitlines()) <= 1


@given(FOREIGN)
def test_terminal_text_is_no_command(text: str) -> None:
    shown = terminal(text)
    assert "::" not in shown
    assert "##" not in shown


@given(st.lists(FOREIGN, max_size=5))
@example(["#", "#["])
@example(["##", "["])
@example(["#", "#", "["])
@example([" ", ":", ":error", ":", ":x"])
def test_pieces_side_by_side_are_no_command(pieces: list[str]) -> None:
    line = "".join(map(terminal, pieces))
    assert "::" not in line
    assert "##" not in line


@given(FOREIGN.filter(bool))
@example(" :")
@example(":error:")
def test_a_piece_next_to_our_own_signs_is_no_command(text: str) -> None:
    shown = terminal(text)
    assert "::" not in f":{shown}:"
    assert "##" not in f"#{shown}"


@given(FOREIGN)
@example("\\\x1b")
@example("\\\\x1b")
@example("\\x1b")
@example("\\:")
@example("a\\")
def test_terminal_text_can_be_read_back(text: str) -> None:
    assert read_back(terminal(text)) == text


@given(st.lists(FOREIGN, max_size=4))
@example(["\\", "x1b"])
def test_pieces_side_by_side_can_be_read_back(pieces: list[str]) -> None:
    assert read_back("".join(map(terminal, pieces))) == "".join(pieces)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Zoë O'Brien-Łukasz 李",
        "Zoe\u0308",
        "محمد",
        "ann+2@example.com",
        "a: b, c",
        "C#",
        "[bot] #1 <x> & `y` | $z 100%",
        r"CORP\ann",
        "🙂",
    ],
)
def test_ordinary_text_is_unchanged(name: str) -> None:
    assert terminal(name) == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", r"\x1b[31m"),
        ("a\nb\r\n", r"a\x0ab\x0d\x0a"),
        ("\x00\x7f\x85\x9b", r"\x00\x7f\x85\x9b"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("a\u200bb\ufeff", r"a\u200bb\ufeff"),
        ("\U000e0041", r"\U000e0041"),
        ("\u2028\u2029\xa0\u3000", r"\u2028\u2029\xa0\u3000"),
        ("\ud800", r"\ud800"),
        ("\ue000\u0378", r"\ue000\u0378"),
        ("\u3164\u2800\ufe0f\u034f", r"\u3164\u2800\ufe0f\u034f"),
        ("::error::x", r"\x3a:error\x3a:x"),
        ("  ::add-mask::x", r"  \x3a:add-mask\x3a:x"),
        ("x##[error]y", r"x\x23#[error]y"),
        ("##vso[task]", r"\x23#vso[task]"),
        (r"a\x41", r"a\\x41"),
        ("\\", r"\\"),
    ],
)
def test_terminal_escapes(text: str, shown: str) -> None:
    assert terminal(text) == shown


# A high surrogate before a low one can be in a Python string, but in no encoding and so in no document.
JSON_STRINGS = st.lists(MARKS | st.text(st.characters(exclude_categories=["Cs"]), max_size=4), max_size=8).map(
    "".join
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | JSON_STRINGS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(JSON_STRINGS, inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.sampled_from([None, 2, "\t"]), st.booleans())
def test_json_text_is_equal_and_inert(value: Any, indent: int | str | None, ascii_only: bool) -> None:
    document = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    shown = json_text(document)
    assert json.loads(shown) == json.loads(document) == value
    assert re.fullmatch(r"[\n -~]*", shown)
    assert "##" not in shown
    assert not any(line.lstrip().startswith("::") for line in shown.splitlines())


@pytest.mark.parametrize(
    ("document", "shown"),
    [
        ('{"ë": "李"}', r'{"\u00eb": "\u674e"}'),
        ('"😀"', r'"\ud83d\ude00"'),
        ('"\x7f\x85\u2028"', r'"\u007f\u0085\u2028"'),
        ('"##[error]###"', r'"\u0023#[error]\u0023\u0023#"'),
        (r'"\\##["', r'"\\\u0023#["'),
        ('{\r\n\t"a":\t1\r\n}', '{ \n "a": 1 \n}'),
        ('"\ud800"', r'"\ud800"'),
        (r'["::", "\\", "\n", "#["]', r'["::", "\\", "\n", "#["]'),
    ],
)
def test_json_text_escapes(document: str, shown: str) -> None:
    assert json_text(document) == shown
    assert json.loads(shown) == json.loads(document)


class _Text(HTMLParser):
    """The text of a page, and how many elements it has."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.attributes: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [tag, *(value for _, value in attrs)]

    def handle_data(self, data: str) -> None:
        self.text += data


@given(FOREIGN | st.text("<>&;\"'`=/!-a ", max_size=12))
@example("<script>")
@example("&lt;b&gt;")
def test_html_is_text_between_tags_and_in_attributes(text: str) -> None:
    page = _Text()
    page.feed(f"<p title=\"{html(text)}\" lang='{html(text)}'>{html(text)}</p>")
    page.close()
    assert page.attributes == ["p", terminal(text), terminal(text)]
    assert page.text == terminal(text)


@given(FOREIGN | st.text("=+-@|\t\r '\"", max_size=6))
@example("=HYPERLINK(1)")
@example(" \t=1+1")
@example("\uff1d1")
@example('=" ,\n"')
def test_csv_is_one_field_and_no_formula(text: str) -> None:
    ((before, field, after),) = csv_reader.reader(io.StringIO(f"a,{csv(text)},b\r\n"))
    assert (before, after) == ("a", "b")
    assert unguard(field) == terminal(text)
    assert not re.match(r"\s*[-=+@\uff0d\uff1d\uff0b\uff20]", field)


def test_csv_leaves_ordinary_fields_alone() -> None:
    assert csv("Ann O'Hara, a-b@c.com") == '"Ann O\'Hara, a-b@c.com"'


def ran(line: str) -> tuple[str, dict[str, str], str]:
    """How the runner reads a command: `::name key=value,…::message` (actions/runner, ActionCommand.cs)."""
    head, _, message = line.removeprefix("::").partition("::")
    name, _, written = head.partition(" ")
    pairs = dict(pair.split("=", 1) for pair in written.split(","))
    return name, {key: decoded(value) for key, value in pairs.items()}, decoded(message)


def decoded(text: str) -> str:
    for code, char in (("%3A", ":"), ("%2C", ","), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(code, char)
    return text


@given(FOREIGN, FOREIGN | st.text("%25AD03C\n\r:,", max_size=9))
@example("a,line=1::x", "50%\n::stop-commands::x")
@example("%3A", "%0A%250A")
def test_a_workflow_command_says_what_it_was_given(title: str, message: str) -> None:
    line = f"::error title={github_property(title)},line=3::{github_data(message)}"
    assert len(line.splitlines()) == 1
    name, properties, said = ran(line)
    assert (name, properties) == ("error", {"title": terminal(title), "line": "3"})
    assert said == "\n".join(map(terminal, message.split("\n")))


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.text("\n\rEOF<=x", max_size=9))
@example("a\nx<<EOF\ny\nEOF\nz")
def test_an_output_holds_any_value(value: str) -> None:
    entry = github_output("plan", value, "ghadelimiter_4711")
    lines = entry.split("\n")
    assert lines[0] == "plan<<ghadelimiter_4711"
    assert lines.index("ghadelimiter_4711") == len(lines) - 2
    assert "\n".join(lines[1:-2]) == value


@pytest.mark.parametrize("value", ["END", "a\nEND", "END\rb", "a\r\nEND\r\n"])
def test_an_output_with_its_own_delimiter_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="delimiter"):
        github_output("plan", value, "END")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", '""'),
        ("Zoë: 李 #1", '"Zoë: 李 #1"'),
        ('a"b\\c', r'"a\"b\\c"'),
        ("\u3164\u202e\n\x7f\U000e0041", r'"\u3164\u202e\x0a\x7f\U000e0041"'),
    ],
)
def test_yaml_escapes(text: str, shown: str) -> None:
    assert yaml(text) == shown


@given(FOREIGN | st.text("\"'\\\n\t:#-[]{}&*!|>%@` ~", max_size=8))
@example("null")
@example("\u3164\x85\xa0\u2028\ufeff\U0001f600")
def test_yaml_reads_back(text: str) -> None:
    line = yaml(text)
    assert line.isprintable()
    assert "::" not in line
    assert "##" not in line
    assert len(line.splitlines()) == 1
    assert not {unicodedata.category(char) for char in line} & UNSHOWN
    reader = YAML(typ="safe", pure=True)
    assert reader.load(f"- {{developer: {line}, x: 1}}") == [
        {"developer": re.sub("[\ud800-\udfff]", "\ufffd", text), "x": 1}
    ]


@given(FOREIGN)
@example("a##b::c@city.com")
def test_an_override_to_paste_means_the_address_and_does_nothing_before(text: str) -> None:
    shown = override_to_paste(text, status="revoked")
    assert shown.isprintable()
    assert "::" not in shown
    assert "##" not in shown
    means = re.sub("[\ud800-\udfff]", "\ufffd", text)
    assert YAML(typ="safe").load(shown) == [{"developer": means, "status": "revoked", "reason": "…"}]
