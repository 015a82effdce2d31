"""The line below an error: carets below the value, and no line that may hold a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from portalctl.errors import Finding, InputError, Position
from portalctl.output.text.errors import error_text
from portalctl.output.text.excerpt import excerpt_lines, excerpts, may_contain_secret


@pytest.mark.parametrize(
    ("line", "column", "shown"),
    [
        ("  - name: City", 11, ["  4 |   - name: City", "    |           ^^^^"]),
        ("trusted_domain:", 1, ["  4 | trusted_domain:", "    | ^^^^^^^^^^^^^^"]),
        ('teams: ["a b", c]', 9, ['  4 | teams: ["a b", c]', "    |         ^^^^^"]),
        ("\tname: x", 8, ["  4 |  name: x", "    |        ^"]),
        ("name: 東京 x", 7, ["  4 | name: 東京 x", "    |       ^^^^"]),
        ("a: {b: 1}", 4, ["  4 | a: {b: 1}", "    |    ^"]),
        ("a: \x1b[31mred", 4, ["  4 | a: \\x1b[31mred", "    |    ^^^^"]),
        ("short", 9, []),
        ("x" * 200 + " y", 202, []),
        ("id: " + "é" * 200, 1, ["  4 | id: " + "é" * 68 + "…", "    | ^^"]),
    ],
)
def test_the_carets_are_below_the_value(line: str, column: int, shown: list[str]) -> None:
    assert list(excerpt_lines(line, 4, column, 80)) == shown


@pytest.mark.parametrize(
    "line",
    [
        "token: abc",
        "KONNECT_TOKEN: x",
        "  password: 'hunter2'",
        "id: kpat_f00",
        "- glpat-abc",
        "title: Qm9iIHdhcyBoZXJlIDEyMw0192837465",
        "- eyJhbGciOiJIUzI1NiJ9",
    ],
)
def test_a_line_that_may_hold_a_secret_is_not_shown(line: str) -> None:
    assert may_contain_secret(line)
    assert list(excerpt_lines(line, 1, 1, 80)) == []


@pytest.mark.parametrize("line", ["id: 3f51fa25-310a-421d-bd1a-007f859021a3", "- james@manchestercity.com", "a: b"])
def test_ordinary_lines_are_shown(line: str) -> None:
    assert not may_contain_secret(line)


def test_files_that_cannot_be_read_show_nothing(tmp_path: Path) -> None:
    file = tmp_path / "partners.yaml"
    file.write_text("version: 1\nnam: x\n")
    found = tuple(
        Finding(Position(str(name), 2, 1), "unknown key") for name in (file, tmp_path / "gone.yaml", tmp_path)
    )
    text = error_text(InputError(found), excerpts(80))
    assert text.count(" | ") == 2
    assert f"{file}:2:1: unknown key\n  2 | nam: x\n    | ^^^\n" in text
    assert text.endswith("3 errors. No portal was contacted.\n")
    assert " | " not in error_text(InputError(found))
