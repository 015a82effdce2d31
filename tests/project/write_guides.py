"""Writes what commands print into the guides and the README: `python -m tests.project.write_guides [FILE…]`.

Only outputs that no longer match are replaced; one with `…` lines has to be shortened again by hand.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from tests.docs.console import GUIDES, ROOT, Command, Result, commands, matches, run, steady, world


def with_outputs(text: str, listed: list[Command], results: list[Result]) -> str:
    """Return the document with the output of each command that no longer matches replaced."""
    for command, result in zip(listed, results, strict=True):
        if command.hidden or matches(command.output, result.output):
            continue
        before = "".join(f"{line}\n" for line in command.output)
        after = "".join(f"{line.rstrip()}\n" for line in steady(result.output).splitlines())
        shown = re.compile(rf"^(\$ {_with_breaks(command.line)}\n){re.escape(before)}(?=\$ |```)", re.MULTILINE)
        found = shown.search(text)
        if found is not None:
            text = text[: found.end(1)] + after + text[found.end() :]
    return text


def _with_breaks(line: str) -> str:
    """Return a pattern for a command that may be written on several lines."""
    return r"(?: |\s*\\\n\s*)".join(map(re.escape, line.split(" ")))


def main(paths: list[Path]) -> None:
    for path in paths:
        text = path.read_text(encoding="utf-8")
        listed = commands(text)
        with tempfile.TemporaryDirectory() as name, world(Path(name) / "portal-access") as env:
            results = run(listed, Path(name) / "portal-access", env)
        written = with_outputs(text, listed, results)
        if written != text:
            path.write_text(written, encoding="utf-8")
            sys.stdout.write(f"written: {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main([Path(name).resolve() for name in sys.argv[1:]] or [ROOT / "README.md", *GUIDES])
