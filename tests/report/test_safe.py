"""What strangers typed stays visible and does nothing, in every medium."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portalctl.report.safe import json_text, terminal

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
