"""The threat model names the tests that hold its controls: each of them must be there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "portalctl" / "docs" / "security.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_control_names_tests_that_exist() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    named = NAMED.findall(text)
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).is_file() or f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8")
    ]
    assert missing == []
    controls = text.partition("## Controls and their tests")[2].partition("\n## ")[0]
    assert all(NAMED.search(control) for control in controls.strip().split("\n\n"))
    assert len(named) >= 30
