"""Bring console blocks up to date: `python -m tests.docs.write_console README.md portalctl/docs/drift.md`.

Rewrites the outputs that no longer match, except those that are shortened by a line `…`. Read the difference.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.docs.console import commands, matches, run, steady, world


def updated(text: str) -> str:
    """Return a document with what its commands print now."""
    listed = commands(text)
    with tempfile.TemporaryDirectory() as folder, world(Path(folder) / "portal-access") as env:
        results = run(listed, Path(folder) / "portal-access", env)
    for command, result in zip(listed, results, strict=True):
        shortened = any(line.strip() == "…" for line in command.output)
        if command.output and not shortened and not matches(command.output, result.output):
            text = text.replace("\n".join([*command.output, ""]), f"{steady(result.output).rstrip()}\n", 1)
    return text


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(updated(path.read_text(encoding="utf-8")), encoding="utf-8")
