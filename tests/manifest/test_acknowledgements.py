"""The file of acknowledgements: every error at once, with its place."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from portalctl.errors import InputError, Position
from portalctl.manifest.acknowledgements_file import Acknowledgement, acknowledgements, load_acknowledgements
from portalctl.manifest.files import File

GOOD = """\
version: 1
acknowledgements:
  - {finding: f0123456789ab, reason: "Until the audit", expires: 2026-12-31}
  - finding: fba9876543210
    reason: agreed
"""


def read(text: str) -> tuple[Acknowledgement, ...]:
    return acknowledgements(File("known.yaml", "known.yaml", "/known.yaml", text.encode()))


def wrong(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(text)
    return [str(finding) for finding in caught.value.findings]


def test_a_file_in_full(tmp_path: Path) -> None:
    first, second = read(GOOD)
    assert first == Acknowledgement(
        "f0123456789ab", "Until the audit", date(2026, 12, 31), Position("known.yaml", 3, 5)
    )
    assert (second.expires, second.at.line) == (None, 4)
    path = tmp_path / "known.yaml"
    path.write_text(GOOD)
    assert [acknowledgement.finding for acknowledgement in load_acknowledgements(path)] == [
        first.finding,
        second.finding,
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 1\nacknowledgements: [{finding: abc, reason: x}]", "2:30: 'abc': expected the fingerprint of"),
        ("version: 1\nacknowledgements: [{finding: f0123456789ab}]", "2:20: the key 'reason' is missing here"),
        ("version: 1\nacknowledgements: [{finding: f0123456789ab, reason: x, until: 2026-01-01}]",
         "2:56: unknown key 'until'; write 'expires' instead"),
        ("version: 1\nacknowledgements: [{finding: f0123456789ab, reason: x, expires: soon}]", "expected a date"),
        ("version: 2\nacknowledgements: []", "known.yaml:1:10: expected `version: 1`"),
        ("version: 1\nacknowledgments: []", "2:1: unknown key 'acknowledgments'; did you mean 'acknowledgements'?"),
        ("- f0123456789ab", "1:1: expected a mapping that begins with `version: 1`; found a list"),
        ("", "1:1: this file is empty"),
        (GOOD + "  - {finding: f0123456789ab, reason: again}", "f0123456789ab is acknowledged in line 3 already"),
        (GOOD + "  - {finding: f0123456789ac, reason: }", "6:30: null is not allowed here"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_place(text: str, message: str) -> None:
    (only,) = wrong(text)
    assert message in only


def test_all_errors_at_once() -> None:
    text = "version: 1\nacknowledgements:\n  - {finding: 7, reason: x}\n  - {finding: f0123456789ab, reason: ''}\n"
    assert len(wrong(text)) == 2


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_acknowledgements(tmp_path / "none.yaml")
    assert "none.yaml:1:1: cannot read this file" in str(caught.value.findings[0])
