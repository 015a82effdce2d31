"""Addresses of lines in manifest files, and of the run, on GitHub or GitLab."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote

from portalctl.reason import Reason


@dataclass(frozen=True, slots=True)
class Links:
    """The addresses of a document's files and its run. None: unknown.

    Args:
        head: the address of the working folder at the commit under review, without a final slash.
        base: the address of that folder at the base commit.
        run: the address of the run's page.
        report: the address of the full report.
        request: the platform's term for the change under review.
    """

    head: str | None = None
    base: str | None = None
    run: str | None = None
    report: str | None = None
    request: str = "change"

    def of(self, why: Reason, before: bool = False) -> str | None:
        """Return the address of a rule's line, None if it has none. `before`: the line is in the base."""
        folder = self.base if before else self.head
        return _address(folder, why.file, why.line)

    def at(self, place: str) -> str | None:
        """Return the address of `file:line`."""
        file, _, line = place.rpartition(":")
        return _address(self.head, file, int(line)) if line.isdecimal() and line.isascii() else None


NO_LINKS = Links()


def _address(folder: str | None, file: str | None, line: int | None) -> str | None:
    """Return the address of a line. None for a file outside the working folder: the commit may not contain it."""
    if folder is None or not file or not line:
        return None
    path = PurePosixPath(file.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not file.isprintable():
        return None
    return f"{folder}/{quote(str(path))}#L{line}"
